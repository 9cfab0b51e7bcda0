"""Properties that every attribution method shares."""

import copy
from functools import partial

import pytest
import torch

from tutorial_lib import attribution as i
from tutorial_lib import gradients as g


def seeded(method, **fixed):
    """Return the method as a function that uses a new generator with the same seed in each call."""
    return lambda m, x, J, **k: method(m, x, J, generator=torch.Generator().manual_seed(0), **fixed, **k)


def contrasts_of_all_classes(m, x, J, **k):
    """Return the contrasts of all classes, computed from one Jacobian."""
    return i.all_contrast_cams(*i.all_class_cams(m, x, "left", **k))


METHODS = {
    "saliency": i.saliency,
    "smoothgrad": seeded(i.smoothgrad, n_samples=3),
    "smoothgrad square": seeded(i.smoothgrad, n_samples=3, reduction="square"),
    "smoothgrad variance": seeded(i.smoothgrad, n_samples=3, reduction="variance", noise_level=0.5),
    "integrated_gradients": partial(i.integrated_gradients, n_steps=3, baseline=0.5),
    "guided_backprop": i.guided_backprop,
    "deconvolution": partial(i.guided_backprop, rule="deconvolution"),
    "occlusion": partial(i.occlusion, window=6, stride=5),
    "grad_cam": lambda m, x, J, **k: i.grad_cam(m, x, "left", J, **k),
    "grad_cam_plus_plus": lambda m, x, J, **k: i.grad_cam_plus_plus(m, x, "norm", J, **k),
    "counterfactual_cam": lambda m, x, J, **k: i.counterfactual_cam(m, x, "group", J, relu=True, **k),
    "contrast_cam by loss": lambda m, x, J, **k: i.contrast_cam(m, x, "left", torch.full((len(x),), 2), **k),
    "contrast_cam by logit": lambda m, x, J, **k: i.contrast_cam(m, x, "left", 3, objective="logit", **k),
    "guided_grad_cam": lambda m, x, J, **k: i.guided_grad_cam(m, x, "last", J, **k),
    "class_cams": contrasts_of_all_classes,
}
EXPECTED_SHAPES = {name: (5, 3, 12, 12) for name in METHODS if "cam" not in name} | {
    "guided_grad_cam": (5, 3, 12, 12),
    "occlusion": (5, 12, 12),
}
EXPECTED_SHAPES |= {"class_cams": (5, 10, 6, 6), "grad_cam_plus_plus": (5, 12, 12)}
all_methods = pytest.mark.parametrize("name", METHODS)
METHODS_WITH_FIXED_TARGET = {
    "contrast_cam by loss",
    "contrast_cam by logit",
    "class_cams",
}  # These methods define their own objective.


@all_methods
def test_attribution_has_expected_shape_and_input_dtype_and_device(name, signs, images, labels, assert_unchanged):
    f, J = METHODS[name], g.logit(labels)
    expected = f(signs, images, J)
    assert (
        expected.shape == EXPECTED_SHAPES.get(name, (5, 6, 6))
        and expected.dtype == torch.float64
        and not expected.requires_grad
    )
    assert expected.any() and expected.isfinite().all()
    for dtype, tolerance in ((torch.float32, 1e-3), (torch.bfloat16, 0.8)):
        maps = f(assert_unchanged(copy.deepcopy(signs).to(dtype)), images.to(dtype), J)
        assert maps.dtype == dtype and maps.device == images.device
        assert (maps.double() - expected).norm() <= tolerance * expected.norm()


@all_methods
def test_attribution_batch_equals_single_images(name, signs, images, labels):
    f, J = METHODS[name], g.cross_entropy(labels)
    rows = [f(signs, images[n : n + 1], J.select(slice(n, n + 1))) for n in range(5)]
    torch.testing.assert_close(f(signs, images, J), torch.cat(rows), rtol=1e-9, atol=1e-12)


@all_methods
@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_attribution_is_independent_of_batch_size(name, batch_size, signs, images, labels):
    f, J = METHODS[name], g.cross_entropy(labels)
    torch.testing.assert_close(f(signs, images, J, batch_size=batch_size), f(signs, images, J), rtol=1e-9, atol=1e-12)


@all_methods
def test_attribution_works_with_frozen_parameters(name, signs, images, labels, assert_unchanged):
    frozen = assert_unchanged(copy.deepcopy(signs).requires_grad_(False))
    torch.testing.assert_close(
        METHODS[name](frozen, images, labels), METHODS[name](signs, images, labels), rtol=1e-10, atol=1e-14
    )


@all_methods
def test_attribution_works_under_no_grad_and_inference_mode(name, signs, images, labels):
    f = METHODS[name]
    expected = f(signs, images, labels)
    with torch.no_grad():
        torch.testing.assert_close(f(signs, images, labels), expected, rtol=1e-12, atol=1e-15)
    with torch.inference_mode():
        maps = f(signs, images.clone(), labels.clone())
    torch.testing.assert_close(maps.clone(), expected, rtol=1e-12, atol=1e-15)
    leaf = images.clone().requires_grad_()
    maps = f(signs, leaf * 1, labels)
    assert not maps.requires_grad and leaf.grad is None


@all_methods
def test_attribution_accepts_int_labels_none_and_objective_targets(name, signs, images):
    f = METHODS[name]
    predicted = signs(images).argmax(1)
    expected = f(signs, images, predicted)
    for target in (
        None,
        g.logit(),
        g.logit(predicted),
        g.bind_per_sample(lambda z, c: z.gather(1, c[:, None])[:, 0], predicted),
    ):
        torch.testing.assert_close(f(signs, images, target), expected, rtol=1e-10, atol=1e-14)
    if name not in METHODS_WITH_FIXED_TARGET:
        torch.testing.assert_close(f(signs, images, 3), f(signs, images, torch.full((5,), 3)), rtol=1e-10, atol=1e-14)
        assert not torch.equal(f(signs, images, 3), f(signs, images, 4))


@all_methods
def test_attribution_is_deterministic(name, signs, images, labels):
    assert torch.equal(METHODS[name](signs, images, labels), METHODS[name](signs, images, labels))


@all_methods
@pytest.mark.parametrize("wrong", ["not finite", "integer", "empty", "batch statistics", "batch_size"])
def test_attribution_rejects_invalid_input(name, wrong, signs, images, labels):
    x, batch_size = images, {}
    message = {
        "not finite": r"outputs are not finite for rows \[2",
        "integer": "must be float|needs (real )?floats|expected x: floats",
        "empty": "at least one sample",
        "batch statistics": "BatchNorm2d 'norm' uses the statistics of the batch, "
        "so no sample has a gradient of its own",
        "batch_size": "batch_size must be at least 1, not 0",
    }[wrong]
    if wrong == "not finite":
        x = x.clone()
        x[2] = torch.nan
    elif wrong == "integer":
        x = (255 * x).to(torch.uint8)
    elif wrong == "empty":
        x, labels = x[:0], labels[:0]
    elif wrong == "batch statistics":
        signs.norm.train()
    else:
        batch_size = {"batch_size": 0}
    try:
        with pytest.raises(ValueError, match=message):
            METHODS[name](signs, x, labels, **batch_size)
    finally:
        signs.norm.eval()


@all_methods
def test_attribution_on_gpu_matches_cpu(name, signs, images, labels, assert_unchanged, accelerator):
    expected = METHODS[name](signs, images, labels)
    maps = METHODS[name](assert_unchanged(copy.deepcopy(signs).to(accelerator)), images.to(accelerator), labels)
    assert maps.device == accelerator
    torch.testing.assert_close(maps.cpu(), expected, rtol=1e-7, atol=1e-10)


@all_methods
def test_attribution_on_gpu_accepts_bfloat16_and_is_unchanged_by_autocast(name, signs, images, labels, accelerator):
    f, J = METHODS[name], g.logit(labels)
    expected = f(signs, images, J).to(accelerator)
    half = f(copy.deepcopy(signs).to(accelerator, torch.bfloat16), images.to(accelerator, torch.bfloat16), J)
    assert half.dtype == torch.bfloat16 and (half.double() - expected).norm() <= 0.8 * expected.norm()
    model, x = copy.deepcopy(signs).to(accelerator, torch.float32), images.to(accelerator, torch.float32)
    expected = f(model, x, J)
    with torch.autocast(accelerator.type, torch.bfloat16):
        maps = f(model, x, J)
    assert maps.dtype == torch.float32 and (maps - expected).norm() <= 1e-4 * expected.norm()


def test_attribution_functions_have_docstring_examples():
    for name in i.__all__:
        if isinstance(getattr(i, name), type(test_attribution_on_gpu_matches_cpu)):
            assert ">>> " in getattr(i, name).__doc__, name
