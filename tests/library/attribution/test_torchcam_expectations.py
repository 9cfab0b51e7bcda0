"""What torch-cam's own tests expect of class activation maps and of their evaluation, expected here from our functions.

The networks and inputs are built again from their description; the numbers are facts about them. Comparisons with the
installed torch-cam are in ``test_cam.py``; here are its shapes, its errors, and its exact numbers.

Our functions differ from torch-cam's in five ways, and the tests convert between them:

- a layer has to be named, whereas torch-cam takes the last one with positions;
- torch-cam normalizes maps to [0, 1] and sets negative values to zero, unless told otherwise; ours are signed;
- class labels of a batch are a tensor, where torch-cam takes a list;
- an objective is any function of the outputs, where torch-cam has an extra class for contrasts (Finer-CAM);
- only images are supported, whereas torch-cam accepts videos (N, C, T, H, W): those are rejected.

References:
    torch-cam, commit f44afef, ``tests/test_methods_*.py`` and ``tests/test_metrics.py``,
    https://github.com/frgfm/torch-cam.
"""

import pytest
import torch
import torchvision
from torch import nn

from tests._reference import init_with_seed
from tutorial_lib import attribution as i
from tutorial_lib import gradients as g

CAMS = [i.grad_cam, i.grad_cam_plus_plus, i.counterfactual_cam]


def build(network, *args, **kwargs):
    """Return a network without changing the global random state."""
    with torch.random.fork_rng([]):
        return network(*args, **kwargs)


def small_network(n_classes=3, head=True):
    """Two convolutions with ReLUs, global average pooling, and a linear layer or a 1 × 1 convolution."""
    features = nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU()
    last = (nn.Flatten(), nn.Linear(16, n_classes)) if head else (nn.Conv2d(16, n_classes, 1), nn.Flatten())
    return init_with_seed(nn.Sequential(nn.Sequential(*features, nn.AdaptiveAvgPool2d(1)), *last)).double()


@pytest.fixture
def network(assert_unchanged):
    return assert_unchanged(build(small_network).requires_grad_(False))


@pytest.fixture(scope="module")
def mobilenet():
    model = build(torchvision.models.mobilenet_v2, weights=None)
    return model.eval().requires_grad_(False)


def random_images(*shape, dtype=torch.float64):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


# Target layers.


@pytest.mark.parametrize("layer", ["3", "0.7", "0.3.weight", "features"])
def test_cam_rejects_unknown_layer_name(layer, network):
    with pytest.raises(ValueError, match="unknown layer"):
        i.grad_cam(network, random_images(1, 3, 8, 8), layer, 0)


def test_cam_rejects_layer_of_another_network(network):
    with pytest.raises(ValueError, match="this ReLU is not part of the model"):
        i.grad_cam(network, random_images(1, 3, 8, 8), nn.ReLU(), 0)


@pytest.mark.parametrize("cam", CAMS)
def test_cam_accepts_layer_name_or_module(cam, network):
    x = random_images(2, 3, 8, 8)
    assert torch.equal(cam(network, x, "0.3", 1), cam(network, x, network[0][3], 1))


def test_cam_of_layer_without_positions_is_rejected(network):
    with pytest.raises(ValueError, match="a map needs spatial positions"):
        i.grad_cam(network, random_images(1, 3, 8, 8), "1", 0)


def test_cam_of_target_that_is_not_connected_to_the_layer_is_rejected():
    """The outputs depend on the layer, but the network detaches it: no gradient is not the gradient zero."""

    class Detached(nn.Module):
        def __init__(self):
            super().__init__()
            self.features, self.classifier = nn.Conv2d(1, 2, 1), nn.Linear(2, 2)

        def forward(self, x):
            return self.classifier(self.features(x).mean((2, 3)).detach())

    with pytest.raises(ValueError):
        i.grad_cam(build(Detached).double(), random_images(1, 1, 4, 4), "features", 0)


# Shapes.


@pytest.mark.parametrize("cam", CAMS)
@pytest.mark.parametrize("batch_size", [1, 2])
def test_cams_of_mobilenet_have_the_size_of_the_layer(cam, batch_size, mobilenet):
    x = random_images(batch_size, 3, 64, 64, dtype=torch.float32)
    name, module = "features.18.0", mobilenet.features[18][0]
    for layer, labels in ((name, mobilenet(x).argmax(1)), (module, torch.arange(batch_size)), (name, 7)):
        maps = cam(mobilenet, x, layer, labels)
        assert maps.shape == (batch_size, 2, 2) and maps.isfinite().all()


@pytest.mark.parametrize("layer, size", [("features.1.conv.2", 8), ("features.2", 4), ("features.18", 1)])
def test_cams_of_small_image_reach_single_positions(layer, size, mobilenet):
    maps = i.grad_cam(mobilenet, torch.ones(1, 3, 16, 16), layer)
    assert maps.shape == (1, size, size) and maps.isfinite().all()


@pytest.mark.parametrize("cam", CAMS)
def test_cams_before_inplace_relu_match_those_without_inplace(cam, assert_unchanged):
    def network(inplace):
        features = nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(inplace)
        model = nn.Sequential(*features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
        return init_with_seed(model.double()).requires_grad_(False)

    x = random_images(2, 3, 12, 12)
    plain, inplace = (cam(assert_unchanged(build(network, flag)), x, "2") for flag in (False, True))
    assert plain.shape == (2, 12, 12)
    torch.testing.assert_close(inplace, plain, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("cam", CAMS)
def test_cams_of_video_are_rejected(cam):
    model = nn.Sequential(build(nn.Conv3d, 3, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten()).double()
    with pytest.raises(ValueError, match=r"expected x: floats \(N, C, H, W\)"):
        cam(model, random_images(1, 3, 4, 8, 8), "0", 0)


def test_cam_with_1x1_convolution_as_last_layer(assert_unchanged):
    """The class weights may be those of a convolution: CAM is the map of its weights, divided by the positions."""
    model = assert_unchanged(build(small_network, head=False))
    x = random_images(2, 3, 10, 10)
    features, _ = g.layer_gradient(model, x, "0.3", 0)
    cam = torch.einsum("ck,nkhw->nchw", model[1].weight.detach()[..., 0, 0], features) / 100
    logits, maps = i.all_class_cams(model, x, "0.3")
    torch.testing.assert_close(maps, cam, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(maps.sum((2, 3)) + model[1].bias.detach(), logits, rtol=1e-10, atol=1e-12)


# Classes.


@pytest.mark.parametrize("labels", [-1, 3, torch.tensor([-1, 0]), torch.tensor([0, 3])])
def test_cam_rejects_class_out_of_range(labels, network):
    with pytest.raises(ValueError, match="class -1|class 3|labels must lie in 0…2"):
        i.grad_cam(network, random_images(2, 3, 8, 8), "0.3", labels)


@pytest.mark.parametrize("labels", [torch.tensor([0]), torch.tensor([0, 1, 2]), torch.tensor([[0], [1]])])
def test_cam_rejects_labels_of_another_shape(labels, network):
    with pytest.raises(ValueError, match="row|labels of shape"):
        i.grad_cam(network, random_images(2, 3, 8, 8), "0.3", labels)


@pytest.mark.parametrize("objective", [True, "1", 1.5])
def test_cam_rejects_objective_of_another_type(objective, network):
    with pytest.raises((TypeError, ValueError), match="objective"):
        i.grad_cam(network, random_images(2, 3, 8, 8), "0.3", objective)


@pytest.mark.parametrize("cam", CAMS)
def test_cams_of_several_classes_match_single_ones(cam, network):
    x = random_images(3, 3, 8, 8)
    together = cam(network, x, "0.3", torch.tensor([0, 2, 1]))
    alone = torch.cat([cam(network, x[n : n + 1], "0.3", c) for n, c in enumerate((0, 2, 1))])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-14)


def test_cam_of_objective_that_is_not_one_number_is_rejected(network):
    with pytest.raises(ValueError, match="one number per row"):
        i.grad_cam(network, random_images(2, 3, 8, 8), "0.3", lambda z: z[:, :2])


# Contrasts between classes (Finer-CAM).


def contrastive(targets, references, gamma):
    """z_c − γ · mean of the logits of the reference classes."""

    def value(z, c, r):
        return z.gather(1, c[:, None])[:, 0] - gamma * z.gather(1, r).mean(1)

    return g.bind_per_sample(value, torch.tensor(targets), torch.tensor(references))


@pytest.mark.parametrize(
    "targets, references", [([0, 0], [[2], [2]]), ([0, 1], [[2], [2]]), ([0, 1], [[1, 2], [0, 2]])]
)
@pytest.mark.parametrize("gamma", [0.0, 0.6, 1.0])
def test_grad_cam_of_contrast_is_difference_of_class_cams(targets, references, gamma, network):
    """Grad-CAM is linear in the objective, so the contrast of maps before the ReLU is the map of the contrast."""
    x = random_images(2, 3, 8, 8)
    _, maps = i.all_class_cams(network, x, "0.2")
    expected = torch.stack([m[c] - gamma * m[r].mean(0) for m, c, r in zip(maps, targets, references)])
    contrast = i.grad_cam(network, x, "0.2", contrastive(targets, references, gamma))
    torch.testing.assert_close(contrast, expected, rtol=1e-10, atol=1e-12)
    if gamma == 0:
        torch.testing.assert_close(i.grad_cam(network, x, "0.2", torch.tensor(targets)), contrast)


def test_grad_cam_combines_classes_before_the_relu():
    """One channel with class weights 1, 3 and −1: the contrast of class 0 with the mean of the others is zero.

    The mean of the two positive parts is not zero, so a ReLU before the sum would be wrong.
    """
    layers = nn.Conv2d(1, 1, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 3, bias=False)
    model = build(lambda: nn.Sequential(*layers).double())
    model[0].weight.data.fill_(1)
    model[3].weight.data.copy_(torch.tensor([[1.0], [3.0], [-1.0]]))
    x = torch.ones(1, 1, 2, 2, dtype=torch.float64)
    aggregated = i.grad_cam(model, x, "0", contrastive([0], [[1, 2]], 1.0), relu=True)
    assert not aggregated.any()
    pairs = [i.contrast_cam(model, x, "0", c, 0, objective="logit", relu=True) for c in (1, 2)]
    assert torch.stack(pairs).mean(0).max() > 0
    torch.testing.assert_close(pairs[1], torch.full((1, 2, 2), 0.5, dtype=torch.float64))


# The network after the call.


@pytest.mark.parametrize("cam", [*CAMS, i.guided_grad_cam])
def test_cams_leave_hooks_flags_and_gradients(cam, network):
    """The fixture compares all of them; no hook stays after repeated calls, and no gradient of a parameter changes."""
    network.train()[0][1].eval()
    for p in network.parameters():
        p.grad = torch.ones_like(p)
    flags = [m.training for m in network.modules()]
    for _ in range(3):
        cam(network, random_images(1, 3, 8, 8), "0.2", 0)
    assert [m.training for m in network.modules()] == flags
    assert all(len(m._forward_hooks) + len(m._forward_pre_hooks) == 0 for m in network.modules())
    assert all(torch.equal(p.grad, torch.ones_like(p)) for p in network.parameters())
    network.eval()
    for p in network.parameters():
        p.grad = None


@pytest.mark.parametrize("cam", [*CAMS, i.guided_grad_cam])
def test_cams_leave_network_after_an_error(cam, network):
    with pytest.raises(ValueError, match="objective"):
        cam(network, random_images(1, 3, 8, 8), "0.2", lambda z: z)

    def failing(z):
        raise RuntimeError("failed on purpose")

    with pytest.raises(ValueError, match="failed on purpose"):
        cam(network, random_images(1, 3, 8, 8), "0.2", failing)


# Transformers.


@pytest.fixture
def transformer():
    settings = dict(image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=32, mlp_dim=64, num_classes=10)
    model = build(torchvision.models.VisionTransformer, **settings)
    return init_with_seed(model.double()).requires_grad_(False)


@pytest.mark.parametrize("cam", CAMS)
def test_cams_of_vision_transformer_form_the_grid_of_patches(cam, transformer):
    maps = cam(transformer, random_images(2, 3, 32, 32), "encoder.layers.encoder_layer_1.ln_1")
    assert maps.shape == (2, 4, 4) and maps.isfinite().all()
    assert (maps.flatten(1).std(1) > 0).all()


def test_cam_of_vision_transformer_matches_reshaped_tokens(transformer):
    """The first token is dropped, the others are the rows of the grid, and channels come first."""
    layer, x = "encoder.layers.encoder_layer_1.ln_1", random_images(2, 3, 32, 32)
    A, gradient = (
        t[:, 1:].reshape(2, 4, 4, 32).permute(0, 3, 1, 2) for t in g.layer_gradient(transformer, x, layer, 3)
    )
    expected = torch.einsum("nk,nkhw->nhw", gradient.mean((2, 3)), A)
    torch.testing.assert_close(i.grad_cam(transformer, x, layer, 3), expected, rtol=1e-10, atol=1e-14)


class TinyTransformer(nn.Module):
    """Tokens of a grid that need not be square, after any number of prefix tokens."""

    def __init__(self, prefix_tokens):
        super().__init__()
        self.embed, self.prefix = nn.Conv2d(3, 8, 1), nn.Parameter(torch.randn(1, prefix_tokens, 8))
        self.block = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        tokens = self.embed(x).flatten(2).mT
        return self.head(self.block(torch.cat([self.prefix.expand(len(x), -1, -1), tokens], 1)).mean(1))


@pytest.mark.parametrize("grid, prefix_tokens, inferred", [((2, 2), 1, True), ((2, 3), 1, True), ((2, 3), 2, False)])
def test_cams_of_tokens_infer_or_accept_the_grid(grid, prefix_tokens, inferred):
    model = init_with_seed(build(TinyTransformer, prefix_tokens).double())
    x = random_images(2, 3, *grid)
    maps = i.grad_cam(model, x, "block.norm1", torch.tensor([0, 2]), grid=grid)
    assert maps.shape == (2, *grid)
    if inferred:
        assert torch.equal(i.grad_cam(model, x, "block.norm1", torch.tensor([0, 2])), maps)
    else:
        with pytest.raises(ValueError, match="pass grid="):
            i.grad_cam(model, x, "block.norm1", 0)
    with pytest.raises(ValueError, match="needs 56 tokens"):
        i.grad_cam(model, x, "block.norm1", 0, grid=(7, 8))


# Normalized maps and maps of other sizes.


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 8), (2, 8, 8, 8)])
def test_normalized_maps_are_finite_and_at_most_one(shape):
    maps = i.normalize_maps(random_images(*shape))
    assert maps.shape == shape and maps.isfinite().all()
    assert (0 <= maps).all() and (maps <= 1).all()
    assert not i.normalize_maps(torch.zeros(shape)).any()


@pytest.mark.parametrize("size", [(32, 32), (16, 16), (20, 12)])
def test_upsampled_maps_of_two_layers_can_be_combined(size):
    """Torch-cam fuses the maps of several layers by their maximum, after resizing them."""
    large, small = random_images(1, 32, 32), random_images(1, 16, 16)
    fused = torch.maximum(i.upsample(large, size), i.upsample(small, size))
    assert fused.shape == (1, *size)
    assert torch.equal(i.upsample(large, (32, 32)), large)


# Evaluation: average drop, deletion and insertion.


class SumClassifier(nn.Module):
    """Two classes with the probabilities s and 1 − s, where s is the sum of the pixels.

    Torch-cam takes the outputs as probabilities; ours takes logits, hence the logarithms.
    """

    def forward(self, x):
        s = x.flatten(1).sum(1)
        return torch.stack([s, 1 - s], 1).clamp(min=1e-300).log()


IMAGE = torch.tensor([[[[0.4, 0.3], [0.2, 0.1]]]], dtype=torch.float64)


@pytest.mark.parametrize(
    "x, n_steps, fractions, deletion, insertion, areas",
    [
        (IMAGE, 2, [0, 0.5, 1], [1, 0.3, 0], [0, 0.7, 1], (0.4, 0.6)),
        (IMAGE, 4, [0, 0.25, 0.5, 0.75, 1], [1, 0.6, 0.3, 0.1, 0], [0, 0.4, 0.7, 0.9, 1], (0.375, 0.625)),
    ],
)
def test_deletion_and_insertion_curves_match_torchcam(x, n_steps, fractions, deletion, insertion, areas):
    maps, settings = x[:, 0], {"n_steps": n_steps}
    for batch_size in (1, 100):
        down = i.deletion_curve(SumClassifier(), x, maps, 0, baseline=0.0, batch_size=batch_size, **settings)
        black = torch.zeros_like(x)
        up = i.deletion_curve(SumClassifier(), black, maps, 0, baseline=x, batch_size=batch_size, **settings)
        for curve, expected, area in ((down, deletion, areas[0]), (up, insertion, areas[1])):
            torch.testing.assert_close(curve.fraction, torch.tensor(fractions, dtype=torch.float64))
            torch.testing.assert_close(curve.probability, torch.tensor([expected], dtype=torch.float64))
            torch.testing.assert_close(curve.area, torch.tensor([area], dtype=torch.float64))


def test_curves_round_the_number_of_pixels_where_torchcam_rounds_up():
    """Five pixels in three steps: torch-cam removes 0, 2, 4 and 5 of them, ours 0, 2, 3 and 5."""
    x = torch.tensor([[[[0.3, 0.25, 0.2, 0.15, 0.1]]]], dtype=torch.float64)
    curve = i.deletion_curve(SumClassifier(), x, x[:, 0], 0, baseline=0.0, n_steps=3)
    torch.testing.assert_close(curve.fraction, torch.tensor([0, 0.4, 0.6, 1], dtype=torch.float64))
    torch.testing.assert_close(curve.probability, torch.tensor([[1, 0.45, 0.25, 0]], dtype=torch.float64))
    # With as many steps as pixels nothing is rounded; the points that both have are torch-cam's.
    full = i.deletion_curve(SumClassifier(), x, x[:, 0], 0, baseline=0.0, n_steps=5)
    expected = torch.tensor([[1, 0.45, 0.1, 0]], dtype=torch.float64)
    torch.testing.assert_close(full.probability[:, [0, 2, 4, 5]], expected)
    fraction, probability = full.fraction[[0, 2, 4, 5]], full.probability[0, [0, 2, 4, 5]]
    assert torch.trapezoid(probability, fraction).item() == pytest.approx(0.41)


def test_curves_accept_baselines_without_changing_them():
    baseline, x = torch.tensor(0.05, dtype=torch.float64), IMAGE.clone()
    number = i.deletion_curve(SumClassifier(), x, x[:, 0], 0, baseline=0.05, n_steps=2)
    for value in (baseline, torch.full((1, 2, 2), 0.05), torch.full_like(x, 0.05)):
        torch.testing.assert_close(
            i.deletion_curve(SumClassifier(), x, x[:, 0], 0, baseline=value, n_steps=2).area, number.area
        )
    assert torch.equal(x, IMAGE) and baseline == 0.05


def test_curves_of_predicted_class_match_labels():
    x = torch.cat([IMAGE, IMAGE / 5])  # the classes 0 and 1 are predicted
    predicted = i.deletion_curve(SumClassifier(), x, x[:, 0], baseline=0.0, n_steps=2)
    labeled = i.deletion_curve(SumClassifier(), x, x[:, 0], torch.tensor([0, 1]), baseline=0.0, n_steps=2)
    assert torch.equal(predicted.probability, labeled.probability)
    torch.testing.assert_close(labeled.probability[1], torch.tensor([0.8, 0.94, 1], dtype=torch.float64))


@pytest.mark.parametrize("target", [2, -1, torch.tensor([0]), torch.tensor([0, 2])])
def test_deletion_curve_rejects_invalid_classes(target):
    x = IMAGE.expand(2, -1, -1, -1)
    with pytest.raises(ValueError, match="class|labels|rows"):
        i.deletion_curve(SumClassifier(), x, x[:, 0], target, baseline=0.0)


def test_deletion_curve_rejects_maps_that_are_not_finite():
    """Torch-cam skips such images and counts them; ours raises an error, so that a mean is one of all images."""
    maps = torch.stack([IMAGE[0, 0], torch.full((2, 2), float("nan"), dtype=torch.float64)])
    with pytest.raises(ValueError, match="not finite"):
        i.deletion_curve(SumClassifier(), IMAGE.expand(2, -1, -1, -1), maps, 0)


@pytest.mark.parametrize("settings", [{"n_steps": 0}, {"batch_size": 0}, {"baseline": torch.zeros(3, 3)}])
def test_deletion_curve_rejects_invalid_settings(settings):
    with pytest.raises(ValueError):
        i.deletion_curve(SumClassifier(), IMAGE, IMAGE[:, 0], 0, **settings)


def test_deletion_curve_rejects_fractional_number_of_steps():
    with pytest.raises((TypeError, ValueError), match="step"):
        i.deletion_curve(SumClassifier(), IMAGE, IMAGE[:, 0], 0, n_steps=1.5)
