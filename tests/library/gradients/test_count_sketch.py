"""Gradient sketches: the projection written naively, and the accuracy of inner products."""

import pytest
import torch

from tutorial_lib import gradients as g


def flatten_gradients(gradients):
    return torch.cat([v.flatten(1) for v in gradients.values()], 1)


def projection_matrix(model, size, generator):
    """Return the matrix S (size, D), sampled as the function samples it."""
    columns = []
    for parameter in model.parameters():
        place = torch.randint(size, (parameter.numel(),), generator=generator)
        sign = 2.0 * torch.randint(2, (parameter.numel(),), generator=generator) - 1
        columns.append(
            torch.zeros(size, parameter.numel(), dtype=torch.float64).scatter_(0, place[None], sign.double()[None])
        )
    return torch.cat(columns, 1)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_gradient_sketch_matches_explicit_projection(size, signs, images, labels):
    J = g.cross_entropy(labels)
    S = projection_matrix(signs, size, torch.Generator().manual_seed(3))
    sketch = g.gradient_sketch(signs, images, J, sketch_dim=size, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(sketch, flatten_gradients(g.per_sample_gradients(signs, images, J)) @ S.T)


def test_gradient_sketch_inner_products_are_unbiased_with_bounded_error(signs, images, labels):
    J, size = g.cross_entropy(labels), 32
    whole = flatten_gradients(g.per_sample_gradients(signs, images, J))
    exact, sizes = whole @ whole.T, whole.norm(dim=1)
    sketches = [
        g.gradient_sketch(signs, images, J, sketch_dim=size, generator=torch.Generator().manual_seed(i))
        for i in range(40)
    ]
    off = torch.stack([s @ s.T - exact for s in sketches]) / (sizes[:, None] * sizes)
    spread = off.square().mean(0).sqrt()
    assert (off.mean(0).abs() <= 5 * spread / 40**0.5).all()
    assert spread.max() <= (2 / size) ** 0.5 * 1.2 and spread.min() >= 0.3 / size**0.5


def test_gradient_sketch_is_consistent_across_chunks_layers_and_rows(signs, images, labels):
    J = g.cross_entropy(labels)
    whole = g.gradient_sketch(signs, images, J, sketch_dim=16)
    torch.testing.assert_close(g.gradient_sketch(signs, images, J, sketch_dim=16, batch_size=2), whole)
    torch.testing.assert_close(g.gradient_sketch(signs, images[3:], J.select(slice(3, 5)), sketch_dim=16), whole[3:])
    head = g.gradient_sketch(signs, images, J, sketch_dim=4096, layers="head")
    torch.testing.assert_close(
        head.norm(dim=1), g.per_sample_gradient_norms(signs, images, J, layers="head")[:, 0], rtol=0.1, atol=0
    )
    torch.testing.assert_close(
        g.gradient_sketch(signs, images, None, sketch_dim=16),
        g.gradient_sketch(signs, images, signs(images).argmax(1), sketch_dim=16),
    )


def test_gradient_sketch_has_expected_shape_and_keeps_global_rng(signs, images):
    state = torch.random.get_rng_state()
    sketch = g.gradient_sketch(signs, images)
    assert sketch.shape == (5, 256) and sketch.dtype == torch.float64 and not sketch.requires_grad
    assert torch.equal(state, torch.random.get_rng_state())
    with pytest.raises(ValueError, match="sketch_dim of at least 1"):
        g.gradient_sketch(signs, images, sketch_dim=0)
