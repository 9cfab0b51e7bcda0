"""Rated pictures: what the drawn set holds, the photographs that are always there."""

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
    found = make_distortion_dataset(3)
    x, r = found.as_batch()
    assert len(found) == 3 * len(DISTORTIONS) * len(SEVERITIES) and x.shape == r.shape == (120, 3, 48, 48)
    seen = set(zip(found.references, found.distortion_types, found.scores.tolist()))
    assert seen == {
        (f"scene {i}", kind, float(level)) for i in range(3) for kind in DISTORTIONS for level in SEVERITIES
    }
    for i in (0, 50, 119):
        damaged, reference = found[i]
        assert torch.equal(damaged[0], x[i]) and torch.equal(reference[0], r[i]) and not torch.equal(damaged, reference)
    assert found.higher_is == "worse" and torch.equal(found.quality, -found.scores) and found.sha256 == ""


def test_make_distortion_dataset_images_match_corrupt():
    clean = data.render(["stop", "hump"])
    found = make_distortion_dataset(
        clean, names=("a", "b"), kinds=("haze",), levels=(4,), generator=torch.Generator().manual_seed(3)
    )
    expected = data.corrupt(clean, "haze", 4, generator=torch.Generator().manual_seed(3))
    assert torch.equal(found.as_batch()[0], expected) and found.references == ("a", "b")


def test_make_distortion_dataset_is_seeded():
    a, b, c = (
        make_distortion_dataset(2, kinds=("noise",), generator=torch.Generator().manual_seed(s)).as_batch()[0]
        for s in (0, 0, 1)
    )
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_make_distortion_dataset_skips_desaturation_of_gray_images():
    grey = torch.rand(1, 1, 16, 16).repeat(1, 3, 1, 1)
    color = torch.rand(1, 3, 16, 16)
    found = make_distortion_dataset(
        torch.cat([grey.mean(1, keepdim=True).repeat(1, 3, 1, 1), color]), kinds=("noise", "decolorisation")
    )
    x, r = found.as_batch()
    assert (x - r).abs().flatten(1).amax(1).min() > 0


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"kinds": ("fog",)}, "unknown challenge 'fog'"),
        ({"levels": (6,)}, "levels run from 1"),
        ({"references": torch.rand(2, 3, 8, 8), "names": ("one",)}, "2 references need as many names, not 1"),
        ({"references": torch.rand(3, 8, 8)}, r"images are tensors \(N, 3, H, W\)"),
    ],
)
def test_make_distortion_dataset_rejects_invalid_input(how, said):
    with pytest.raises(ValueError, match=said):
        make_distortion_dataset(**{"references": 1, **how})


def test_quality_dataset_rejects_inconsistent_fields():
    x = [torch.rand(1, 3, 8, 8)] * 2
    how = {"higher_is": "worse", "score_description": "m", "description": "s"}
    with pytest.raises(ValueError, match="one reference, one kind and one number"):
        QualityDataset(x, {"r": x[0]}, ["r", "r"], ["k", "k"], [1.0], **how)
    with pytest.raises(ValueError, match="no undamaged picture for q"):
        QualityDataset(x, {"r": x[0]}, ["r", "q"], ["k", "k"], [1.0, 2.0], **how)
    with pytest.raises(ValueError, match="unknown direction 'up'"):
        QualityDataset(x, {"r": x[0]}, ["r", "r"], ["k", "k"], [1.0, 2.0], **{**how, "higher_is": "up"})
    mixed = QualityDataset(
        [x[0], torch.rand(1, 3, 9, 8)],
        {"r": x[0]},
        ["r", "r"],
        ["k", "k"],
        [1.0, 2.0],
        **{**how, "higher_is": "better"},
    )
    assert torch.equal(mixed.quality, mixed.scores) and "2 pictures of 1 references" in repr(mixed)
    with pytest.raises(ValueError, match="2 sizes make no batch"):
        mixed.as_batch()


def test_skimage_photos_returns_all_photos_or_those_selected_by_name():
    found = skimage_photos(40)
    assert found.shape == (len(SKIMAGE_PHOTOS), 3, 40, 40) and found.min() >= 0 and found.max() <= 1
    assert len({tuple(x.flatten()[:50].tolist()) for x in found}) == len(SKIMAGE_PHOTOS)
    grey = [bool((x[0] == x[1]).all()) for x in found]
    assert sum(grey) == 4 and not grey[SKIMAGE_PHOTOS.index("coffee")]
    assert torch.equal(skimage_photos(40, names=("rocket",))[0], found[SKIMAGE_PHOTOS.index("rocket")])
    with pytest.raises(ValueError, match="unknown photograph 'cofee'; the nearest: 'coffee'"):
        skimage_photos(names=("cofee",))
