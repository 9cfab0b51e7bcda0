"""Commands: slides, PDF, bundle, stored outputs, address and version."""
