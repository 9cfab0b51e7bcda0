"""Gradients compared with other libraries, where those can be applied.

BackPACK accepts only networks made of modules; its converter has to rebuild a network with residual additions (see the
benchmark). Opacus accepts neither BatchNorm nor evaluation mode, so its network has GroupNorm, no dropout, and is in
training mode. Captum's per-sample gradients support neither groups nor padding by name.
"""

import copy

import pytest
import torch
from torch import nn

from tests._reference import init_with_seed
from tutorial_lib import gradients as g

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
LABELS = torch.tensor([1, 0, 2, 2])


def random_images():
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
    return init_with_seed(nn.Sequential(*layers).double())


def test_per_sample_gradients_match_backpack(assert_unchanged):
    backpack = pytest.importorskip("backpack")
    from backpack.extensions import BatchGrad, BatchL2Grad

    model = assert_unchanged(network(lambda: nn.BatchNorm2d(8)))
    theirs, loss = backpack.extend(copy.deepcopy(model)), backpack.extend(nn.CrossEntropyLoss(reduction="sum"))
    with backpack.backpack(BatchGrad(), BatchL2Grad()):
        loss(theirs(random_images()), LABELS).backward()
    mine = g.per_sample_gradients(model, random_images(), g.cross_entropy(LABELS))
    norms = g.per_sample_gradient_norms(model, random_images(), g.cross_entropy(LABELS), group_by="tensor")
    for column, (name, p) in zip(norms.T, theirs.named_parameters(), strict=True):
        torch.testing.assert_close(mine[name], p.grad_batch, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(column, p.grad_batch.flatten(1).norm(dim=1), rtol=1e-9, atol=1e-12)
        if name != "3.weight":  # with groups, BackPACK 1.7.1's BatchL2Grad contradicts its own BatchGrad
            torch.testing.assert_close(column.square(), p.batch_l2, rtol=1e-9, atol=1e-12)


def test_per_sample_gradients_match_opacus(assert_unchanged):
    opacus = pytest.importorskip("opacus")
    model = assert_unchanged(network(lambda: nn.GroupNorm(2, 8)).train())
    theirs = opacus.GradSampleModule(copy.deepcopy(model), loss_reduction="sum")
    nn.functional.cross_entropy(theirs(random_images()), LABELS, reduction="sum").backward()
    mine = g.per_sample_gradients(model, random_images(), g.cross_entropy(LABELS))
    for name, p in theirs._module.named_parameters():
        torch.testing.assert_close(mine[name], p.grad_sample, rtol=1e-9, atol=1e-12)


def test_input_and_layer_gradients_match_captum(assert_unchanged):
    attr = pytest.importorskip("captum.attr")
    model = assert_unchanged(network(lambda: nn.BatchNorm2d(8)))
    theirs = attr.Saliency(copy.deepcopy(model)).attribute(random_images(), LABELS, abs=False)
    torch.testing.assert_close(g.input_gradient(model, random_images(), LABELS), theirs, rtol=1e-10, atol=0)
    other = copy.deepcopy(model)
    # The saliency of a layer in captum is not summed over channels.
    theirs = attr.LayerGradientXActivation(other, other[3]).attribute(random_images(), LABELS)
    activation, gradient = g.layer_gradient(model, random_images(), "3", LABELS)
    torch.testing.assert_close(activation * gradient, theirs, rtol=1e-10, atol=1e-14)


def test_gradient_products_match_captum(assert_unchanged):
    """TracInCP of the last weight, with one checkpoint and a learning rate of 1; captum ignores the bias."""
    influence = pytest.importorskip("captum.influence")
    model, others = network(lambda: nn.BatchNorm2d(8)), random_images().flip(0, 3)
    model[6].bias = None
    assert_unchanged(model)
    peer = influence.TracInCPFast(
        copy.deepcopy(model),
        "6",
        torch.utils.data.TensorDataset(others, LABELS.flip(0)),
        ["a checkpoint"],
        lambda model, path: 1.0,
        nn.CrossEntropyLoss(reduction="sum"),
        batch_size=3,
    )
    with torch.random.fork_rng([]):  # captum draws from the global generator
        theirs = peer.influence((random_images(), LABELS))
    losses = g.cross_entropy(LABELS), g.cross_entropy(LABELS.flip(0))
    mine = g.gradient_products(model, random_images(), others, *losses, layers="6")
    torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-12)


def test_gradient_products_match_torch_func(assert_unchanged):
    """The empirical neural tangent kernel of all parameters."""
    model, images = assert_unchanged(network(lambda: nn.BatchNorm2d(8))), random_images()
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def logit(parameters, image):
        return torch.func.functional_call(model, parameters, (image[None],))[0, 3]

    J = torch.func.vmap(torch.func.grad(logit), (None, 0))(parameters, images).values()
    kernel = sum(torch.einsum("n...,m...->nm", gradient, gradient) for gradient in J)
    torch.testing.assert_close(g.gradient_products(model, images, images, 3, 3), kernel, rtol=1e-9, atol=1e-12)
