"""Speed and memory of the library compared with other libraries in the same run: ``python -m benchmarks``."""
