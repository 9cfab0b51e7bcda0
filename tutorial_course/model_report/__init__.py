"""A report on any image classifier and a folder of images: one HTML file with predictions, maps and their controls."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import torch
from torch import Tensor, nn

from tutorial_course.model_report.images import load_folder
from tutorial_course.model_report.measurements import Measurements, Normalized, check_model, measure
from tutorial_course.model_report.page import page
from tutorial_course.model_report.sections import sections
from tutorial_lib.runtime import in_colab

__all__ = ["ModelReport", "model_report", "upload_images"]


@dataclass(frozen=True)
class ModelReport:
    """A report on a model.

    Attributes:
        html: the page, complete and without links to other hosts.
        names: the images.
        classes: names of the classes.
        labels: true class of each image; None if they are not known.
        measurements: all measured values.
    """

    html: str
    names: list[str]
    classes: list[str]
    labels: Tensor | None
    measurements: Measurements

    @property
    def n_correct(self) -> int | None:
        """The number of correct predictions; None without labels."""
        return None if self.labels is None else int((self.measurements.predicted == self.labels).sum())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file.

        Args:
            path: the file.

        Returns:
            Its path. The file can be opened in any browser, also without a network.
        """
        file = Path(path)
        file.write_text(self.html, encoding="utf-8")
        return file

    def _repr_html_(self) -> str:
        title = f"Report on {len(self.names)} images"
        style = "box-sizing:border-box;width:100%;height:40rem;border:1px solid #888"
        return f'<iframe title="{title}" aria-label="{title}" srcdoc="{escape(self.html)}" style="{style}"></iframe>'

    def __repr__(self) -> str:
        return f"ModelReport of {len(self.names)} images; save('report.html') writes it to a file"


def upload_images(folder: str | os.PathLike[str] = "uploaded-images") -> Path:
    """Ask for images in Google Colab, and return the folder that contains them.

    Args:
        folder: the folder, which is created. Outside Colab nothing is uploaded, so that it must contain the images.

    Returns:
        The folder.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    if in_colab():
        from google.colab import files  # it exists in Colab only

        for name, content in files.upload().items():
            (path / Path(name).name).write_bytes(content)
    return path


def model_report(
    model: nn.Module,
    folder: str | os.PathLike[str],
    *,
    size: int,
    crop: float = 1.0,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    classes: Sequence[str] | None = None,
    labels: Mapping[str, int | str] | None = None,
    layer: str | None = None,
    title: str = "Report on an image classifier",
    limit: int = 50,
    batch_size: int = 8,
) -> ModelReport:
    """Return a report on a classifier and the images of a folder.

    It contains the predictions, explanation maps with sanity checks, uncertainty scores, the sensitivity to attacks and
    to lower image quality, with controls, 95% intervals over images, and limitations. Its cost is about a hundred
    forward passes and thirty backward passes per image.

    Args:
        model: classifier that takes images and returns logits (N, C), on any device; it is left as it was.
        folder: folder of images, with or without subfolders.
        size: height and width of the images that the model expects.
        crop: share of the shorter side of an image that is kept; 0.875 is usual for ImageNet.
        mean: mean of each channel if the model expects normalized images; None passes images in [0, 1].
        std: standard deviation of each channel, together with ``mean``.
        classes: names of the classes in the order of the outputs; None numbers them.
        labels: true class of each image by its path in the folder or by file name, an index or a name. None uses the
            names of the subfolders if all of them are classes; without labels, nothing about errors is reported.
        layer: layer of Grad-CAM; None selects the last one with a feature map.
        title: title of the page.
        limit: largest number of images.
        batch_size: images per pass; it bounds the memory.

    Returns:
        The report.

    Raises:
        ValueError: a folder without images, a file that is not an image, a model that is not a classifier of such
            images, or names and labels that do not fit. The message says what to change.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> folder = tempfile.mkdtemp()
        >>> for shade in (60, 200):
        ...     Image.new("RGB", (40, 32), (shade, 0, 0)).save(f"{folder}/{shade}.png")
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
        >>> model_report(model, folder, size=32)
        ModelReport of 2 images; save('report.html') writes it to a file
    """
    found = load_folder(folder, size, crop=crop, classes=classes, labels=labels, limit=limit)
    if (mean is None) != (std is None):
        raise ValueError("expected both mean and std, or neither; got only one of them")
    parameter = next(iter(model.parameters()), None) if isinstance(model, nn.Module) else None
    device = parameter.device if parameter is not None else torch.device("cpu")
    wrapped = model if mean is None or std is None else Normalized(model, tuple(mean), tuple(std)).to(device)
    x = found.images.to(device)
    check_model(wrapped, x, None if classes is None else len(classes), found.labels)
    if layer is not None and wrapped is not model:
        layer = f"model.{layer}"
    measured = measure(wrapped, x, layer=layer, batch_size=batch_size)
    n_classes = measured.probabilities.shape[1]
    names = list(classes) if classes is not None else [f"class {i}" for i in range(n_classes)]
    html = page(title, sections(found, measured, names, str(device)))
    return ModelReport(html, found.names, names, found.labels, measured)
