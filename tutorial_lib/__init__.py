"""Gradients in neural networks: extraction, interpretation and applications in image understanding.

Every method of the course answers three questions: which objective is differentiated, with respect to which variables,
and which quantity is computed from the gradient. :mod:`tutorial_lib.data` and :mod:`tutorial_lib.models` provide images
and networks, :mod:`tutorial_lib.gradients` differentiates them, and the packages above it implement the methods.

Every function accepts NumPy arrays, lists of numbers and lists of tensors where it expects a tensor, and NumPy numbers
where it expects a number. It refuses other types, NaN as a number, and images of Pillow with a ValueError that says
what to pass. Results have the dtype and the device of the arguments, whatever the defaults of PyTorch are.

Import packages by name (``from tutorial_lib import data``). Importing ``tutorial_lib`` alone loads none of them.
"""

__version__ = "0.1.0.dev0"
