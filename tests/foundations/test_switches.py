import pytest
import torch

from tutorial_lib.foundations import select_by_switches, switch_events


def predictions(epochs=7, pictures=40, classes=4, seed=0):
    return torch.randint(classes, (epochs, pictures), generator=torch.Generator().manual_seed(seed))


def two_groups(settled=60, unsettled=40):
    """Counts around 1 and around 12, in two groups that no mixture could confuse."""
    generator = torch.Generator().manual_seed(3)
    low = torch.randint(0, 3, (settled,), generator=generator)
    high = torch.randint(10, 15, (unsettled,), generator=generator)
    return torch.cat([low, high])


@pytest.mark.parametrize("seed", range(3))
def test_events_are_counted_as_a_naive_loop_counts_them(seed):
    said = predictions(seed=seed)
    naive = [0] * said.shape[1]
    for i in range(said.shape[1]):
        for t in range(1, len(said)):
            if int(said[t, i]) != int(said[t - 1, i]):
                naive[i] += 1
    assert switch_events(said).tolist() == naive and max(naive) > 0


def test_events_are_at_most_one_an_epoch_after_the_first():
    said = torch.tensor([[0, 0], [1, 0], [0, 0], [1, 0], [0, 1]])
    assert switch_events(said).tolist() == [len(said) - 1, 1]
    assert switch_events(predictions(epochs=9)).max() <= 8


def test_frozen_predictions_never_switch_and_one_epoch_cannot():
    frozen = torch.arange(5).repeat(6, 1)
    assert switch_events(frozen).tolist() == [0] * 5
    assert switch_events(frozen[:1]).tolist() == [0] * 5


@pytest.mark.parametrize("component", ["higher", "lower"])
@pytest.mark.parametrize("n", [1, 7, 20])
def test_selection_works_where_all_counts_are_the_same(component, n):
    chosen = select_by_switches(torch.full((20,), 3), n, component=component)
    assert len(set(chosen.tolist())) == n


@pytest.mark.parametrize("n", [1, 5, 25])
def test_the_two_components_choose_different_pictures_while_both_are_large_enough(n):
    events = two_groups()
    chosen = {
        component: set(select_by_switches(events, n, component=component).tolist()) for component in ("higher", "lower")
    }
    assert not chosen["higher"] & chosen["lower"]
    assert min(events[list(chosen["higher"])]) >= 10 and max(events[list(chosen["lower"])]) <= 2
    assert len(chosen["higher"]) == len(chosen["lower"]) == n


def test_a_component_that_is_too_small_is_filled_up_with_the_most_extreme_counts():
    events = two_groups()
    chosen = select_by_switches(events, 70, component="higher")
    assert len(set(chosen.tolist())) == 70 and set(range(60, 100)) <= set(chosen.tolist())
    rest = events[[i for i in chosen.tolist() if i < 60]]
    assert sorted(rest.tolist()) == sorted(events[:60].tolist())[-30:]
    assert len(set(select_by_switches(events, 100).tolist())) == 100


def test_within_a_component_the_responsibility_sets_the_chance():
    """Where the components overlap, a picture in the middle is drawn less often than one at the far end."""
    generator = torch.Generator().manual_seed(0)
    events = torch.cat([torch.randn(300, generator=generator), 3 + torch.randn(300, generator=generator)])
    draws = torch.cat([select_by_switches(events, 100, generator=generator) for _ in range(60)])
    often = draws.bincount(minlength=600).float()
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(2, max_iter=1000, random_state=0).fit(events[:, None].numpy())
    share = torch.from_numpy(mixture.predict_proba(events[:, None].numpy())[:, mixture.means_[:, 0].argmax()])
    sure, doubtful = often[share > 0.95].mean(), often[(share > 0.5) & (share < 0.65)].mean()
    assert often[share < 0.45].sum() == 0 and 0.35 < doubtful / sure < 0.85


def test_selection_repeats_itself_from_its_seed_and_moves_no_global_state():
    import numpy as np

    events = two_groups()
    before, state = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    a, b, c = (select_by_switches(events, 10, generator=torch.Generator().manual_seed(s)).tolist() for s in (5, 5, 6))
    assert a == b != c
    assert torch.equal(before, torch.random.get_rng_state()) and (state == np.random.get_state()[1]).all()


@pytest.mark.parametrize("bad", [torch.rand(3, 4), torch.tensor([1, 2]), torch.zeros(0, 3, dtype=torch.long)])
def test_predictions_are_whole_numbers_in_a_table(bad):
    with pytest.raises(ValueError, match="stack the arg-max after each epoch"):
        switch_events(bad)


@pytest.mark.parametrize("events, n", [(torch.arange(4), 5), (torch.arange(4), 0), (torch.zeros(2, 2), 1)])
def test_no_more_can_be_chosen_than_there_are(events, n):
    with pytest.raises(ValueError, match="cannot choose"):
        select_by_switches(events, n)


def test_unknown_components_are_answered():
    with pytest.raises(ValueError, match="unknown component 'high'; the nearest: 'higher'"):
        select_by_switches(torch.arange(9), 2, component="high")
