"""Every public function, called with typical wrong arguments, raises a clear error or returns a correct result."""

import importlib

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.library.fuzz.mutations import (
    ENTRANCES,
    WRONG_TYPES,
    Case,
    applicable_mutations,
    check_contract,
    check_entrances,
    move,
    mutated_arguments,
    tensors,
)

PACKAGES = ("gradients", "metrics", "foundations", "attribution", "uncertainty", "quality_and_saliency")
CASES = {package: importlib.import_module(f"tests.library.fuzz.cases_{package}").CASES for package in PACKAGES}
EXCLUDED = {package: importlib.import_module(f"tests.library.fuzz.cases_{package}").LEFT_OUT for package in PACKAGES}
ALL_CASES = [(package, name) for package in PACKAGES for name in CASES[package]]
# The models of these cases are not among the arguments, but on the CPU; the tests of their classes use a GPU.
CASES_ON_GPU = [
    (package, name) for package, name in ALL_CASES if name not in ("IntrospectiveClassifier", "MLPHead", "GradCon")
]
MUTATIONS_BY_FUNCTION = {}
RANDOM = settings(derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
all_cases = pytest.mark.parametrize(
    "package, name", ALL_CASES, ids=[f"{package}.{name}" for package, name in ALL_CASES]
)


def public_name(name):
    """Return the public name that a case belongs to."""
    return name.replace(",", " ").replace(".", " ").split()[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_fuzz_cases_cover_every_public_name(package):
    public = {
        name for part in package.split("_and_") for name in importlib.import_module(f"tutorial_lib.{part}").__all__
    }
    covered, excluded = {public_name(name) for name in CASES[package]}, set(EXCLUDED[package])
    assert public == covered | excluded, "a new public name: add a case, or say in LEFT_OUT why there is none"
    assert not covered & excluded


@all_cases
def test_public_functions_accept_valid_arguments(package, name):
    case = CASES[package][name]
    case.call(**case.arguments)
    assert check_contract(case, [(next(iter(case.arguments)), "nothing")]) is None


@pytest.mark.parametrize("package, name", CASES_ON_GPU, ids=[f"{package}.{name}" for package, name in CASES_ON_GPU])
def test_public_functions_on_gpu_match_cpu_and_are_unchanged_by_autocast(package, name, accelerator):
    case = CASES[package][name]
    expected = tensors(case.call(**case.arguments))
    result = tensors(case.call(**move(case.arguments, accelerator)))
    for a, b in zip(result, expected, strict=True):
        torch.testing.assert_close(a.cpu(), b, rtol=1e-4, atol=1e-6)
    single = move(move(case.arguments, accelerator), torch.float32)
    expected = tensors(case.call(**single))
    with torch.autocast(accelerator.type, torch.bfloat16):
        result = tensors(case.call(**single))
    torch.testing.assert_close(result, expected, rtol=1e-3, atol=1e-5, equal_nan=True)


def find_violation(package, name, data):
    """Return the random mutations and the violation of the contract that they cause, or an empty text."""
    case = CASES[package][name]
    applicable = MUTATIONS_BY_FUNCTION.setdefault((package, name), applicable_mutations(case))
    mutations = data.draw(mutated_arguments(applicable))
    violation = check_contract(case, mutations)
    return f"{mutations}: {violation}" if violation else ""


@all_cases
@given(data=st.data())
@settings(RANDOM, max_examples=3)
def test_public_functions_raise_clear_errors_or_are_correct(package, name, data):
    assert not find_violation(package, name, data)


@pytest.mark.slow
@all_cases
@given(data=st.data())
@settings(RANDOM, max_examples=30)
def test_public_functions_raise_clear_errors_or_are_correct_in_many_examples(package, name, data):
    assert not find_violation(package, name, data)


@all_cases
def test_public_functions_return_the_same_for_arrays_and_numpy_numbers(package, name):
    assert not check_entrances(CASES[package][name], ENTRANCES, same_result=True)


@all_cases
def test_public_functions_explain_wrong_types(package, name):
    assert not check_entrances(CASES[package][name], WRONG_TYPES, same_result=False)


# Violations that were found once, each as small as possible, and the same mutation of every similar function.
REGRESSIONS = [
    ("gradients.input_gradient", "objective", "labels of uint8"),
    ("gradients.input_gradient", "objective", "labels of bool"),
    ("gradients.input_gradient", "x", "float32"),
    ("gradients.outputs_and_class_gradients", "classes", "no columns"),
    ("gradients.gradient_sketch", "x", "no samples"),
    ("gradients.reconstruction_mse", "outputs", "an axis behind"),
    ("gradients.gradient_norms_from_gram", "gram", "float32"),
    ("metrics.accuracy", "predictions", "nan"),
    ("metrics.macro_f1", "predictions", "nan"),
    ("metrics.average_ranks", "values", "nan"),
    ("foundations.linearization_radius", "slope", "nan"),
    ("foundations.linearization_radius", "losses", "nan"),
    ("foundations.linearization_radius", "start", "a row less"),
    ("foundations.gradient_descent", "start", "no samples"),
    ("foundations.steepest_descent_step linf", "gradient", "nan"),
    ("foundations.steepest_descent_step l1", "gradient", "nan"),
    ("foundations.steepest_descent_step spectral", "gradient", "nan"),
    ("foundations.steepest_descent_step spectral", "gradient", "all float16"),
    ("foundations.decompose_gradients", "gradients", "all bfloat16"),
    ("foundations.minimal_weight_update", "P", "below zero"),
    ("foundations.minimal_weight_update", "P", "labels of uint8"),
    ("foundations.class_mean_gradients", "labels", "labels of uint8"),
    ("foundations.TrustScore", "batch_size", "batch_size 0"),
    ("foundations.TrustScore.fit", "h", "all float16"),
    ("foundations.TrustScore.fit", "h", "nan"),
    ("foundations.trajectory_pca", "w", "nan"),
    ("foundations.fisher_diagonal", "x", "float32"),
    ("attribution.map_iou", "first", "nan"),
    ("attribution.map_snr", "maps", "nan"),
    ("attribution.map_snr", "maps", "no samples"),
    ("attribution.normalize_maps", "maps", "no samples"),
    ("attribution.MLPHead.fit", "label", "below zero"),
    ("uncertainty.grad_trust", "logits", "nan"),
    ("uncertainty.open_set_predict", "score", "nan"),
    ("uncertainty.PurviewDetector.fit", "a", "uint8"),
    ("uncertainty.deepfool", "label", "out of range"),
    ("uncertainty.carlini_wagner", "label", "labels of uint8"),
    ("uncertainty.attack_success", "label", "out of range"),
    ("uncertainty.random_noise", "x", "no samples"),
    ("uncertainty.random_noise", "eps", "with a graph"),
    ("quality_and_saliency.UNIQUEQuality.fit", "x", "with a graph"),
    ("quality_and_saliency.surprisal", "reference", "constant"),
    ("quality_and_saliency.ssim", "x", "float32"),
]


@pytest.mark.parametrize("name, argument, mutation", REGRESSIONS)
def test_fuzz_regressions(name, argument, mutation):
    package, _, name = name.partition(".")
    assert (argument, mutation) in applicable_mutations(CASES[package][name])
    assert check_contract(CASES[package][name], [(argument, mutation)]) is None


# The check itself can fail.


def _depends_on_batch(x):
    return x - x.mean(0)  # depends on the other rows


def _hides_nan(x):
    return x.nan_to_num().sum(1)


def _raises_torch_error(x):
    return x @ x.new_ones(3, 3)


def _modifies_input(x):
    return x.abs_().sum(1)


@pytest.mark.parametrize(
    "f, mutation, message",
    [
        (_depends_on_batch, "nothing", "row 0 alone"),
        (_hides_nan, "nan", "finite result out"),
        (_raises_torch_error, "a column less", "RuntimeError"),
        (_modifies_input, "negative", "changed"),
    ],
)
def test_check_contract_detects_violations(f, mutation, message):
    x = torch.rand(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert message in (check_contract(Case(f, {"x": x}), [("x", mutation)]) or "")


def test_input_gradient_rejects_labels_longer_than_the_batch():
    from tutorial_lib import gradients

    with pytest.raises(ValueError, match="bound to 4 rows, x has 2 samples"):
        gradients.input_gradient(torch.nn.Linear(3, 3), torch.rand(2, 3), torch.tensor([0, 1, 2, 0]), batch_size=2)
