import pytest
import torch

from tutorial_lib.foundations import gaussian_switch_sampling, switch_events


def predictions(epochs=7, images=40, classes=4, seed=0):
    return torch.randint(classes, (epochs, images), generator=torch.Generator().manual_seed(seed))


def two_groups(settled=60, unsettled=40):
    """Return counts around 1 and around 12, two groups that every mixture model separates."""
    generator = torch.Generator().manual_seed(3)
    low = torch.randint(0, 3, (settled,), generator=generator)
    high = torch.randint(10, 15, (unsettled,), generator=generator)
    return torch.cat([low, high])


@pytest.mark.parametrize("seed", range(3))
def test_switch_events_match_naive_loop(seed):
    predicted = predictions(seed=seed)
    naive = [0] * predicted.shape[1]
    for i in range(predicted.shape[1]):
        for t in range(1, len(predicted)):
            if int(predicted[t, i]) != int(predicted[t - 1, i]):
                naive[i] += 1
    assert switch_events(predicted).tolist() == naive and max(naive) > 0


def test_switch_events_are_at_most_one_per_epoch_after_the_first():
    predicted = torch.tensor([[0, 0], [1, 0], [0, 0], [1, 0], [0, 1]])
    assert switch_events(predicted).tolist() == [len(predicted) - 1, 1]
    assert switch_events(predictions(epochs=9)).max() <= 8


def test_switch_events_are_zero_for_constant_or_single_epoch():
    frozen = torch.arange(5).repeat(6, 1)
    assert switch_events(frozen).tolist() == [0] * 5
    assert switch_events(frozen[:1]).tolist() == [0] * 5


@pytest.mark.parametrize("component", ["higher", "lower"])
@pytest.mark.parametrize("n", [1, 7, 20])
def test_gaussian_switch_sampling_handles_identical_counts(component, n):
    chosen = gaussian_switch_sampling(torch.full((20,), 3), n, component=component)
    assert len(set(chosen.tolist())) == n


@pytest.mark.parametrize("n", [1, 5, 25])
def test_gaussian_switch_sampling_components_select_disjoint_images(n):
    events = two_groups()
    chosen = {
        component: set(gaussian_switch_sampling(events, n, component=component).tolist())
        for component in ("higher", "lower")
    }
    assert not chosen["higher"] & chosen["lower"]
    assert min(events[list(chosen["higher"])]) >= 10 and max(events[list(chosen["lower"])]) <= 2
    assert len(chosen["higher"]) == len(chosen["lower"]) == n


def test_gaussian_switch_sampling_fills_small_component_with_extremes():
    events = two_groups()
    chosen = gaussian_switch_sampling(events, 70, component="higher")
    assert len(set(chosen.tolist())) == 70 and set(range(60, 100)) <= set(chosen.tolist())
    rest = events[[i for i in chosen.tolist() if i < 60]]
    assert sorted(rest.tolist()) == sorted(events[:60].tolist())[-30:]
    assert len(set(gaussian_switch_sampling(events, 100).tolist())) == 100


def test_gaussian_switch_sampling_frequency_follows_responsibility():
    """Where the components overlap, an image in the middle is sampled less often than one at the far end."""
    generator = torch.Generator().manual_seed(0)
    events = torch.cat([torch.randn(300, generator=generator), 3 + torch.randn(300, generator=generator)])
    draws = torch.cat([gaussian_switch_sampling(events, 100, generator=generator) for _ in range(60)])
    frequency = draws.bincount(minlength=600).float()
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(2, max_iter=1000, random_state=0).fit(events[:, None].numpy())
    share = torch.from_numpy(mixture.predict_proba(events[:, None].numpy())[:, mixture.means_[:, 0].argmax()])
    confident, uncertain = frequency[share > 0.95].mean(), frequency[(share > 0.5) & (share < 0.65)].mean()
    assert frequency[share < 0.45].sum() == 0 and 0.35 < uncertain / confident < 0.85


def test_gaussian_switch_sampling_is_reproducible_and_keeps_global_rng():
    import numpy as np

    events = two_groups()
    before, state = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    a, b, c = (
        gaussian_switch_sampling(events, 10, generator=torch.Generator().manual_seed(s)).tolist() for s in (5, 5, 6)
    )
    assert a == b != c
    assert torch.equal(before, torch.random.get_rng_state()) and (state == np.random.get_state()[1]).all()


@pytest.mark.parametrize("bad", [torch.rand(3, 4), torch.tensor([1, 2]), torch.zeros(0, 3, dtype=torch.long)])
def test_switch_events_reject_invalid_predictions(bad):
    with pytest.raises(ValueError, match="stack the arg-max after each epoch"):
        switch_events(bad)


@pytest.mark.parametrize("events, n", [(torch.arange(4), 5), (torch.arange(4), 0), (torch.zeros(2, 2), 1)])
def test_gaussian_switch_sampling_rejects_invalid_sample_size(events, n):
    with pytest.raises(ValueError, match="cannot choose"):
        gaussian_switch_sampling(events, n)


def test_gaussian_switch_sampling_rejects_unknown_component():
    with pytest.raises(ValueError, match="unknown component 'high'; the nearest: 'higher'"):
        gaussian_switch_sampling(torch.arange(9), 2, component="high")
