"""Properties that every function of the engine shares."""

import copy

import pytest
import torch

from tutorial_lib import gradients as g


def classes_from_pixels(x):
    """Return three classes per image that depend on its own content only: the order of its first pixels."""
    return x.flatten(1)[:, :10].float().argsort(1)[:, :3]


def first_images(x):
    """Return images that do not depend on the batch."""
    steps = torch.linspace(0, 1, 2 * x.shape[1:].numel(), dtype=torch.float64, device=x.device)
    return steps.view(2, *x.shape[1:]).to(x.dtype)


def log_sum(norms):
    return norms.log().sum(1)


FUNCTIONS = {
    "input_gradient": lambda m, x, J, **k: g.input_gradient(m, x, J, **k),
    "outputs": lambda m, x, J, **k: g.model_outputs(m, x, **k),
    "outputs_and_gradient": lambda m, x, J, **k: torch.cat(
        [t.flatten(1) for t in g.outputs_and_input_gradient(m, x, J, **k)], 1
    ),
    "outputs_and_jacobian": lambda m, x, J, **k: torch.cat(
        [t.flatten(1) for t in g.outputs_and_class_gradients(m, x, classes_from_pixels(x), **k)], 1
    ),
    "norms_gradient": lambda m, x, J, **k: torch.cat(
        [t.flatten(1) for t in g.input_gradient_of_norms(m, x, J, log_sum, **k)], 1
    ),
    "layer_gradient": lambda m, x, J, **k: torch.cat([t.flatten(1) for t in g.layer_gradient(m, x, "left", J)], 1),
    "class_jacobian": lambda m, x, J, **k: g.class_jacobian(m, x, **k),
    "class_jacobian of a layer": lambda m, x, J, **k: g.class_jacobian(m, x, layer=m.group, classes=[1, 4], **k),
    "parameter_gradients": lambda m, x, J, **k: torch.cat(
        [v.flatten(1) for v in g.per_sample_gradients(m, x, J, **k).values()], 1
    ),
    "gradient_norms": lambda m, x, J, **k: g.per_sample_gradient_norms(m, x, J, **k),
    "gradient_norms p=1": lambda m, x, J, **k: g.per_sample_gradient_norms(m, x, J, p=1, **k),
    "gradient_products": lambda m, x, J, **k: g.gradient_products(m, x, first_images(x), J, g.logit(2), **k),
    "gradient_gram": lambda m, x, J, **k: g.class_gradient_gram(m, x, **k),
    "features": lambda m, x, J, **k: torch.cat(g.penultimate_features(m, x), 1),
    "last_layer_gradient": lambda m, x, J, **k: torch.cat(
        g.last_layer_gradient_factors(*g.penultimate_features(m, x), J), 1
    ),
    "split_at": lambda m, x, J, **k: g.split_forward(m, x, "left")[0].detach(),
}
CHUNKED = [
    name
    for name in FUNCTIONS
    if name.partition(" ")[0] not in ("layer_gradient", "features", "last_layer_gradient", "split_at")
]
every_function = pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS.keys())


@every_function
def test_gradients_batch_equals_single_samples(f, signs, images, labels):
    J = g.cross_entropy(labels)
    rows = [f(signs, images[i : i + 1], J.select(slice(i, i + 1))) for i in range(5)]
    torch.testing.assert_close(f(signs, images, J), torch.cat(rows), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 100])
@pytest.mark.parametrize("name", CHUNKED)
def test_gradients_are_independent_of_chunk_size(name, batch_size, signs, images, labels):
    J, f = g.cross_entropy(labels), FUNCTIONS[name]
    torch.testing.assert_close(f(signs, images, J, batch_size=batch_size), f(signs, images, J), rtol=1e-10, atol=1e-13)


@every_function
def test_gradients_are_unchanged_by_frozen_parameters(f, signs, images, labels, assert_unchanged):
    frozen = assert_unchanged(copy.deepcopy(signs).requires_grad_(False))
    torch.testing.assert_close(
        f(frozen, images, g.cross_entropy(labels)), f(signs, images, g.cross_entropy(labels)), rtol=1e-12, atol=1e-14
    )


@every_function
def test_gradients_work_under_no_grad_inference_mode_and_autocast(f, signs, images, labels):
    expected = f(signs, images, g.cross_entropy(labels))
    with torch.no_grad():
        assert torch.equal(f(signs, images, g.cross_entropy(labels)), expected)
    with torch.inference_mode():
        result = f(signs, images.clone(), g.cross_entropy(labels.clone()))
    assert torch.equal(result, expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(f(signs, images, g.cross_entropy(labels)), expected)


@every_function
def test_gradients_match_input_dtype_and_device(f, signs, images, labels, assert_unchanged):
    expected = f(signs, images, g.cross_entropy(labels))
    assert expected.dtype == torch.float64 and not expected.requires_grad
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.bfloat16, 0.3)):
        result = f(assert_unchanged(copy.deepcopy(signs).to(dtype)), images.to(dtype), g.cross_entropy(labels))
        assert result.dtype == dtype and result.device == images.device
        assert (result.double() - expected).norm() <= tolerance * expected.norm()


@every_function
def test_gradients_are_detached_from_input_graph(f, signs, images, labels):
    leaf = images.clone().requires_grad_()
    result = f(signs, leaf * 1, g.cross_entropy(labels))
    assert not result.requires_grad and leaf.grad is None


@every_function
def test_gradients_accept_channels_last_input(f, signs, images, labels):
    last = images.to(memory_format=torch.channels_last)
    torch.testing.assert_close(
        f(signs, last, g.cross_entropy(labels)), f(signs, images, g.cross_entropy(labels)), rtol=1e-10, atol=1e-13
    )


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-9), (torch.bfloat16, 0.3)])
@every_function
def test_gradients_on_gpu_match_cpu(f, dtype, tolerance, signs, images, labels, assert_unchanged, accelerator):
    expected = f(signs, images, g.cross_entropy(labels))
    model = assert_unchanged(copy.deepcopy(signs).to(accelerator, dtype))
    result = f(model, images.to(accelerator, dtype), g.cross_entropy(labels))
    assert result.device == accelerator and result.dtype == dtype
    assert (result.double().cpu() - expected).norm() <= tolerance * expected.norm()


@every_function
def test_gradients_on_gpu_are_unchanged_by_autocast(f, signs, images, labels, accelerator):
    model, x = copy.deepcopy(signs).to(accelerator, torch.float32), images.to(accelerator, torch.float32)
    expected = f(model, x, g.cross_entropy(labels))
    with torch.autocast(accelerator.type, torch.bfloat16):
        result = f(model, x, g.cross_entropy(labels))
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)


@every_function
def test_gradients_restore_model_after_exception_in_forward(f, signs, images, labels):
    def refuse(*_):
        raise KeyError("from inside")

    handle = signs.head.register_forward_pre_hook(refuse)
    with pytest.raises(KeyError, match="from inside"):
        f(signs, images, g.cross_entropy(labels))
    handle.remove()


@pytest.mark.parametrize(
    "name",
    [n for n in FUNCTIONS if "jacobian" not in n and n not in ("gradient_gram", "features", "split_at", "outputs")],
)
def test_gradients_restore_model_after_exception_in_objective(name, signs, images):
    def refuse(outputs):
        raise KeyError("from inside")

    with pytest.raises(KeyError, match="from inside"):
        FUNCTIONS[name](signs, images, refuse)


@every_function
@pytest.mark.parametrize("wrong", ["not finite", "integer", "empty", "batch statistics", "dice"])
def test_gradients_reject_invalid_input(f, wrong, signs, images, labels):
    x, J, activation = images, g.cross_entropy(labels), signs.act
    message = {
        "not finite": r"outputs are not finite for rows \[2\]",
        "integer": "must be float|needs floats",
        "empty": "at least one sample",
        "batch statistics": "BatchNorm2d 'norm' uses the statistics of the batch, "
        "so no sample has a gradient of its own",
        "dice": "Dropout 'act.1' is random in training mode",
    }[wrong]
    if wrong == "not finite":
        x = x.clone()
        x[2] = torch.nan
    elif wrong == "integer":
        x = (255 * x).to(torch.uint8)
    elif wrong == "empty":
        x = x[:0]
    elif wrong == "batch statistics":
        signs.norm.train()
    elif wrong == "dice":
        signs.act = torch.nn.Sequential(activation, torch.nn.Dropout())
    try:
        with pytest.raises(ValueError, match=message):
            f(signs, x, J)
    finally:
        signs.norm.eval()
        signs.act = activation
