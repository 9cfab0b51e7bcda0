"""The small Sphinx extensions of the book."""
