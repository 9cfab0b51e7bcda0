"""Every public function, with arguments as people hand them over: an error that says what to do, or a right answer."""

import importlib

import pytest
from fuzz.harm import Case, judge, spoiled, ways
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOMS = ("gradients", "measures", "foundations", "information", "uncertainty", "expectancy")
CASES = {room: importlib.import_module(f"fuzz.cases_{room}").CASES for room in ROOMS}
LEFT_OUT = {room: importlib.import_module(f"fuzz.cases_{room}").LEFT_OUT for room in ROOMS}
EVERY = [(room, name) for room in ROOMS for name in CASES[room]]
WAYS = {}


def named(name):
    """The public name that a case is of."""
    return name.replace(",", " ").replace(".", " ").split()[0]


@pytest.mark.parametrize("room", ROOMS)
def test_no_public_name_is_forgotten(room):
    public = set(importlib.import_module(f"tutorial_lib.{room}").__all__)
    tried, left = {named(name) for name in CASES[room]}, set(LEFT_OUT[room])
    assert public == tried | left, "a new public name: add a case, or say in LEFT_OUT why there is none"
    assert not tried & left


@pytest.mark.parametrize("room, name", EVERY, ids=[f"{room}.{name}" for room, name in EVERY])
def test_good_arguments_are_taken(room, name):
    case = CASES[room][name]
    case.call(**case.given)
    assert judge(case, [(next(iter(case.given)), "nothing")]) is None


@pytest.mark.parametrize("room, name", EVERY, ids=[f"{room}.{name}" for room, name in EVERY])
@given(data=st.data())
@settings(derandomize=True, max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_an_error_that_says_what_to_do_or_a_right_answer(room, name, data):
    case = CASES[room][name]
    harms = data.draw(spoiled(case, WAYS.setdefault((room, name), ways(case))))
    wrong = judge(case, harms)
    assert not wrong, f"{harms}: {wrong}"


# What was found by it once, each as small as it gets; and what is tried of every function that has it.
FOUND = [
    ("gradients.input_gradient", "objective", "labels of uint8"),
    ("gradients.input_gradient", "objective", "labels of bool"),
    ("gradients.input_gradient", "x", "float32"),
    ("gradients.outputs_and_jacobian", "classes", "no columns"),
    ("gradients.gradient_sketch", "x", "no samples"),
    ("gradients.reconstruction", "outputs", "an axis behind"),
    ("gradients.norms_from_gram", "K", "float32"),
    ("measures.accuracy", "predictions", "nan"),
    ("measures.macro_f1", "predictions", "nan"),
    ("measures.ranks", "values", "nan"),
    ("measures.outlier_ratio", "spread", "a row less"),
    ("measures.temperature_scaling", "labels", "labels of uint8"),
    ("foundations.validity_radius", "slope", "nan"),
    ("foundations.validity_radius", "losses", "nan"),
    ("foundations.validity_radius", "start", "a row less"),
    ("foundations.steepest linf", "gradient", "nan"),
    ("foundations.steepest l1", "gradient", "nan"),
    ("foundations.steepest spectral", "gradient", "nan"),
    ("foundations.steepest spectral", "gradient", "all float16"),
    ("foundations.compose", "gradients", "all bfloat16"),
    ("foundations.least_move", "P", "below zero"),
    ("foundations.least_bend", "P", "labels of uint8"),
    ("foundations.class_means", "labels", "labels of uint8"),
    ("foundations.TrustScore", "chunk", "chunk 0"),
    ("foundations.TrustScore.fit", "h", "all float16"),
    ("foundations.TrustScore.fit", "h", "nan"),
    ("foundations.trajectory_plane", "w", "nan"),
    ("foundations.fisher_diagonal", "x", "float32"),
    ("information.overlap", "first", "nan"),
    ("information.signal_to_noise", "maps", "nan"),
    ("information.normalise", "maps", "no samples"),
    ("information.SecondStage.fit", "label", "below zero"),
    ("uncertainty.grad_trust", "logits", "nan"),
    ("uncertainty.open_set", "score", "nan"),
    ("uncertainty.PurviewDetector.fit", "a", "uint8"),
    ("uncertainty.deepfool", "label", "out of range"),
    ("uncertainty.carlini_wagner", "label", "labels of uint8"),
    ("uncertainty.fooled", "label", "out of range"),
    ("uncertainty.random_noise", "x", "no samples"),
    ("expectancy.SparseQuality.fit", "x", "with a graph"),
    ("expectancy.surprisal", "reference", "constant"),
    ("expectancy.ssim", "x", "float32"),
]


@pytest.mark.parametrize("name, argument, harm", FOUND)
def test_what_was_found_once(name, argument, harm):
    room, _, name = name.partition(".")
    assert (argument, harm) in ways(CASES[room][name])
    assert judge(CASES[room][name], [(argument, harm)]) is None


# The judge itself can fail.


def _wrong(x):
    return x - x.mean(0)  # knows its neighbours


def _silent(x):
    return x.nan_to_num().sum(1)


def _raw(x):
    return x @ x.new_ones(3, 3)


def _spoiling(x):
    return x.abs_().sum(1)


@pytest.mark.parametrize(
    "f, harm, said",
    [
        (_wrong, "nothing", "row 0 alone"),
        (_silent, "nan", "a number out"),
        (_raw, "a column less", "RuntimeError"),
        (_spoiling, "negative", "changed"),
    ],
)
def test_what_is_wrong_is_seen(f, harm, said):
    import torch

    x = torch.rand(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert said in (judge(Case(f, {"x": x}), [("x", harm)]) or "")


def test_a_batch_and_labels_that_fit_chunk_by_chunk_but_not_together_are_refused():
    import torch

    from tutorial_lib import gradients

    with pytest.raises(ValueError, match="bound to 4 rows, x has 2 samples"):
        gradients.input_gradient(torch.nn.Linear(3, 3), torch.rand(2, 3), torch.tensor([0, 1, 2, 0]), chunk=2)
