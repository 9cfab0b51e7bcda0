"""Arguments as people have them: arrays, lists, images of Pillow, labels of other types, budgets as tensors."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tests._reference import init_with_seed
from tutorial_lib import attribution, data, metrics, quality, uncertainty

MODEL = init_with_seed(nn.Sequential(nn.Flatten(), nn.Linear(48, 3)))
X = torch.rand(4, 3, 4, 4, generator=torch.Generator().manual_seed(1))
LABELS = torch.tensor([0, 1, 2, 0])
MAPS = torch.rand(4, 4, 4, generator=torch.Generator().manual_seed(2))


# Labels.


@pytest.mark.parametrize(
    "y, tensor",
    [
        (np.int64(1), 1),
        (torch.tensor(1), 1),
        (np.array(2), 2),
        (LABELS.tolist(), LABELS),
        (LABELS.numpy(), LABELS),
        (LABELS.numpy().astype(np.int8), LABELS),
        (LABELS.to(torch.uint8), LABELS),
        (LABELS.to(torch.uint16), LABELS),
        (list(LABELS), LABELS),
    ],
    ids=lambda value: type(value).__name__,
)
def test_labels_of_any_whole_type_mean_the_same(y, tensor):
    """Labels as NumPy numbers, lists and arrays, as in captum pull request 1052."""
    attacked = uncertainty.fgsm(MODEL, X, y, eps=0.1)
    torch.testing.assert_close(attacked, uncertainty.fgsm(MODEL, X, tensor, eps=0.1), rtol=0, atol=0)
    curve = attribution.deletion_curve(MODEL, X, MAPS, y, n_steps=2)
    torch.testing.assert_close(curve, attribution.deletion_curve(MODEL, X, MAPS, tensor, n_steps=2), rtol=0, atol=0)


@pytest.mark.parametrize(
    "y, message",
    [
        (1.0, "to be .* or None, got 1.0"),
        (True, "got True"),
        ("stop", "got 'stop'"),
        (LABELS.float(), "integer labels"),
        (LABELS > 0, "integer labels"),
        (LABELS[:, None], "integer labels"),
        (nn.functional.one_hot(LABELS), "integer labels"),
    ],
)
def test_labels_of_other_types_are_refused(y, message):
    """Labels as floats, bools, columns (adversarial-robustness-toolbox issue 1712) and one-hot vectors."""
    for attack in (uncertainty.fgsm, uncertainty.pgd):
        with pytest.raises(ValueError, match=message):
            attack(MODEL, X, y, eps=0.1)
    with pytest.raises(ValueError, match=message):
        uncertainty.deepfool(MODEL, X, y)
    with pytest.raises(ValueError, match=message):
        attribution.deletion_curve(MODEL, X, MAPS, y)


@pytest.mark.parametrize(
    "labels, remedy",
    [
        (LABELS[:, None], r"labels\[:, 0\]"),
        (nn.functional.one_hot(LABELS), r"labels.argmax\(1\)"),
        (LABELS.float(), r"labels.long\(\)"),
        (LABELS > 0, r"labels.long\(\)"),
    ],
)
def test_labels_of_metrics_name_the_remedy(labels, remedy):
    """With bool labels, the accuracy of torcheval exceeded 1 (its issue 135); columns are broadcast."""
    probabilities = MODEL(X).softmax(1).detach()
    for f in (metrics.accuracy, metrics.macro_f1, metrics.expected_calibration_error):
        with pytest.raises(ValueError, match=remedy):
            f(probabilities, labels)
    with pytest.raises(ValueError, match=remedy):
        uncertainty.MahalanobisDetector().fit(X.flatten(1), labels)


def test_accuracy_refuses_probabilities_of_one_class_as_predictions():
    """Probabilities (N,) compared with labels as if they were classes, as in torchmetrics issue 782."""
    with pytest.raises(ValueError, match="whole numbers"):
        metrics.accuracy(torch.tensor([0.9, 0.2]), torch.tensor([1, 0]))


# Images, maps and scores.


@pytest.mark.parametrize(
    "x",
    [X.numpy(), list(X), X.tolist(), [image.numpy() for image in X], X.numpy()[::-1][::-1], X.numpy().astype(">f4")],
    ids=["array", "list of tensors", "nested lists", "list of arrays", "strides", "byte order"],
)
def test_images_as_arrays_and_lists_mean_the_same(x):
    """Images as NumPy arrays, also reversed or in the byte order of another machine, and as lists."""
    model = MODEL if not isinstance(x, list) or not isinstance(x[0], list) else MODEL.double()
    try:
        expected = attribution.saliency(model, X.to(next(model.parameters())))
        torch.testing.assert_close(attribution.saliency(model, x), expected)
        torch.testing.assert_close(quality.psnr(x, x), torch.full_like(expected[:, 0, 0, 0], torch.inf))
    finally:
        MODEL.float()


@pytest.mark.parametrize(
    "call",
    [
        lambda x: attribution.saliency(MODEL, x),
        lambda x: uncertainty.fgsm(MODEL, x, eps=0.1),
        lambda x: quality.psnr(x, x),
        lambda x: data.corrupt(x, "haze", 1),
        lambda x: attribution.grad_cam(MODEL, x, "0"),
    ],
)
def test_images_of_pillow_are_refused_with_remedy(call):
    """An image of Pillow, also of 16 bits, in place of a batch."""
    for x in (Image.new("RGB", (4, 4)), [Image.new("RGB", (4, 4))] * 2, Image.new("I;16", (4, 4))):
        with pytest.raises(ValueError, match=r"to_tensor\(image\)"):
            call(x)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_images_of_whole_numbers_are_refused_with_remedy(dtype):
    """Bytes, and images of 16 bits, in place of floats in [0, 1]."""
    x = (200 * X).to(dtype)
    with pytest.raises(ValueError, match=r"x\.float\(\)" + r" / 255" * (dtype == torch.uint8)):
        quality.ssim(x, x)
    with pytest.raises(ValueError, match="divide"):
        uncertainty.pgd(MODEL, x, eps=0.1)


def test_metrics_accept_arrays_and_lists():
    """Scores as arrays and lists; the numbers of a list are not rounded to float32."""
    a, b = np.array([0.1, 0.4, 0.35, 0.8]), [0.2, 0.3, 0.5, 0.7]
    tensors = torch.from_numpy(a), torch.tensor(b, dtype=torch.float64)
    for f in (metrics.plcc, metrics.srcc, metrics.rmse, metrics.auroc):
        assert f(a, b) == f(*tensors)
    assert metrics.auroc([0.5], [0.5 + 1e-12]) == 1
    assert metrics.accuracy(np.arange(4), [0, 1, 2, 0]) == 0.75
    assert metrics.average_ranks(a).tolist() == [1, 3, 2, 4]
    series = pytest.importorskip("pandas").Series(a, index=[3, 1, 2, 0])
    assert metrics.plcc(series, b) == metrics.plcc(*tensors)


def test_metrics_refuse_masked_arrays():
    """Converting a masked array to a tensor would drop its mask."""
    with pytest.raises(ValueError, match="filled"):
        metrics.plcc(np.ma.masked_greater(np.arange(4.0), 2), np.arange(4.0))


# Budgets, bounds and counts.


@pytest.mark.parametrize(
    "eps", [np.float32(0.125), torch.tensor(0.125), np.array(0.125), torch.tensor(0.125).double(), Fraction(1, 8)]
)
def test_budget_of_any_number_type_means_the_same(eps):
    """Budgets as NumPy numbers, or as tensors without axes."""
    for norm in ("inf", 2, np.int64(2), np.inf):
        attacked = uncertainty.fgsm(MODEL, X, 1, eps=eps, norm=norm, bounds=np.array([0.0, 1.0]))
        torch.testing.assert_close(attacked, uncertainty.fgsm(MODEL, X, 1, eps=0.125, norm=norm), rtol=0, atol=0)


@pytest.mark.parametrize(
    "options",
    [
        {"eps": torch.tensor([0.1, 0.2, 0.3, 0.4])},
        {"eps": float("nan")},
        {"eps": torch.tensor(float("nan"))},
        {"eps": float("inf")},
        {"eps": -0.1},
        {"eps": "0.1"},
        {"eps": None},
        {"norm": None},
        {"norm": 1},
        {"bounds": (torch.zeros(3), torch.ones(3))},
        {"bounds": (1.0, 0.0)},
        {"bounds": (0.0,)},
        {"bounds": (float("nan"), 1.0)},
        {"bounds": (-float("inf"), 1.0)},
        {"bounds": None},
    ],
    ids=str,
)
def test_attacks_refuse_other_budgets_and_bounds(options):
    """Budgets per image, bounds per channel, NaN, infinity, and bounds in the wrong order."""
    for attack in (uncertainty.fgsm, uncertainty.pgd):
        with pytest.raises(ValueError, match=next(iter(options))):
            attack(MODEL, X, 1, **{"eps": 0.1} | options)
    for attack in (uncertainty.deepfool, uncertainty.carlini_wagner) if "bounds" in options else ():
        with pytest.raises(ValueError, match="bounds"):
            attack(MODEL, X, 1, **options)


@pytest.mark.parametrize("value", [2.5, float("nan"), True, "3", 0, -1])
def test_counts_refuse_other_numbers(value):
    """Numbers of steps as floats, NaN, bools and text."""
    for call in (
        lambda: uncertainty.pgd(MODEL, X, 1, eps=0.1, n_steps=value),
        lambda: uncertainty.deepfool(MODEL, X, 1, n_steps=value),
        lambda: attribution.integrated_gradients(MODEL, X, n_steps=value),
        lambda: attribution.smoothgrad(MODEL, X, n_samples=value),
        lambda: metrics.macro_f1(LABELS, LABELS, classes=value),
    ):
        with pytest.raises(ValueError, match="n_steps|n_samples|classes"):
            call()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.5])
def test_odin_smoothgrad_and_noise_refuse_other_numbers(value):
    """A NaN, infinite or negative size of a step or of noise."""
    for call in (
        lambda: uncertainty.odin_score(MODEL, X, eps=value),
        lambda: uncertainty.odin_score(MODEL, X, temperature=value),
        lambda: attribution.smoothgrad(MODEL, X, noise_level=value),
        lambda: uncertainty.add_gaussian_noise(X, spread=value),
        lambda: uncertainty.random_noise(X, eps=torch.tensor([0.1, value, 0.1, 0.1])),
        lambda: uncertainty.MahalanobisDetector(value),
    ):
        with pytest.raises(ValueError, match="eps|temperature|noise_level|spread|regularization"):
            call()


def test_numpy_numbers_are_counts_and_sizes():
    """Sizes and counts as NumPy integers."""
    assert attribution.upsample(MAPS, np.int64(6)).shape == attribution.upsample(MAPS, [np.int64(6), 6]).shape
    assert attribution.occlusion_windows((8, 8), np.int64(4)) == attribution.occlusion_windows((8, 8), 4)
    assert len(data.load("digits", limit=np.int64(5)).labels) == 5
    assert metrics.macro_f1(LABELS, LABELS, classes=np.int32(3)) == 1


def test_classes_refuse_floats_and_masks():
    """int(1.5) is 1, and a mask of classes would be read as the classes 0 and 1."""
    from tutorial_lib.gradients import class_jacobian

    expected = class_jacobian(MODEL, X, classes=[0, 2])
    for classes in (np.array([0, 2]), torch.tensor([0, 2]), (np.int64(0), 2)):
        torch.testing.assert_close(class_jacobian(MODEL, X, classes=classes), expected)
    for classes in ([0, 1.5], [True, False, True], np.array([True, False, True]), [0, "1"]):
        with pytest.raises(ValueError, match="a whole number"):
            class_jacobian(MODEL, X, classes=classes)
    for signs in ([0, 1.5], [True], np.array([0.5])):
        with pytest.raises(ValueError, match="whole number"):
            data.to_label_tensor(signs)


class OnAnotherDevice(torch.Tensor):
    """A tensor that reports another device, and whose operations fail as those of two devices do."""

    device = torch.device("cuda:1")

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func in (torch.where, torch.Tensor.mul, torch.Tensor.sub):
            raise RuntimeError("Expected all tensors to be on the same device, but found at least two devices")
        return super().__torch_function__(func, types, args, kwargs or {})


def test_tensors_on_two_devices_are_refused_with_remedy():
    """Images on the GPU and their maps or references on the CPU."""
    for call in (
        lambda x: quality.psnr(X, x),
        lambda x: uncertainty.exgrad_score(MODEL(X).detach(), x.flatten(1)),
    ):
        with pytest.raises(ValueError, match=r"on cpu and cuda:1; move them with .to\(device\)"):
            call(X.as_subclass(OnAnotherDevice))
    with pytest.raises(RuntimeError, match="another reason"):
        metrics.bootstrap_interval(lambda x: _raise(), torch.ones(3))


def _raise():
    raise RuntimeError("another reason")


@pytest.mark.filterwarnings("ignore:.*nested tensors", "ignore:.*quant")
@pytest.mark.parametrize(
    "convert",
    [
        lambda t: torch.nested.nested_tensor(list(t)),
        lambda t: torch.nested.nested_tensor(list(t), layout=torch.jagged),
        lambda t: torch.quantize_per_tensor(t, 0.01, 0, torch.quint8),
        lambda t: t.to(torch.float8_e4m3fn),
    ],
    ids=["nested", "jagged", "quantized", "float8"],
)
def test_tensors_that_pytorch_hardly_supports_are_refused_with_remedy(convert):
    for call in (
        lambda: attribution.saliency(MODEL, convert(X)),
        lambda: metrics.plcc(convert(X.flatten(1)), LABELS),
        lambda: quality.psnr(X, convert(X)),
    ):
        with pytest.raises(ValueError, match="pad nested samples to one shape, and convert other floats"):
            call()


def test_tensors_that_are_marked_as_negative_mean_the_same():
    """The imaginary part of a conjugate is such a tensor, whose values NumPy cannot read."""
    negative = torch.complex(X, -X).conj().imag
    assert negative.is_neg() and torch.equal(negative, X)
    assert metrics.srcc(negative.flatten()[:4], LABELS) == metrics.srcc(X.flatten()[:4], LABELS)
    assert torch.equal(quality.to_luma(negative), quality.to_luma(X))
    assert torch.equal(attribution.saliency(MODEL, negative, 1), attribution.saliency(MODEL, X, 1))


# Ranges of values.


@pytest.mark.parametrize("metric", [quality.psnr, quality.ssim, quality.ssim_map])
def test_fidelity_refuses_pixels_beyond_data_range(metric):
    """Pixels of 0…255, of 16 bits or of −1…1 with a data range of 1."""
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    y = (x + 0.05 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    expected = metric(x, y)
    torch.testing.assert_close(metric(255 * x, 255 * y, data_range=255), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(metric(2 * x, 2 * y, data_range=np.float64(2)), expected, rtol=1e-4, atol=1e-4)
    for scaled in ((255 * x, 255 * y), (65535 * x, 65535 * y), (2 * x - 1, 2 * y - 1), (x * torch.nan, y)):
        with pytest.raises(ValueError, match="data_range"):
            metric(*scaled)
    for data_range in (0.0, -1.0, torch.inf, torch.nan):
        with pytest.raises(ValueError, match="data_range"):
            metric(x, y, data_range=data_range)


def test_attacks_and_corruptions_refuse_pixels_of_0_to_255():
    """Images of 0…255 with bounds of 0 and 1 (foolbox issue 367), and normalized images (foolbox issue 602)."""
    for x in (255 * X, X - 0.5, X * torch.nan):
        for call in (lambda x: uncertainty.pgd(MODEL, x, eps=0.1), lambda x: data.corrupt(x, "haze", 1)):
            with pytest.raises(ValueError, match=r"\[0, 1\], got values from"):
                call(x)


def test_metrics_and_maps_refuse_nan():
    """Maps and scores with NaN."""
    nan_maps, nan_scores = MAPS.clone(), torch.tensor([0.1, torch.nan, 0.3])
    nan_maps[1, 2, 2] = torch.nan
    points = torch.tensor([[0, 1], [2, 3]])
    for call in (
        lambda: metrics.nss(nan_maps[1], points),
        lambda: metrics.auc_judd(nan_maps[1], points),
        lambda: metrics.cc(MAPS[0], nan_maps[1]),
        lambda: metrics.auroc(nan_scores, nan_scores),
        lambda: metrics.srcc(nan_scores, nan_scores),
        lambda: attribution.pointing_game(nan_maps, MAPS > 0.5),
        lambda: attribution.deletion_curve(MODEL, X, nan_maps),
    ):
        with pytest.raises(ValueError, match="finite|NaN"):
            call()
