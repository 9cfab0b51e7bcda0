"""What holds for every attribution method alike."""

import copy
from functools import partial

import pytest
import torch

from tutorial_lib import gradients as g
from tutorial_lib import information as i


def seeded(method, **fixed):
    """Called with a fresh generator each time."""
    return lambda m, x, J, **k: method(m, x, J, generator=torch.Generator().manual_seed(0), **fixed, **k)


def every_class(m, x, J, **k):
    """All contrasts, from one Jacobian."""
    return i.contrasts(*i.class_cams(m, x, "left", **k))


METHODS = {
    "saliency": i.saliency,
    "input_x_gradient": i.input_x_gradient,
    "smoothgrad": seeded(i.smoothgrad, samples=3),
    "smoothgrad square": seeded(i.smoothgrad, samples=3, read="square"),
    "smoothgrad variance": seeded(i.smoothgrad, samples=3, read="variance", noise=0.5),
    "integrated_gradients": partial(i.integrated_gradients, steps=3, baseline=0.5),
    "guided_backprop": i.guided_backprop,
    "deconvolution": partial(i.guided_backprop, rule="deconvolution"),
    "occlusion": partial(i.occlusion, patch=6, stride=5),
    "grad_cam": lambda m, x, J, **k: i.grad_cam(m, x, "left", J, **k),
    "grad_cam_plus_plus": lambda m, x, J, **k: i.grad_cam_plus_plus(m, x, "norm", J, **k),
    "counterfactual_cam": lambda m, x, J, **k: i.counterfactual_cam(m, x, "group", J, relu=True, **k),
    "contrast_cam by loss": lambda m, x, J, **k: i.contrast_cam(m, x, "left", torch.full((len(x),), 2), **k),
    "contrast_cam by logit": lambda m, x, J, **k: i.contrast_cam(m, x, "left", 3, by="logit", **k),
    "guided_grad_cam": lambda m, x, J, **k: i.guided_grad_cam(m, x, "last", J, **k),
    "class_cams": every_class,
}
SIZES = {name: (5, 3, 12, 12) for name in METHODS if "cam" not in name} | {
    "guided_grad_cam": (5, 3, 12, 12),
    "occlusion": (5, 12, 12),
}
SIZES |= {"class_cams": (5, 10, 6, 6), "grad_cam_plus_plus": (5, 12, 12)}
everything = pytest.mark.parametrize("name", METHODS)
ASKED = {"contrast_cam by loss", "contrast_cam by logit", "class_cams"}  # They bring their own question.


@everything
def test_shape_device_and_dtype_are_those_of_the_picture(name, signs, images, labels, untouched):
    f, J = METHODS[name], g.logit(labels)
    expected = f(signs, images, J)
    assert (
        expected.shape == SIZES.get(name, (5, 6, 6)) and expected.dtype == torch.float64 and not expected.requires_grad
    )
    assert expected.any() and expected.isfinite().all()
    for dtype, near in ((torch.float32, 1e-3), (torch.bfloat16, 0.8)):
        found = f(untouched(copy.deepcopy(signs).to(dtype)), images.to(dtype), J)
        assert found.dtype == dtype and found.device == images.device
        assert (found.double() - expected).norm() <= near * expected.norm()


@everything
def test_a_batch_is_as_many_batches_of_one(name, signs, images, labels):
    f, J = METHODS[name], g.cross_entropy(labels)
    rows = [f(signs, images[n : n + 1], J.rows(slice(n, n + 1))) for n in range(5)]
    torch.testing.assert_close(f(signs, images, J), torch.cat(rows), rtol=1e-9, atol=1e-12)


@everything
@pytest.mark.parametrize("chunk", [1, 2, 7, 100])
def test_the_chunk_does_not_matter(name, chunk, signs, images, labels):
    f, J = METHODS[name], g.cross_entropy(labels)
    torch.testing.assert_close(f(signs, images, J, chunk=chunk), f(signs, images, J), rtol=1e-9, atol=1e-12)


@everything
def test_frozen_parameters(name, signs, images, labels, untouched):
    frozen = untouched(copy.deepcopy(signs).requires_grad_(False))
    torch.testing.assert_close(
        METHODS[name](frozen, images, labels), METHODS[name](signs, images, labels), rtol=1e-10, atol=1e-14
    )


@everything
def test_whatever_mode_the_caller_works_in(name, signs, images, labels):
    f = METHODS[name]
    expected = f(signs, images, labels)
    with torch.no_grad():
        torch.testing.assert_close(f(signs, images, labels), expected, rtol=1e-12, atol=1e-15)
    with torch.inference_mode():
        found = f(signs, images.clone(), labels.clone())
    torch.testing.assert_close(found.clone(), expected, rtol=1e-12, atol=1e-15)
    leaf = images.clone().requires_grad_()
    found = f(signs, leaf * 1, labels)
    assert not found.requires_grad and leaf.grad is None


@everything
def test_targets_are_objectives_or_their_sugar(name, signs, images):
    f = METHODS[name]
    predicted = signs(images).argmax(1)
    found = f(signs, images, predicted)
    for same in (
        None,
        g.logit(),
        g.logit(predicted),
        g.per_sample(lambda z, c: z.gather(1, c[:, None])[:, 0], predicted),
    ):
        torch.testing.assert_close(f(signs, images, same), found, rtol=1e-10, atol=1e-14)
    if name not in ASKED:
        torch.testing.assert_close(f(signs, images, 3), f(signs, images, torch.full((5,), 3)), rtol=1e-10, atol=1e-14)
        assert not torch.equal(f(signs, images, 3), f(signs, images, 4))


@everything
def test_seeded_or_not_random_at_all(name, signs, images, labels):
    assert torch.equal(METHODS[name](signs, images, labels), METHODS[name](signs, images, labels))


@everything
@pytest.mark.parametrize("wrong", ["not finite", "integer", "empty", "batch statistics", "chunk"])
def test_bad_input_gets_one_clear_error(name, wrong, signs, images, labels):
    x, chunk = images, {}
    said = {
        "not finite": r"outputs are not finite for rows \[2",
        "integer": "must be float|needs floats",
        "empty": "at least one sample",
        "batch statistics": "BatchNorm2d 'norm' uses the statistics of the batch, so no sample has a gradient of its own",
        "chunk": "chunk must be at least 1, not 0",
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
        chunk = {"chunk": 0}
    try:
        with pytest.raises(ValueError, match=said):
            METHODS[name](signs, x, labels, **chunk)
    finally:
        signs.norm.eval()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@everything
def test_on_a_gpu(name, signs, images, labels, untouched):
    expected = METHODS[name](signs, images, labels)
    found = METHODS[name](untouched(copy.deepcopy(signs).cuda()), images.cuda(), labels)
    assert found.is_cuda
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-7, atol=1e-10)


def test_every_public_name_has_an_example():
    for name in i.__all__:
        if isinstance(getattr(i, name), type(test_on_a_gpu)):
            assert ">>> " in getattr(i, name).__doc__, name
