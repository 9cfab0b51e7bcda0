"""Every public function, with arguments as people hand them over: an error that says what to do, or a right answer."""

import importlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.library.fuzz.mutations import Case, applicable_mutations, check_contract, mutated_arguments

PACKAGES = ("gradients", "measures", "foundations", "information", "uncertainty", "expectancy")
CASES = {room: importlib.import_module(f"tests.library.fuzz.cases_{room}").CASES for room in PACKAGES}
EXCLUDED = {room: importlib.import_module(f"tests.library.fuzz.cases_{room}").LEFT_OUT for room in PACKAGES}
ALL_CASES = [(room, name) for room in PACKAGES for name in CASES[room]]
MUTATIONS_BY_FUNCTION = {}


def public_name(name):
    """The public name that a case is of."""
    return name.replace(",", " ").replace(".", " ").split()[0]


@pytest.mark.parametrize("room", PACKAGES)
def test_fuzz_cases_cover_every_public_name(room):
    public = set(importlib.import_module(f"tutorial_lib.{room}").__all__)
    tried, left = {public_name(name) for name in CASES[room]}, set(EXCLUDED[room])
    assert public == tried | left, "a new public name: add a case, or say in LEFT_OUT why there is none"
    assert not tried & left


@pytest.mark.parametrize("room, name", ALL_CASES, ids=[f"{room}.{name}" for room, name in ALL_CASES])
def test_public_functions_accept_valid_arguments(room, name):
    case = CASES[room][name]
    case.call(**case.given)
    assert check_contract(case, [(next(iter(case.given)), "nothing")]) is None


@pytest.mark.parametrize("room, name", ALL_CASES, ids=[f"{room}.{name}" for room, name in ALL_CASES])
@given(data=st.data())
@settings(derandomize=True, max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_public_functions_raise_clear_errors_or_are_correct(room, name, data):
    case = CASES[room][name]
    harms = data.draw(
        mutated_arguments(case, MUTATIONS_BY_FUNCTION.setdefault((room, name), applicable_mutations(case)))
    )
    wrong = check_contract(case, harms)
    assert not wrong, f"{harms}: {wrong}"


# What was found by it once, each as small as it gets; and what is tried of every function that has it.
REGRESSIONS = [
    ("gradients.input_gradient", "objective", "labels of uint8"),
    ("gradients.input_gradient", "objective", "labels of bool"),
    ("gradients.input_gradient", "x", "float32"),
    ("gradients.outputs_and_class_gradients", "classes", "no columns"),
    ("gradients.gradient_sketch", "x", "no samples"),
    ("gradients.reconstruction_mse", "outputs", "an axis behind"),
    ("gradients.gradient_norms_from_gram", "K", "float32"),
    ("metrics.accuracy", "predictions", "nan"),
    ("metrics.macro_f1", "predictions", "nan"),
    ("metrics.average_ranks", "values", "nan"),
    ("metrics.outlier_ratio", "spread", "a row less"),
    ("metrics.fit_temperature", "labels", "labels of uint8"),
    ("foundations.linearization_radius", "slope", "nan"),
    ("foundations.linearization_radius", "losses", "nan"),
    ("foundations.linearization_radius", "start", "a row less"),
    ("foundations.steepest_descent_step linf", "gradient", "nan"),
    ("foundations.steepest_descent_step l1", "gradient", "nan"),
    ("foundations.steepest_descent_step spectral", "gradient", "nan"),
    ("foundations.steepest_descent_step spectral", "gradient", "all float16"),
    ("foundations.decompose_gradients", "gradients", "all bfloat16"),
    ("foundations.minimal_feature_shift", "P", "below zero"),
    ("foundations.minimal_weight_update", "P", "labels of uint8"),
    ("foundations.class_mean_gradients", "labels", "labels of uint8"),
    ("foundations.TrustScore", "batch_size", "batch_size 0"),
    ("foundations.TrustScore.fit", "h", "all float16"),
    ("foundations.TrustScore.fit", "h", "nan"),
    ("foundations.trajectory_pca", "w", "nan"),
    ("foundations.fisher_diagonal", "x", "float32"),
    ("attribution.map_iou", "first", "nan"),
    ("attribution.map_snr", "maps", "nan"),
    ("attribution.normalize_maps", "maps", "no samples"),
    ("attribution.MLPHead.fit", "label", "below zero"),
    ("uncertainty.grad_trust", "logits", "nan"),
    ("uncertainty.open_set_predict", "score", "nan"),
    ("uncertainty.PurviewDetector.fit", "a", "uint8"),
    ("uncertainty.deepfool", "label", "out of range"),
    ("uncertainty.carlini_wagner", "label", "labels of uint8"),
    ("uncertainty.attack_success", "label", "out of range"),
    ("uncertainty.random_noise", "x", "no samples"),
    ("quality.UNIQUEQuality.fit", "x", "with a graph"),
    ("quality.surprisal", "reference", "constant"),
    ("quality.ssim", "x", "float32"),
]


@pytest.mark.parametrize("name, argument, harm", REGRESSIONS)
def test_fuzz_regressions(name, argument, harm):
    room, _, name = name.partition(".")
    assert (argument, harm) in applicable_mutations(CASES[room][name])
    assert check_contract(CASES[room][name], [(argument, harm)]) is None


# The judge itself can fail.


def _depends_on_batch(x):
    return x - x.mean(0)  # knows its neighbours


def _hides_nan(x):
    return x.nan_to_num().sum(1)


def _raises_torch_error(x):
    return x @ x.new_ones(3, 3)


def _modifies_input(x):
    return x.abs_().sum(1)


@pytest.mark.parametrize(
    "f, harm, said",
    [
        (_depends_on_batch, "nothing", "row 0 alone"),
        (_hides_nan, "nan", "a number out"),
        (_raises_torch_error, "a column less", "RuntimeError"),
        (_modifies_input, "negative", "changed"),
    ],
)
def test_check_contract_detects_violations(f, harm, said):
    import torch

    x = torch.rand(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert said in (check_contract(Case(f, {"x": x}), [("x", harm)]) or "")


def test_input_gradient_rejects_labels_longer_than_the_batch():
    import torch

    from tutorial_lib import gradients

    with pytest.raises(ValueError, match="bound to 4 rows, x has 2 samples"):
        gradients.input_gradient(torch.nn.Linear(3, 3), torch.rand(2, 3), torch.tensor([0, 1, 2, 0]), batch_size=2)
