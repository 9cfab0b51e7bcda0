"""Rated images: the rendered distortion dataset, and the photographs that come with scikit-image."""

import pytest
import torch

from tutorial_lib import data
from tutorial_lib.data import (
    DISTORTIONS,
    SEVERITIES,
    SKIMAGE_PHOTOS,
    QualityDataset,
    make_distortion_dataset,
    skimage_photos,
)


def test_make_distortion_dataset_covers_every_reference_type_and_level():
    dataset = make_distortion_dataset(3)
    x, r = dataset.as_batch()
    assert len(dataset) == 3 * len(DISTORTIONS) * len(SEVERITIES) and x.shape == r.shape == (120, 3, 48, 48)
    combinations = set(zip(dataset.references, dataset.distortion_types, dataset.scores.tolist()))
    assert combinations == {
        (f"scene {i}", kind, float(level)) for i in range(3) for kind in DISTORTIONS for level in SEVERITIES
    }
    for i in (0, 50, 119):
        distorted, reference = dataset[i]
        assert (
            torch.equal(distorted[0], x[i])
            and torch.equal(reference[0], r[i])
            and not torch.equal(distorted, reference)
        )
    assert dataset.higher_is == "worse" and torch.equal(dataset.quality, -dataset.scores)


def test_make_distortion_dataset_images_match_corrupt():
    clean = data.render(["stop", "hump"])
    dataset = make_distortion_dataset(
        clean, names=("a", "b"), kinds=("haze",), levels=(4,), generator=torch.Generator().manual_seed(3)
    )
    expected = data.corrupt(clean, "haze", 4, generator=torch.Generator().manual_seed(3))
    assert torch.equal(dataset.as_batch()[0], expected) and dataset.references == ("a", "b")


def test_make_distortion_dataset_is_seeded():
    a, b, c = (
        make_distortion_dataset(2, kinds=("noise",), generator=torch.Generator().manual_seed(s)).as_batch()[0]
        for s in (0, 0, 1)
    )
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_make_distortion_dataset_skips_desaturation_of_gray_images():
    photos = skimage_photos(32, names=("camera", "coffee"))  # the first one is gray
    dataset = make_distortion_dataset(photos, names=("camera", "coffee"), kinds=("noise", "decolorization"))
    x, r = dataset.as_batch()
    assert (x - r).abs().flatten(1).amax(1).min() > 1e-3  # and not only rounding errors
    pairs = zip(dataset.references, dataset.distortion_types, strict=True)
    assert set(pairs) == {("camera", "noise"), ("coffee", "noise"), ("coffee", "decolorization")}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": ("fog",)}, "unknown corruption 'fog'"),
        ({"levels": (6,)}, "severity must be 1"),
        ({"references": torch.rand(2, 3, 8, 8), "names": ("one",)}, "2 references need as many names, not 1"),
        ({"references": torch.rand(3, 8, 8)}, r"expected images of shape \(N, 3, H, W\)"),
    ],
)
def test_make_distortion_dataset_rejects_invalid_input(options, message):
    with pytest.raises(ValueError, match=message):
        make_distortion_dataset(**{"references": 1, **options})


def test_quality_dataset_rejects_inconsistent_fields():
    x = [torch.rand(1, 3, 8, 8)] * 2
    fields = {"higher_is": "worse", "score_description": "m", "description": "s"}
    with pytest.raises(ValueError, match="one reference, one distortion type and one score"):
        QualityDataset(x, {"r": x[0]}, ["r", "r"], ["k", "k"], [1.0], **fields)
    with pytest.raises(ValueError, match="no undistorted image for q"):
        QualityDataset(x, {"r": x[0]}, ["r", "q"], ["k", "k"], [1.0, 2.0], **fields)
    with pytest.raises(ValueError, match="unknown direction 'up'"):
        QualityDataset(x, {"r": x[0]}, ["r", "r"], ["k", "k"], [1.0, 2.0], **{**fields, "higher_is": "up"})
    mixed = QualityDataset(
        [x[0], torch.rand(1, 3, 9, 8)],
        {"r": x[0]},
        ["r", "r"],
        ["k", "k"],
        [1.0, 2.0],
        **{**fields, "higher_is": "better"},
    )
    assert torch.equal(mixed.quality, mixed.scores) and "2 images of 1 references" in repr(mixed)
    with pytest.raises(ValueError, match="2 sizes do not form a batch"):
        mixed.as_batch()


def test_skimage_photos_returns_all_photos_or_those_selected_by_name():
    photos = skimage_photos(40)
    assert photos.shape == (len(SKIMAGE_PHOTOS), 3, 40, 40) and photos.min() >= 0 and photos.max() <= 1
    assert len({tuple(x.flatten()[:50].tolist()) for x in photos}) == len(SKIMAGE_PHOTOS)
    grey = [bool((x[0] == x[1]).all()) for x in photos]
    assert sum(grey) == 4 and not grey[SKIMAGE_PHOTOS.index("coffee")]
    assert torch.equal(skimage_photos(40, names=("rocket",))[0], photos[SKIMAGE_PHOTOS.index("rocket")])
    with pytest.raises(ValueError, match="unknown photograph 'cofee'; the nearest: 'coffee'"):
        skimage_photos(names=("cofee",))
