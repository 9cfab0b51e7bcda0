"""Against other libraries, where they can run at all.

BackPACK takes networks made of modules only; a network with residual additions must be rebuilt by its converter (see the benchmark).
Opacus takes neither BatchNorm nor evaluation mode: a network with GroupNorm, in training mode, without dropout. Captum's per-sample
gradients know neither groups nor padding by name.
"""

import copy

import pytest
import torch
from oracles import drawn
from torch import nn

from tutorial_lib import gradients as g

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
LABELS = torch.tensor([1, 0, 2, 2])


def pictures():
    return torch.rand(4, 3, 9, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def network(norm):
    layers = (
        nn.Conv2d(3, 8, 3, 2, 1),
        norm(),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, groups=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(72, 5),
    )
    return drawn(nn.Sequential(*layers).double())


def test_backpack(untouched):
    backpack = pytest.importorskip("backpack")
    from backpack.extensions import BatchGrad, BatchL2Grad

    model = untouched(network(lambda: nn.BatchNorm2d(8)))
    theirs, loss = backpack.extend(copy.deepcopy(model)), backpack.extend(nn.CrossEntropyLoss(reduction="sum"))
    with backpack.backpack(BatchGrad(), BatchL2Grad()):
        loss(theirs(pictures()), LABELS).backward()
    mine = g.parameter_gradients(model, pictures(), g.cross_entropy(LABELS))
    norms = g.gradient_norms(model, pictures(), g.cross_entropy(LABELS), by="tensor")
    for column, (name, p) in zip(norms.T, theirs.named_parameters(), strict=True):
        torch.testing.assert_close(mine[name], p.grad_batch, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(column, p.grad_batch.flatten(1).norm(dim=1), rtol=1e-9, atol=1e-12)
        if name != "3.weight":  # with groups, BackPACK 1.7.1's BatchL2Grad contradicts its own BatchGrad
            torch.testing.assert_close(column.square(), p.batch_l2, rtol=1e-9, atol=1e-12)


def test_opacus(untouched):
    opacus = pytest.importorskip("opacus")
    model = untouched(network(lambda: nn.GroupNorm(2, 8)).train())
    theirs = opacus.GradSampleModule(copy.deepcopy(model), loss_reduction="sum")
    nn.functional.cross_entropy(theirs(pictures()), LABELS, reduction="sum").backward()
    mine = g.parameter_gradients(model, pictures(), g.cross_entropy(LABELS))
    for name, p in theirs._module.named_parameters():
        torch.testing.assert_close(mine[name], p.grad_sample, rtol=1e-9, atol=1e-12)


def test_captum(untouched):
    attr = pytest.importorskip("captum.attr")
    model = untouched(network(lambda: nn.BatchNorm2d(8)))
    theirs = attr.Saliency(copy.deepcopy(model)).attribute(pictures(), LABELS, abs=False)
    torch.testing.assert_close(g.input_gradient(model, pictures(), LABELS), theirs, rtol=1e-10, atol=0)
    other = copy.deepcopy(model)
    # Saliency of a layer: captum's, summed over nothing.
    theirs = attr.LayerGradientXActivation(other, other[3]).attribute(pictures(), LABELS)
    activation, gradient = g.layer_gradient(model, pictures(), "3", LABELS)
    torch.testing.assert_close(activation * gradient, theirs, rtol=1e-10, atol=1e-14)
