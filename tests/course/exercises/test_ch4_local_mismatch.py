"""Exercise 4 of chapter 4: the reference compared with the library, and alternative solutions."""

import pytest
import torch
import torch.nn.functional as F

from tutorial_course.exercises import ch4 as exercises
from tutorial_course.exercises import check
from tutorial_lib import gradients, models, saliency


def by_loops(activation, head, p):
    """Use one ordinary backward pass for each position."""
    N, K, h, w = activation.shape
    loss, size = torch.zeros(2, N, h, w, dtype=activation.dtype)
    for n in range(N):
        for i in range(h):
            for j in range(w):
                a = activation[n, :, i, j].detach().clone().requires_grad_()
                one = F.cross_entropy(head(a)[None], p[n : n + 1].detach())
                (slope,) = torch.autograd.grad(one, a)
                loss[n, i, j], size[n, i, j] = one.detach(), (a.detach() * slope).abs().sum()
    return loss, size


def by_the_identity(activation, head, p):
    """Use no backward pass, because the gradient is Wᵀ (q − p)."""
    A, W, p = activation.detach(), head.weight.detach(), p.detach()
    q = (torch.einsum("ck,nkhw->nchw", W, A) + head.bias[:, None, None]).softmax(1)
    slope = torch.einsum("ck,nchw->nkhw", W, q - p[..., None, None])
    return -(p[..., None, None] * q.log()).sum(1), (A * slope).abs().sum(1)


def as_a_convolution(activation, head, p):
    A = activation.detach().requires_grad_()
    z = F.conv2d(A, head.weight[..., None, None], head.bias)
    loss = F.cross_entropy(z, p.detach()[..., None, None].expand(z.shape), reduction="none")
    (slope,) = torch.autograd.grad(loss.sum(), A)
    return loss.detach(), (A.detach() * slope).abs().sum(1)


def in_single_precision(activation, head, p):
    return tuple(part.float() for part in by_the_identity(activation, head, p))


@pytest.mark.parametrize("solution", [by_loops, by_the_identity, as_a_convolution, in_single_precision])
def test_local_mismatch_exercise_accepts_alternative_solutions(solution):
    verdict = check(solution, exercises.local_mismatch)
    assert verdict.passed and verdict.hint is None, verdict


def test_local_mismatch_exercise_reference_matches_library():
    model = models.load("signs/classifier")
    x = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    A, z = gradients.split_forward(model, x, "block3")
    loss, size = exercises.local_mismatch.reference(A, model.head, z.softmax(1))
    local = gradients.spatial_logits(model, x, "block3").local.detach()
    torch.testing.assert_close(loss.detach(), -(z.softmax(1)[..., None, None] * local.log_softmax(1)).sum(1))
    large = F.interpolate(size[:, None], (48, 48), mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(large.detach(), saliency.local_mismatch(model, x, "block3"), rtol=1e-3, atol=1e-5)


def test_local_mismatch_exercise_rejects_loss_alone():
    verdict = check(lambda A, head, p: by_the_identity(A, head, p)[0], exercises.local_mismatch)
    assert not verdict.passed and verdict.hint is None


def test_local_mismatch_exercise_rejects_attached_graph():
    def attached(A, head, p):
        z = head(A.movedim(1, -1)).log_softmax(-1)
        loss = -(p.detach()[:, None, None] * z).sum(-1)
        (g,) = torch.autograd.grad(loss.sum(), A, retain_graph=True)
        return loss, (A * g).abs().sum(1)

    verdict = check(attached, exercises.local_mismatch)
    assert not verdict.passed and verdict.hint.startswith("The returned maps")


def test_local_mismatch_exercise_all_labels_mistake_ignores_target():
    """With the uniform label, the map does not depend on the target."""
    wrong = next(one for hint, one in exercises.local_mismatch.iter_known_mistakes() if hint.startswith("All labels"))
    A, head, p = exercises.local_mismatch.arguments(0).values()
    maps = [wrong(A, head, other)[1] for other in (p, p.roll(1, 1))]
    assert torch.equal(*maps)
