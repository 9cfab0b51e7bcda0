"""Gradients in neural networks: extraction, interpretation and applications in image understanding.

Every method of the course answers three questions: with respect to *what* is the gradient taken, of *which expectation*,
and *what is read off* it. The library is laid out the same way: :mod:`tutorial_lib.data` is what a network looks at,
:mod:`tutorial_lib.models` is what looks, and the rooms above them take gradients and read them.

Rooms are imported by name (``from tutorial_lib import data``); importing the package alone costs next to nothing.
"""

__version__ = "0.1.0.dev0"
