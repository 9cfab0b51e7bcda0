import pytest
import torch

from tutorial_course.findings.ch1 import SURFACES, quadratic
from tutorial_lib.foundations import gradient_descent, numerical_hessian, surface_gradient

DOUBLE = torch.float64


def random_hessian(*curvatures, seed=0):
    d, generator = len(curvatures), torch.Generator().manual_seed(seed)
    Q, _ = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=DOUBLE))
    H = Q @ torch.diag(torch.tensor(curvatures, dtype=DOUBLE)) @ Q.T
    return (H + H.T) / 2


def torch_sgd_path(surface, start, **options):
    """Return the same path, computed by the optimizer of PyTorch."""
    steps = options.pop("steps")
    theta = start.clone().requires_grad_()
    optimizer = torch.optim.SGD([theta], **options)
    path = [start]
    for _ in range(steps):
        optimizer.zero_grad()
        surface(theta[None]).sum().backward()
        optimizer.step()
        path.append(theta.detach().clone())
    return torch.stack(path)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("name", SURFACES)
def test_gradient_descent_matches_torch_sgd(name, momentum):
    surface = SURFACES[name]
    start = torch.tensor(surface.start, dtype=DOUBLE)
    mine = gradient_descent(surface.loss, start, lr=0.01, n_steps=60, momentum=momentum)
    other = torch_sgd_path(surface.loss, start, lr=0.01, momentum=momentum, steps=60)
    assert mine.shape == (61, 2) and (mine - other).abs().max() <= 1e-7 * other.abs().max()
    assert (mine[-1] - start).norm() > 0.1


def test_gradient_descent_on_quadratic_matches_closed_form():
    H, start, step = random_hessian(0.3, 1.0, 4.0), torch.tensor([1.0, -2.0, 0.5], dtype=DOUBLE), 0.2
    path = gradient_descent(quadratic(H), start, lr=step, n_steps=30)
    shrink = torch.eye(3, dtype=DOUBLE) - step * H
    for t in (0, 1, 7, 30):
        assert torch.allclose(path[t], torch.linalg.matrix_power(shrink, t) @ start, atol=1e-12)


@pytest.mark.parametrize("curvatures", [(1.0, 20.0), (0.5, 3.0, 3.5), (0.01, 0.2, 1.0, 7.0)])
def test_gradient_descent_diverges_above_two_over_max_curvature(curvatures):
    H, bound = random_hessian(*curvatures), 2 / max(curvatures)
    loss, start = quadratic(H), torch.ones(len(curvatures), dtype=DOUBLE)
    steepest = torch.linalg.eigh(H)[1][:, -1]

    def across(step):
        path = gradient_descent(loss, start, lr=step, n_steps=120)
        return (path[[0, -1]] @ steepest).abs()

    began, ended = across(0.97 * bound)
    assert ended < 0.001 * began
    began, ended = across(1.03 * bound)
    assert ended > 10 * began
    began, ended = across(bound)
    assert torch.isclose(began, ended, rtol=1e-6)


def test_gradient_descent_batch_equals_single_starts():
    surface = SURFACES["Rosenbrock"]
    starts = torch.tensor([[-1.2, 1.0], [0.3, -0.2], [1.0, 1.0]], dtype=DOUBLE)
    together = gradient_descent(surface.loss, starts, lr=0.02, n_steps=25, momentum=0.8)
    assert together.shape == (26, 3, 2)
    for i, start in enumerate(starts):
        assert torch.allclose(
            together[:, i], gradient_descent(surface.loss, start, lr=0.02, n_steps=25, momentum=0.8), atol=1e-12
        )
    assert torch.equal(together[:, 2], starts[2].expand(26, 2)), "a path that starts at the minimum stays there"


def test_gradient_descent_overflow_of_one_path_leaves_others_intact():
    starts = torch.tensor([[-9.0, 50.0], [0.9, 0.8]], dtype=torch.float32)
    path = gradient_descent(SURFACES["Rosenbrock"].loss, starts, lr=0.05, n_steps=40)
    assert not SURFACES["Rosenbrock"].loss(path[-1, :1]).isfinite() and torch.equal(path[-1, 0], path[-2, 0])
    assert torch.allclose(path[:, 1], gradient_descent(SURFACES["Rosenbrock"].loss, starts[1], lr=0.05, n_steps=40))


@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_gradient_descent_noise_has_requested_std(noise):
    flat = lambda theta: 0.0 * theta.sum(1)
    path = gradient_descent(flat, torch.zeros(4000, 2, dtype=DOUBLE), lr=1.0, n_steps=5, gradient_noise_std=noise)
    moves = path.diff(dim=0)
    assert abs(moves.mean()) < 0.03 * noise and moves.std() == pytest.approx(noise, rel=0.02)
    again = gradient_descent(flat, torch.zeros(4000, 2, dtype=DOUBLE), lr=1.0, n_steps=5, gradient_noise_std=noise)
    assert torch.equal(path, again), "without a generator, the same noise each time"


def test_surface_gradient_variance_is_inverse_to_minibatch_size():
    """The variance that the argument ``noise`` stands for, measured on a loss that is a mean over samples."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(512, 3, generator=generator, dtype=DOUBLE), torch.randn(512, generator=generator, dtype=DOUBLE)
    theta = torch.tensor([0.5, -1.0, 2.0], dtype=DOUBLE).expand(20_000, 3)

    def spread(batch):
        rows = torch.randint(512, (20_000, batch), generator=generator)
        loss = lambda theta: ((torch.einsum("nd,nbd->nb", theta, x[rows]) - y[rows]) ** 2).mean(1)
        return surface_gradient(loss, theta).var(0).sum().item()

    single = spread(1)
    for batch in (4, 16):
        assert spread(batch) * batch == pytest.approx(single, rel=0.06)


def test_gradient_descent_functions_reject_invalid_input():
    loss = lambda theta: theta.square().sum(1)
    with pytest.raises(ValueError, match="floats"):
        gradient_descent(loss, torch.tensor([1, 2]), lr=0.1, n_steps=1)
    with pytest.raises(ValueError, match="negative"):
        gradient_descent(loss, torch.tensor([1.0]), lr=0.1, n_steps=-1)
    with pytest.raises(ValueError, match="one number for each point"):
        gradient_descent(lambda theta: theta.square(), torch.tensor([1.0, 2.0]), lr=0.1, n_steps=1)
    with pytest.raises(ValueError, match=r"theta\[None\]"):
        surface_gradient(loss, torch.tensor([1.0]))
    with pytest.raises(ValueError, match="one point"):
        numerical_hessian(loss, torch.ones(2, 2))


def test_gradient_descent_leaves_model_and_global_rng_unchanged():
    model = torch.nn.Linear(3, 1)
    before = [p.clone() for p in model.parameters()]
    state = torch.get_rng_state()
    gradient_descent(lambda theta: model(theta)[:, 0] ** 2, torch.ones(3), lr=0.1, n_steps=3, gradient_noise_std=0.1)
    assert all(
        torch.equal(a, b) and b.grad is None and b.requires_grad
        for a, b in zip(before, model.parameters(), strict=True)
    )
    assert torch.equal(state, torch.get_rng_state())


def test_gradient_descent_recovers_pose_of_rendered_sign():
    """The renderer is a surface like any other: descent on the pose recovers the pose of a rotated sign."""
    from tutorial_lib import data

    scene = data.sample_scenes(1, distribution="clean", generator=torch.Generator().manual_seed(38))

    def render_poses(poses):
        scenes = scene.repeat(len(poses)).with_pose(yaw=0, pitch=0, roll=poses[:, 0], size=poses[:, 1], x=0, y=0)
        images = data.render(["stop"] * len(poses), scene=scenes)
        return torch.nn.functional.avg_pool2d(
            images, 7, 1
        )  # blurring extends the range in which the slope is informative

    goal = torch.tensor([0.0, 0.6])
    target = render_poses(goal[None])
    error = lambda poses: (render_poses(poses) - target).square().mean((1, 2, 3))
    step = 1 / torch.linalg.eigvalsh(numerical_hessian(error, goal, eps=0.02))[-1].item()
    path = gradient_descent(error, torch.tensor([0.3, 0.5]), lr=step, n_steps=30, momentum=0.8)
    # Autograd through the renderer gives the slope that finite differences measure.
    h = torch.tensor([[0.01, 0.0], [0.0, 0.01]])
    differences = (error(path[:1] + h) - error(path[:1] - h)) / 0.02
    assert torch.allclose(surface_gradient(error, path[:1])[0], differences, rtol=0.1)
    assert error(path[-1:]) < 0.1 * error(path[:1]) and (path[-1] - goal).abs().max() < 0.05
