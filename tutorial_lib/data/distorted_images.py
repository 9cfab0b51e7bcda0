"""Distorted images with their references and one score each: a set of known severities, and photographs.

A severity is not a human judgment. A quality metric that follows the severity is monotone in that distortion, which
says nothing about how well it agrees with human ratings.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from tutorial_lib._validation import check_choice, convert_arguments
from tutorial_lib.data._safe_io import central_square, image_to_tensor, read_image
from tutorial_lib.data.corruptions import SEVERITIES, corrupt
from tutorial_lib.data.rendering import render
from tutorial_lib.data.signs import SIGNS
from tutorial_lib.runtime import default_generator

DISTORTIONS = ("gaussian blur", "lens blur", "noise", "codec error", "decolorization", "darkening", "exposure", "haze")
ROUNDING = 1e-6  # an image that differs less from its reference was not distorted
# Public domain or CC0, and part of scikit-image itself, so that nothing is downloaded. The last three are textures.
SKIMAGE_PHOTOS = ("astronaut", "camera", "chelsea", "coffee", "hubble_deep_field", "rocket", "brick", "grass", "gravel")


class QualityDataset:
    """Distorted images with their undistorted references and one score each.

    ``dataset[i]`` is the pair (distorted, reference), two images (1, 3, H, W) of floats in [0, 1]; image files are
    decoded when they are indexed. :meth:`as_batch` returns all pairs at once if the images have one size. Every
    argument is also an attribute; ``images`` becomes a list, and ``scores`` a tensor (N,) of float64.

    Args:
        images: the distorted images, tensors (1, 3, H, W) or paths of image files.
        reference_images: name -> undistorted image, a tensor (1, 3, H, W) or a path.
        references: name of the reference of each distorted image.
        distortion_types: name of the distortion of each image.
        scores: score of each image, a severity or a human rating.
        higher_is: "worse" if a higher score means a worse image, "better" if it means a better one.
        score_description: what the score is, in words.
        description: which images of which dataset these are, in words.

    Raises:
        ValueError: the arguments differ in length, a reference is missing, or ``higher_is`` is unknown.
    """

    @convert_arguments
    def __init__(
        self,
        images: Iterable[Tensor | Path],
        reference_images: Mapping[str, Tensor | Path],
        references: Iterable[str],
        distortion_types: Iterable[str],
        scores: Sequence[float] | Tensor,
        *,
        higher_is: str,
        score_description: str,
        description: str,
    ):
        self.images, self.reference_images = list(images), dict(reference_images)
        self.references, self.distortion_types = tuple(references), tuple(distortion_types)
        self.scores = torch.as_tensor(scores, dtype=torch.float64, device="cpu")
        self.higher_is = check_choice(higher_is, ("worse", "better"), "direction")
        self.score_description, self.description = score_description, description
        if not len(self.images) == len(self.references) == len(self.distortion_types) == len(self.scores):
            raise ValueError("every distorted image needs one reference, one distortion type and one score")
        if missing := set(self.references) - set(self.reference_images):
            raise ValueError(f"no undistorted image for {', '.join(sorted(missing))}")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        pair = self.images[i], self.reference_images[self.references[i]]
        distorted, reference = (image if isinstance(image, Tensor) else read_image(image) for image in pair)
        return distorted, reference

    def as_batch(self) -> tuple[Tensor, Tensor]:
        """Return all distorted images and their references as two batches.

        Returns:
            Distorted images and references, (N, 3, H, W) each, floats in [0, 1].

        Raises:
            ValueError: the images differ in size.
        """
        pairs = [self[i] for i in range(len(self))]
        if sizes := {image.shape for pair in pairs for image in pair} - {pairs[0][0].shape}:
            raise ValueError(f"images of {len(sizes) + 1} sizes do not form a batch; index them one by one, dataset[i]")
        distorted, references = zip(*pairs, strict=True)
        return torch.cat(distorted), torch.cat(references)

    @property
    def quality(self) -> Tensor:
        """The scores (N,), float64, negated if necessary so that higher means better."""
        return self.scores if self.higher_is == "better" else -self.scores

    def __repr__(self) -> str:
        return (
            f"QualityDataset({len(self)} images of {len(set(self.references))} references, "
            f"{len(set(self.distortion_types))} distortion types; "
            f"{self.score_description}, higher is {self.higher_is}; {self.description})"
        )


@convert_arguments
def make_distortion_dataset(
    references: Tensor | int = 12,
    *,
    names: Sequence[str] = (),
    kinds: Sequence[str] = DISTORTIONS,
    levels: Sequence[int] = SEVERITIES,
    generator: torch.Generator | None = None,
) -> QualityDataset:
    """Return reference images under distortions of all severities, scored by the severity.

    The score is the severity, from 1 (slight) to 5 (severe), so higher means worse. It is not a human rating, and equal
    severities of two distortions need not look equally bad. Every reference appears under every distortion at every
    severity. A distortion that leaves an image as it was, up to rounding, is omitted; for example, a gray image has no
    color to lose.

    Args:
        references: undistorted images (n, 3, H, W) in [0, 1], or the number of scenes of the synthetic traffic-sign
            dataset to render.
        names: names of the references; by default they are numbered.
        kinds: distortions, of ``DISTORTIONS`` or of all twelve ``CORRUPTIONS``.
        levels: severities, of 1…5.
        generator: source of scenes and distortions, on the CPU; None is a new one with seed 0.

    Returns:
        The dataset, with the images as tensors.

    Raises:
        ValueError: images of another shape, type or range; an unknown distortion or severity; more or fewer names than
            references.

    Example:
        >>> dataset = make_distortion_dataset(2, kinds=("noise", "haze"))
        >>> len(dataset), dataset.higher_is
        (20, 'worse')
    """
    generator = default_generator(generator)
    if isinstance(references, int):
        clean = render(torch.arange(references, device="cpu") % len(SIGNS), generator=generator)
        description = "rendered"
    else:
        clean, description = references, "distortions of given images"
    names = tuple(names) or tuple(f"scene {i}" for i in range(len(clean)))
    if len(names) != len(clean):
        raise ValueError(f"{len(clean)} references need as many names, not {len(names)}")
    rows = [
        (distorted[None], name, kind, level)
        for kind in kinds
        for level in levels
        for name, image, distorted in zip(names, clean, corrupt(clean, kind, level, generator=generator), strict=True)
        if (image - distorted).abs().max() > ROUNDING  # a gray image cannot lose its color
    ]
    return QualityDataset(
        [image for image, _, _, _ in rows],
        dict(zip(names, clean.split(1), strict=True)),
        [name for _, name, _, _ in rows],
        [kind for _, _, kind, _ in rows],
        [level for _, _, _, level in rows],
        higher_is="worse",
        score_description="severity, decided when it was drawn",  # as in the stored table of image quality
        description=description,
    )


@convert_arguments
def skimage_photos(
    size: int = 192, *, names: Sequence[str] = SKIMAGE_PHOTOS, device: torch.device | str | None = None
) -> Tensor:
    """Return photographs in the public domain that are part of scikit-image.

    Nothing is downloaded. The central square of each photograph is scaled (bilinear, antialiased). Gray images are
    repeated to three channels.

    Args:
        size: height and width in pixels.
        names: which photographs, in this order.
        device: device of the result; None is the CPU.

    Returns:
        Images (n, 3, size, size), floats in [0, 1].

    Raises:
        ValueError: an unknown name; the message gives the nearest ones.
        ModuleNotFoundError: scikit-image is not installed.

    Example:
        >>> skimage_photos(32, names=("coffee", "camera")).shape
        torch.Size([2, 3, 32, 32])
    """
    try:
        from skimage import data
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'these photographs are part of scikit-image; install it with: pip install "tutorial-lib[course]"'
        ) from error

    photos = []
    for name in names:
        pixels = getattr(data, check_choice(name, SKIMAGE_PHOTOS, "photograph"))()
        square = image_to_tensor(central_square(Image.fromarray(pixels)))
        photos.append(interpolate(square, (size, size), mode="bilinear", antialias=True).clamp(0, 1))
    return torch.cat(photos).to(device or "cpu")
