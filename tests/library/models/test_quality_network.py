import pytest
import torch

from tutorial_lib import data
from tutorial_lib.metrics import srcc
from tutorial_lib.models import QualityNetwork, score_to_bin
from tutorial_lib.models.quality_network import quality_loss


def test_quality_network_has_stated_heads_and_follows_the_seed():
    before = torch.get_rng_state()
    a, b, c = (QualityNetwork(generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    x = torch.rand(2, 3, 48, 40)
    assert torch.equal(a(x), b(x)) and not torch.equal(a(x), c(x))
    assert a.body(x).shape == (2, 48, 6, 5)
    torch.testing.assert_close(torch.cat([a.with_head("score")(x), a.with_head("bins")(x)], 1), a(x))
    assert a.with_head("bins").head is a.bins
    with pytest.raises(ValueError, match="unknown head 'bin'"):
        a.with_head("bin")


def test_score_to_bin_picks_nearest_bin():
    assert score_to_bin(torch.tensor([0.0, 0.09, 0.11, 0.5, 0.99, 1.0])).tolist() == [0, 0, 1, 2, 5, 5]


def test_quality_loss_is_regression_plus_classification_loss():
    out, scores = torch.randn(3, 7, generator=torch.Generator().manual_seed(0)), torch.tensor([0.0, 0.4, 1.0])
    expected = sum(10 * (o[0] - s) ** 2 - o[1:].log_softmax(0)[round(5 * s.item())] for o, s in zip(out, scores)) / 3
    torch.testing.assert_close(quality_loss(out, scores), expected)


def test_quality_network_fit_learns_noise_severity():
    def rated(n, seed):
        dataset = data.make_distortion_dataset(n, kinds=("noise",), generator=torch.Generator().manual_seed(seed))
        return dataset.as_batch()[0], 1 - dataset.scores / 5

    network = QualityNetwork()
    history = network.fit(*rated(40, 0), epochs=12)
    assert history[-1] < history[0] and not network.training
    x, q = rated(8, 1)
    assert srcc(network(x)[:, 0], q) > 0.6


def test_quality_network_fit_rejects_scores_outside_unit_interval():
    with pytest.raises(ValueError, match=r"in \[0, 1\], higher = better"):
        QualityNetwork().fit(torch.rand(4, 3, 48, 48), torch.tensor([1.0, 2.0, 3.0, 4.0]))
