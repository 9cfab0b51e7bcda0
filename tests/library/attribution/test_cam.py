"""Class activation maps: identities in double precision, naive loops, captum and torch-cam, and real architectures."""

import copy
import functools

import captum.attr
import pytest
import torch
import torch.nn.functional as F
import torchcam.methods
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.convnext import CNBlockConfig

from tests.library.attribution.conftest import make_model
from tutorial_lib import attribution as i
from tutorial_lib import gradients as g
from tutorial_lib.saliency import implicit_saliency

LAYERS = ["first", "two", "third", "three"]


def flops(f):
    with FlopCounterMode(display=False) as counter:
        f()
    return counter.get_total_flops()


def naive_grad_cam(model, x, layer, score):
    """Return Grad-CAM maps image by image: a hook records the activation, and the whole network is in the graph."""
    maps = []
    for n in range(len(x)):
        activations = []
        handle = getattr(model, layer).register_forward_hook(lambda _, __, out: activations.append(out))
        z = model(x[n : n + 1].clone().requires_grad_())
        handle.remove()
        (gradient,) = torch.autograd.grad(score(z, n), activations[0])
        alpha = gradient[0].sum((1, 2)) / gradient[0, 0].numel()
        maps.append(sum(a * A for a, A in zip(alpha, activations[0][0].detach())))
    return torch.stack(maps)


# "Why P?": Grad-CAM.


@pytest.mark.parametrize("layer", LAYERS)
def test_grad_cam_matches_naive_loop(layer, flattened_cnn, images, predicted_labels):
    expected = naive_grad_cam(flattened_cnn, images, layer, lambda z, n: z[0, predicted_labels[n]])
    maps = i.grad_cam(flattened_cnn, images, layer, predicted_labels)
    torch.testing.assert_close(maps, expected, rtol=1e-10, atol=1e-14)
    assert torch.equal(i.grad_cam(flattened_cnn, images, layer, predicted_labels, relu=True), maps.relu())
    assert (maps < 0).any() and (maps > 0).any()
    for batch_size in (1, 2):
        torch.testing.assert_close(
            i.grad_cam(flattened_cnn, images, layer, predicted_labels, batch_size=batch_size),
            maps,
            rtol=1e-10,
            atol=1e-14,
        )
    assert torch.equal(
        i.grad_cam(flattened_cnn, images, getattr(flattened_cnn, layer)),
        i.grad_cam(flattened_cnn, images, layer, flattened_cnn(images).argmax(1)),
    )


@pytest.mark.parametrize("layer", LAYERS)
def test_grad_cam_matches_captum(layer, flattened_cnn, images, predicted_labels):
    theirs = captum.attr.LayerGradCam(flattened_cnn, getattr(flattened_cnn, layer)).attribute(
        images.clone().requires_grad_(), predicted_labels
    )[:, 0]
    torch.testing.assert_close(
        i.grad_cam(flattened_cnn, images, layer, predicted_labels), theirs.detach(), rtol=1e-12, atol=1e-16
    )
    theirs = captum.attr.LayerGradCam(flattened_cnn, getattr(flattened_cnn, layer)).attribute(
        images.clone().requires_grad_(), predicted_labels, relu_attributions=True
    )
    torch.testing.assert_close(
        i.grad_cam(flattened_cnn, images, layer, predicted_labels, relu=True),
        theirs[:, 0].detach(),
        rtol=1e-12,
        atol=1e-16,
    )


@pytest.mark.parametrize("layer", LAYERS)
def test_grad_cam_matches_torchcam(layer, flattened_cnn, images, predicted_labels):
    model, leaf = (
        copy.deepcopy(flattened_cnn),
        images.clone().requires_grad_(),
    )  # some versions of torchcam leave attributes on the model
    with torchcam.methods.GradCAM(model, layer, (3, 12, 12)) as extractor:
        (theirs,) = extractor(predicted_labels.tolist(), model(leaf), normalized=False)
    torch.testing.assert_close(
        i.grad_cam(flattened_cnn, images, layer, predicted_labels, relu=True), theirs.detach(), rtol=1e-12, atol=1e-16
    )


def test_grad_cam_ignores_in_place_changes_after_the_layer(signs, images):
    """The ReLU after ``norm`` overwrites its output in place; the map must use the output before that."""

    class Apart(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, h):
            m = self.model
            x = F.relu(h)
            x = F.relu(m.group(m.left(x)) + m.right(x))
            return m.head(F.relu(m.last(x) + x).mean((2, 3)))

    with torch.no_grad():
        h = signs.norm(signs.stem(images))
    h.requires_grad_()
    (gradient,) = torch.autograd.grad(Apart(signs)(h)[:, 3].sum(), h)
    expected = torch.einsum("nk,nkhw->nhw", gradient.mean((2, 3)), h.detach())
    assert (h < 0).any()
    torch.testing.assert_close(i.grad_cam(signs, images, "norm", 3), expected, rtol=1e-10, atol=1e-14)


def test_all_class_cams_match_cam_with_global_average_pooling(pooled_cnn, images):
    """Grad-CAM is CAM divided by the number of positions; its sum and the bias are the logit."""
    A, W, b = (
        g.layer_gradient(pooled_cnn, images, "three")[0],
        pooled_cnn.head.weight.detach(),
        pooled_cnn.head.bias.detach(),
    )
    logits, maps = i.all_class_cams(pooled_cnn, images, "three")
    torch.testing.assert_close(maps, torch.einsum("ck,nkhw->nchw", W, A) / 36, rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(maps.sum((2, 3)) + b, logits, rtol=1e-10, atol=1e-13)
    assert torch.equal(logits, pooled_cnn(images))


def test_grad_cam_is_linear_in_the_objective(flattened_cnn, images):
    both = i.grad_cam(flattened_cnn, images, "two", lambda z: 2 * z[:, 1] - 3 * z[:, 4])
    torch.testing.assert_close(
        both,
        2 * i.grad_cam(flattened_cnn, images, "two", 1) - 3 * i.grad_cam(flattened_cnn, images, "two", 4),
        rtol=1e-10,
        atol=1e-14,
    )


# Grad-CAM++.


def test_grad_cam_plus_plus_matches_naive_loop(flattened_cnn, images, predicted_labels):
    """The formula with its second and third derivatives, those of exp(z) along each activation, by autograd."""
    A, gradient = g.layer_gradient(flattened_cnn, images, "three", predicted_labels)
    assert gradient.flatten(2).std(2).min() > 0
    expected = torch.zeros(5, 6, 6, dtype=torch.float64)
    for n in range(5):
        for k in range(12):
            S, weight = A[n, k].sum(), 0
            for row in range(6):
                for column in range(6):
                    d = gradient[n, k, row, column]
                    alpha = d**2 / (2 * d**2 + S * d**3) if d != 0 else 0
                    weight = weight + alpha * max(d, 0)
            expected[n] += weight * A[n, k]
    maps = i.grad_cam_plus_plus(flattened_cnn, images, "three", predicted_labels)
    torch.testing.assert_close(maps, expected, rtol=1e-10, atol=1e-14)


def test_grad_cam_plus_plus_derivatives_match_exponential_of_logit(flattened_cnn, images):
    """After the layer the network is linear, so ∂ⁿ exp(z)/∂Aⁿ = exp(z) gⁿ; the formula drops the factor exp(z)."""
    A, gradient = g.layer_gradient(flattened_cnn, images, "three", 2)
    place = (0, 3, 2, 4)
    # The position with the largest gradient in that channel.
    step = torch.zeros_like(A)
    step[place] = 1
    t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    Y = flattened_cnn.head(flattened_cnn.pool(A + t * step))[0, 2].exp()
    first = torch.autograd.grad(Y, t, create_graph=True)[0]
    second = torch.autograd.grad(first, t, create_graph=True)[0]
    third = torch.autograd.grad(second, t)[0]
    for n, derivative in enumerate((first, second, third), 1):
        torch.testing.assert_close(derivative.detach(), (Y * gradient[place] ** n).detach(), rtol=1e-10, atol=1e-14)


def test_grad_cam_plus_plus_matches_closed_form_with_average_pooling(pooled_cnn, images):
    """g is the same everywhere: w_k = Z g₊/(2 + S_k g)."""
    A, gradient = g.layer_gradient(pooled_cnn, images, "three", 2)
    gk = gradient[:, :, 0, 0]
    w = 36 * gk.relu() / (2 + A.sum((2, 3)) * gk)
    torch.testing.assert_close(
        i.grad_cam_plus_plus(pooled_cnn, images, "three", 2), torch.einsum("nk,nkhw->nhw", w, A), rtol=1e-10, atol=1e-14
    )


def test_grad_cam_plus_plus_handles_zero_gradient_and_large_logits(pooled_cnn, images):
    assert not i.grad_cam_plus_plus(pooled_cnn, images, "three", lambda z: 0 * z[:, 0]).any()
    # The exponential of such a logit overflows.
    maps = i.grad_cam_plus_plus(pooled_cnn, images, "three", lambda z: 1e4 + z[:, 0])
    torch.testing.assert_close(maps, i.grad_cam_plus_plus(pooled_cnn, images, "three", 0), rtol=1e-10, atol=1e-14)


# "What if not P?": counterfactual explanations.


@pytest.mark.parametrize("layer", LAYERS)
def test_counterfactual_cam_is_negative_grad_cam(layer, flattened_cnn, images):
    positive, negative = (
        i.grad_cam(flattened_cnn, images, layer, relu=True),
        i.counterfactual_cam(flattened_cnn, images, layer, relu=True),
    )
    assert positive.any() and negative.any() and not (positive * negative).any()
    torch.testing.assert_close(positive - negative, i.grad_cam(flattened_cnn, images, layer), rtol=1e-12, atol=1e-16)
    torch.testing.assert_close(
        i.counterfactual_cam(flattened_cnn, images, layer),
        -i.grad_cam(flattened_cnn, images, layer),
        rtol=1e-12,
        atol=1e-16,
    )


# "Why P, rather than Q?": contrastive explanations.


@pytest.mark.parametrize("layer", LAYERS)
def test_contrast_cam_by_loss_matches_class_jacobian(layer, flattened_cnn, images, predicted_labels):
    logits, maps = i.all_class_cams(flattened_cnn, images, layer)
    p, Q = logits.softmax(1), predicted_labels
    expected = torch.einsum("nc,nchw->nhw", p, maps) - maps[torch.arange(5), Q]
    contrast = i.contrast_cam(flattened_cnn, images, layer, Q)
    torch.testing.assert_close(contrast, expected, rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(
        contrast,
        naive_grad_cam(flattened_cnn, images, layer, lambda z, n: F.cross_entropy(z, Q[n : n + 1])),
        rtol=1e-10,
        atol=1e-14,
    )
    all_contrasts = i.all_contrast_cams(logits, maps)
    torch.testing.assert_close(all_contrasts[torch.arange(5), Q], contrast, rtol=1e-10, atol=1e-14)
    assert torch.einsum("nc,nchw->nhw", p, all_contrasts).abs().max() < 1e-12 * maps.abs().max()


@pytest.mark.parametrize("layer", LAYERS)
def test_contrast_cam_by_logit_is_difference_of_class_maps(layer, flattened_cnn, images, predicted_labels):
    P, Q = predicted_labels, (predicted_labels + 2) % 5
    _, maps = i.all_class_cams(flattened_cnn, images, layer)
    contrast = i.contrast_cam(flattened_cnn, images, layer, Q, P, objective="logit")
    torch.testing.assert_close(contrast, maps[torch.arange(5), P] - maps[torch.arange(5), Q], rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(
        i.contrast_cam(flattened_cnn, images, layer, P, Q, objective="logit"), -contrast, rtol=1e-12, atol=1e-16
    )
    assert not i.contrast_cam(flattened_cnn, images, layer, P, P, objective="logit").any()
    predicted = flattened_cnn(images).argmax(1)
    contrast_with_class_3 = i.contrast_cam(flattened_cnn, images, layer, 3, objective="logit")
    torch.testing.assert_close(
        contrast_with_class_3,
        i.contrast_cam(flattened_cnn, images, layer, 3, predicted, objective="logit"),
        rtol=1e-12,
        atol=1e-16,
    )


class ContrastOutput(nn.Module):
    """A network whose single output is the contrast, for libraries that explain only class logits."""

    def __init__(self, model, Q, by):
        super().__init__()
        self.model, self.Q, self.by = model, Q, by

    def forward(self, x):
        z = self.model(x)
        loss, margin = F.cross_entropy(z, self.Q, reduction="none"), z.amax(1) - z.gather(1, self.Q[:, None])[:, 0]
        return (loss if self.by == "loss" else margin)[:, None]


@pytest.mark.parametrize("by", ["loss", "logit"])
def test_contrast_cam_matches_captum(by, flattened_cnn, images):
    Q = flattened_cnn(images).topk(2).indices[:, 1]
    theirs = (
        captum.attr.LayerGradCam(ContrastOutput(flattened_cnn, Q, by), flattened_cnn.two)
        .attribute(images.clone().requires_grad_(), 0)[:, 0]
        .detach()
    )
    torch.testing.assert_close(
        i.contrast_cam(flattened_cnn, images, "two", Q, objective=by), theirs, rtol=1e-10, atol=1e-15
    )


def test_contrast_cam_by_loss_and_by_logit_agree_if_confident(pooled_cnn, images, assert_unchanged):
    agreements, certainty = [], []
    for sharper in (1, 16, 256):
        model = make_model(lambda: type(pooled_cnn)(), 3)
        model.head.weight.data *= sharper
        model.head.bias.data *= sharper
        Q = model(images).topk(2).indices[:, 1]
        loss, margin = (i.contrast_cam(model, images, "three", Q, objective=by).flatten(1) for by in ("loss", "logit"))
        agreements.append(F.cosine_similarity(loss, margin).min())
        certainty.append(model(images).softmax(1).amax(1).min())
    assert certainty[0] < 0.7 and certainty[-1] > 0.999 and agreements[0] < agreements[-1] and agreements[-1] > 0.9999


def test_contrast_cam_with_predicted_class_is_not_amplified(assert_unchanged, images):
    """A confident network has a contrast close to zero, and normalization must not amplify it into a visible map."""
    build = lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    model, x = make_model(build).float(), images.float()
    model[4].weight.data *= 240
    assert_unchanged(model)
    P = model(x).argmax(1)
    assert (model(x).softmax(1).amax(1) > 1 - 1e-6).all()
    contrast, grad_cam = i.contrast_cam(model, x, "1", P), i.grad_cam(model, x, "1")
    assert contrast.any() and i.l1_ratio(contrast, grad_cam).max() < 1e-5
    assert (
        i.normalize_maps(contrast, scale=grad_cam).abs().max() < 1e-5 and i.normalize_maps(contrast).abs().max() < 0.25
    )
    assert not i.normalize_maps(i.contrast_cam(model, x, "1", P, P, objective="logit")).any()


def test_contrast_cam_rejects_invalid_input(flattened_cnn, images):
    with pytest.raises(ValueError, match="contrast_class to be a whole number"):
        i.contrast_cam(flattened_cnn, images, "two", None)
    with pytest.raises(ValueError, match="omit target"):
        i.contrast_cam(flattened_cnn, images, "two", 1, 2)
    with pytest.raises(ValueError, match="unknown objective 'logits'; the nearest: 'logit'"):
        i.contrast_cam(flattened_cnn, images, "two", 1, objective="logits")
    with pytest.raises(ValueError, match=r"expected logits: floats \(N, C\), maps: floats"):
        i.all_contrast_cams(torch.zeros(2, 5), torch.zeros(2, 3, 4, 4))


# One Jacobian for all maps.


def test_all_class_cams_match_grad_cam_per_class(flattened_cnn, images):
    for classes in (None, [4, 0]):
        logits, maps = i.all_class_cams(flattened_cnn, images, "second", classes=classes, batch_size=2)
        each = torch.stack([i.grad_cam(flattened_cnn, images, "second", c) for c in (classes or range(5))], 1)
        torch.testing.assert_close(maps, each, rtol=1e-10, atol=1e-15)
        torch.testing.assert_close(logits, flattened_cnn(images).detach(), rtol=1e-12, atol=1e-14)


def test_grad_cam_and_all_class_cams_flops_are_bounded(assert_unchanged):
    model = assert_unchanged(architecture("resnet18"))
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    forward = flops(lambda: model(x))
    assert flops(lambda: i.grad_cam(model, x, "layer4")) <= 1.01 * forward
    assert flops(lambda: i.grad_cam(model, x, "layer3")) <= 1.5 * forward
    assert (
        flops(lambda: i.all_class_cams(model, x, "layer4")) <= 1000 * flops(lambda: i.grad_cam(model, x, "layer4")) / 50
    )


# Guided Grad-CAM.


@pytest.mark.parametrize("layer", ["two", "three"])
@pytest.mark.filterwarnings("ignore:.*hooks:UserWarning")
def test_guided_grad_cam_matches_captum(layer, flattened_cnn, images, predicted_labels):
    method = captum.attr.GuidedGradCam(flattened_cnn, getattr(flattened_cnn, layer))
    theirs = method.attribute(images.clone().requires_grad_(), predicted_labels, interpolate_mode="bilinear").detach()
    torch.testing.assert_close(
        i.guided_grad_cam(flattened_cnn, images, layer, predicted_labels), theirs, rtol=1e-10, atol=1e-15
    )
    product = i.upsample(i.grad_cam(flattened_cnn, images, layer, relu=True), 12)[:, None] * i.guided_backprop(
        flattened_cnn, images
    )
    torch.testing.assert_close(i.guided_grad_cam(flattened_cnn, images, layer), product, rtol=1e-12, atol=1e-16)


# Architectures of torchvision with weights initialized from a seed.

NETWORKS = {
    "resnet18": ("layer4", 2),
    "mobilenet_v3_small": ("features", 2),
    "ConvNeXt": ("features", 8),
    "DenseNet": ("features.norm5", 2),
    "VisionTransformer": ("encoder.layers.encoder_layer_1.ln_1", 4),
    "SwinTransformer": ("norm", 8),
}
# The published sizes of these take seconds, and have the same layers.
SMALL = {
    "ConvNeXt": dict(block_setting=[CNBlockConfig(12, 24, 2), CNBlockConfig(24, None, 2)]),
    "DenseNet": dict(growth_rate=8, block_config=(2, 2, 2, 2), num_init_features=16),
    "VisionTransformer": dict(image_size=64, patch_size=16, num_layers=2, num_heads=2, hidden_dim=32, mlp_dim=64),
    "SwinTransformer": dict(
        patch_size=[4, 4], embed_dim=12, depths=[2, 2], num_heads=[2, 4], window_size=[4, 4], stochastic_depth_prob=0.0
    ),
}


@functools.cache
def architecture(name):
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        model = getattr(torchvision.models, name)(**SMALL.get(name, {})).eval()
    # Some heads are initialized with zeros, which would block every gradient.
    head = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    head.weight.data.normal_(0, 0.05, generator=torch.Generator().manual_seed(0))
    return model


@pytest.mark.parametrize("name", NETWORKS)
def test_attribution_methods_support_torchvision_architectures(name, assert_unchanged):
    model, (layer, side) = assert_unchanged(architecture(name)), NETWORKS[name]
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    logits, maps = i.all_class_cams(model, x, layer, classes=[3, 999])
    with torch.no_grad():
        torch.testing.assert_close(logits, model(x), rtol=1e-3, atol=1e-4)
    cam = i.grad_cam(model, x, layer, 3)
    assert cam.shape == (1, side, side) and cam.any()
    torch.testing.assert_close(maps[:, 0], cam, rtol=1e-3, atol=1e-4 * cam.abs().max().item())
    plus = i.grad_cam_plus_plus(model, x, layer, 3)
    assert plus.shape == cam.shape and plus.isfinite().all()
    contrast = i.contrast_cam(model, x, layer, 3, 999, objective="logit")
    torch.testing.assert_close(contrast, maps[:, 1] - maps[:, 0], rtol=1e-2, atol=1e-3 * contrast.abs().max().item())
    methods = [
        i.saliency,
        functools.partial(i.integrated_gradients, n_steps=2),
        functools.partial(i.smoothgrad, n_samples=2),
    ]
    for method in methods:
        map = method(model, x, 3)
        assert map.shape == x.shape and map.isfinite().all() and map.any() and map.dtype == x.dtype
    occlusion_map = i.occlusion(model, x, 3, window=48, stride=16)
    assert occlusion_map.shape == (1, 64, 64) and occlusion_map.any()
    if name in ("ConvNeXt", "VisionTransformer", "SwinTransformer"):
        with pytest.raises(ValueError, match="no ReLU was found"):
            i.guided_backprop(model, x, 3)
    else:
        assert i.guided_grad_cam(model, x, layer, 3).shape == x.shape


def test_grad_cam_arranges_transformer_tokens_on_a_grid(assert_unchanged):
    """The map of transformer tokens, without the class token, equals that of the tokens arranged on a grid here."""
    model = assert_unchanged(
        make_model(lambda: torchvision.models.VisionTransformer(32, 8, 2, 4, 32, 64, num_classes=5))
    )
    x = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    layer = "encoder.layers.encoder_layer_1.ln_1"
    A, gradient = g.layer_gradient(model, x, layer, 2)
    assert A.shape == (3, 17, 32)
    expected = torch.stack([(A[:, 1 + t] * gradient[:, 1:].mean(1)).sum(1) for t in range(16)], 1).view(3, 4, 4)
    torch.testing.assert_close(i.grad_cam(model, x, layer, 2), expected, rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(
        i.grad_cam(model, x, layer, 2, grid=(2, 8)), expected.view(3, 2, 8), rtol=1e-10, atol=1e-14
    )
    torch.testing.assert_close(
        i.all_class_cams(model, x, layer, classes=[2])[1][:, 0], expected, rtol=1e-10, atol=1e-14
    )
    for method in (i.grad_cam, i.all_class_cams):
        with pytest.raises(ValueError, match="only the class token of this layer affects the outputs"):
            method(model, x, "encoder.ln")


def test_grad_cam_rejects_invalid_input(flattened_cnn, images):
    with pytest.raises(ValueError, match="a map needs spatial positions"):
        i.grad_cam(flattened_cnn, images, "head")
    with pytest.raises(ValueError, match=r"expected x: floats \(N, C, H, W\)"):
        i.grad_cam(flattened_cnn, images[0], "two")
    with pytest.raises(ValueError, match="unknown layer 'tow'; the nearest: 'two'"):
        i.grad_cam(flattened_cnn, images, "tow")
    with pytest.raises(ValueError, match="bound to 2 rows"):
        i.grad_cam(flattened_cnn, images, "two", torch.tensor([1, 2]))


class FramesInBatch(nn.Module):
    """Two frames per sample, which the convolution sees as two images."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

    def forward(self, x):
        h = self.conv(x.unflatten(1, (2, 3)).flatten(0, 1)).relu().mean((2, 3))
        return self.head(h.unflatten(0, (-1, 2)).mean(1))


class TimeFirst(nn.Module):
    """Tokens (T, N, K), as of a recurrent network or a transformer without batch_first."""

    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Linear(6, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.embed(x.flatten(2).permute(2, 0, 1)).mean(0))


@pytest.mark.parametrize("model, layer", [(FramesInBatch(), "conv"), (TimeFirst(), "embed")])
@pytest.mark.parametrize(
    "method",
    [
        i.grad_cam,
        i.grad_cam_plus_plus,
        i.counterfactual_cam,
        i.all_class_cams,
        i.voice_map,
        implicit_saliency,
        lambda model, x, layer: i.contrast_cam(model, x, layer, 1),
    ],
)
def test_maps_refuse_layers_with_another_first_axis(method, model, layer):
    """Frames folded into the batch (pytorch-grad-cam issue 67, torch-cam issue 210), and time steps first."""
    with pytest.raises(ValueError, match="one row|rows|batch|positions|feature maps"):
        method(model, torch.rand(3, 6, 8, 8), layer)
