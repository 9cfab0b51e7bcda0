"""The engine's own fixtures hold here too: the model is borrowed, and given back as it was."""

from gradients.conftest import images, labels, signs, untouched  # noqa: F401
