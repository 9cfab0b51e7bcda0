"""Tests of the experiment on the training paths of two optimizers."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from experiments import optimizer_paths
from tutorial_course.results import load_result


def test_path_recorder_compares_steps_with_gradient():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torch.nn.Linear(5, 3)
    recorder = optimizer_paths.PathRecorder(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    cross_entropy(model(torch.ones(1, 5)), torch.tensor([1])).backward()
    optimizer.step()
    recorder.after_step()
    (step,) = recorder.steps
    assert step["cosine"] == pytest.approx(1) and step["length"] == pytest.approx(0.1 * step["gradient"])


def test_stored_steps_follow_update_rules():
    steps = load_result("optimizer_paths").query("kind == 'step'").set_index("optimizer")
    first = steps.loc["AdamW"].iloc[0]
    assert first["step"] == 0 and first["cosine_sign"] > 0.999
    assert steps.loc["SGD", "cosine"].astype(float).min() > 0.999


def test_stored_paths_begin_at_the_same_weights():
    paths = load_result("optimizer_paths").query("kind == 'path' and step == 0")
    assert len(paths) == 2 and paths["first"].nunique() == 1 and paths["loss"].nunique() == 1
