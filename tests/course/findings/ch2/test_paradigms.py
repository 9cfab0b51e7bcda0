"""What the three questions highlight, and what an embedding preserves."""

import torch

from tutorial_course.findings.ch2 import highlighted_shares, neighbor_agreement


def test_highlighted_shares_add_up_and_match_a_map_by_hand():
    why = torch.tensor([[[1.0, 0.5, -0.5, 0.0]]])
    contrast = torch.tensor([[[1.0, 0.0, 0.0, 0.6]]])
    shares = highlighted_shares(torch.stack([why, -why, contrast]))
    assert {name: value.item() for name, value in shares.items()} == {
        "why P, alone": 0.25,
        "why P and the contrast": 0.25,
        "the contrast, alone": 0.25,
        "what if not P": 0.25,
    }
    higher = highlighted_shares(torch.stack([why, -why, contrast]), threshold=0.55)
    assert higher["what if not P"].item() == 0 and higher["the contrast, alone"].item() == 0.5


def test_neighbor_agreement_is_one_for_the_same_space_and_chance_for_a_random_one():
    generator = torch.Generator().manual_seed(0)
    features, classes = torch.randn(400, 2, generator=generator), torch.arange(400) % 4
    same = neighbor_agreement(features, features, classes, n_neighbors=10)
    assert same["kept"] == 1 and same["features"] == same["embedding"]
    other = neighbor_agreement(features, torch.randn(400, 2, generator=generator), classes, n_neighbors=10)
    assert abs(other["kept"] - 10 / 399) < 0.01 and abs(other["embedding"] - 0.25) < 0.05
