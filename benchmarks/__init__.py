"""Speed and memory of the library against its peers, side by side in one run: ``python -m benchmarks``."""
