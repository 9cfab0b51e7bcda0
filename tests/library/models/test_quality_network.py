import pytest
import torch

from tutorial_lib.models import QualityNetwork


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
