"""Rated pictures: what the drawn set holds, the photographs that are always there."""

import pytest
import torch

from tutorial_lib import data
from tutorial_lib.data import DAMAGES, LEVELS, PHOTOGRAPHS, Rated, photographs, severities


def test_every_reference_under_every_damage_at_every_level():
    found = severities(3)
    x, r = found.stacked()
    assert len(found) == 3 * len(DAMAGES) * len(LEVELS) and x.shape == r.shape == (120, 3, 48, 48)
    seen = set(zip(found.references, found.kinds, found.scores.tolist()))
    assert seen == {(f"scene {i}", kind, float(level)) for i in range(3) for kind in DAMAGES for level in LEVELS}
    for i in (0, 50, 119):
        damaged, reference = found[i]
        assert torch.equal(damaged[0], x[i]) and torch.equal(reference[0], r[i]) and not torch.equal(damaged, reference)
    assert found.rising == "worse" and torch.equal(found.quality, -found.scores) and found.sha256 == ""


def test_the_damage_is_that_of_the_challenges():
    clean = data.render(["stop", "hump"])
    found = severities(
        clean, names=("a", "b"), kinds=("haze",), levels=(4,), generator=torch.Generator().manual_seed(3)
    )
    expected = data.challenge(clean, "haze", 4, generator=torch.Generator().manual_seed(3))
    assert torch.equal(found.stacked()[0], expected) and found.references == ("a", "b")


def test_seeded():
    a, b, c = (
        severities(2, kinds=("noise",), generator=torch.Generator().manual_seed(s)).stacked()[0] for s in (0, 0, 1)
    )
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_grey_pictures_have_no_colour_to_lose():
    grey = torch.rand(1, 1, 16, 16).repeat(1, 3, 1, 1)
    colour = torch.rand(1, 3, 16, 16)
    found = severities(
        torch.cat([grey.mean(1, keepdim=True).repeat(1, 3, 1, 1), colour]), kinds=("noise", "decolorisation")
    )
    x, r = found.stacked()
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
def test_what_is_refused(how, said):
    with pytest.raises(ValueError, match=said):
        severities(**{"references": 1, **how})


def test_a_set_that_does_not_fit_together_is_refused():
    x = [torch.rand(1, 3, 8, 8)] * 2
    how = {"rising": "worse", "meaning": "m", "subset": "s"}
    with pytest.raises(ValueError, match="one reference, one kind and one number"):
        Rated(x, {"r": x[0]}, ["r", "r"], ["k", "k"], [1.0], **how)
    with pytest.raises(ValueError, match="no undamaged picture for q"):
        Rated(x, {"r": x[0]}, ["r", "q"], ["k", "k"], [1.0, 2.0], **how)
    with pytest.raises(ValueError, match="unknown direction 'up'"):
        Rated(x, {"r": x[0]}, ["r", "r"], ["k", "k"], [1.0, 2.0], **{**how, "rising": "up"})
    mixed = Rated(
        [x[0], torch.rand(1, 3, 9, 8)], {"r": x[0]}, ["r", "r"], ["k", "k"], [1.0, 2.0], **{**how, "rising": "better"}
    )
    assert torch.equal(mixed.quality, mixed.scores) and "2 pictures of 1 references" in repr(mixed)
    with pytest.raises(ValueError, match="2 sizes make no batch"):
        mixed.stacked()


def test_photographs_are_always_there():
    found = photographs(40)
    assert found.shape == (len(PHOTOGRAPHS), 3, 40, 40) and found.min() >= 0 and found.max() <= 1
    assert len({tuple(x.flatten()[:50].tolist()) for x in found}) == len(PHOTOGRAPHS)
    grey = [bool((x[0] == x[1]).all()) for x in found]
    assert sum(grey) == 4 and not grey[PHOTOGRAPHS.index("coffee")]
    assert torch.equal(photographs(40, names=("rocket",))[0], found[PHOTOGRAPHS.index("rocket")])
    with pytest.raises(ValueError, match="unknown photograph 'cofee'; the nearest: 'coffee'"):
        photographs(names=("cofee",))
