"""Tests of the experiment on novelty detection with a VAE and its controls."""

import torch

from experiments import novelty_controls as study
from tutorial_course.results import load_result
from tutorial_lib.models import VariationalAutoencoder


def test_detector_inputs_need_a_backward_pass_only_for_the_gradient():
    vae, x = VariationalAutoencoder().requires_grad_(False), torch.rand(2, 3, 28, 28)
    inputs = study.detector_inputs(vae, x)
    torch.testing.assert_close(inputs["residual"], (x - vae(x)).flatten(1))
    assert inputs["activation norms"].shape[0] == 2 and inputs["activation norms"].isfinite().all()
    vae.requires_grad_(True)
    loss = torch.nn.functional.binary_cross_entropy(vae(x[:1]), x[:1], reduction="sum")
    (expected,) = torch.autograd.grad(loss, vae.decoder[0].weight)
    torch.testing.assert_close(inputs["gradient"][0], expected.flatten(), rtol=1e-3, atol=1e-4)


def test_novelty_controls_table_is_complete():
    table = load_result("novelty_controls")
    assert len(table) == 2 * len(study.NORMAL_SIGNS) * len(study.SEEDS)
    assert not table.duplicated(["dataset", "normal", "seed"]).any()
    columns = ["gradient", "activation norms", "residual", "gradient norm", "squared error"]
    assert table[columns].stack().between(0, 1).all()
