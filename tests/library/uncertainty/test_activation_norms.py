"""Activation norms of all layers, compared with hooks on single images."""

import pytest
import torch
from torch import nn

from tutorial_lib import gradients as g
from tutorial_lib.uncertainty import activation_norms, confounding_gradient_norms


def test_activation_norms_match_the_outputs_of_every_layer(signs, images, assert_unchanged):
    norms = activation_norms(assert_unchanged(signs), images, batch_size=2)
    names = g.layer_names(signs)
    assert norms.shape == confounding_gradient_norms(signs, images).shape == (len(images), len(names))
    assert norms.dtype == images.dtype and not norms.requires_grad
    for i, image in enumerate(images):
        outputs = {}
        hooks = [
            g.find_layer(signs, name).register_forward_hook(lambda m, x, out, n=name: outputs.update({n: out.norm()}))
            for name in names
        ]
        with torch.no_grad():
            signs.eval()(image[None])
        [hook.remove() for hook in hooks]
        expected = torch.stack([outputs[name] for name in names])
        torch.testing.assert_close(norms[i], expected)
    assert torch.equal(activation_norms(signs, images, layers=names[2], batch_size=2)[:, 0], norms[:, 2])


def test_activation_norms_of_repeated_and_unused_layers():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(2, 2, bias=False), nn.Linear(2, 2)
            self.used.weight.data = 2 * torch.eye(2)

        def forward(self, x):
            return self.used(self.used(x))

    norms = activation_norms(Twice(), torch.tensor([[3.0, 4.0]]))
    assert norms[0].tolist() == pytest.approx([(10**2 + 20**2) ** 0.5, 0])


def test_activation_norms_reject_outputs_that_are_not_one_row_per_image():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.cells, self.head = nn.LSTM(2, 3, batch_first=True), nn.Linear(3, 2)

        def forward(self, x):
            return self.head(self.cells(x)[0][:, -1])

    with pytest.raises(ValueError, match="output of the layer cells is not a tensor"):
        activation_norms(Recurrent(), torch.rand(2, 4, 2))
    assert activation_norms(Recurrent(), torch.rand(2, 4, 2), layers="head").shape == (2, 1)
