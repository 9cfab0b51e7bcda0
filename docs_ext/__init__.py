"""Small Sphinx extensions of the book."""
