import pytest
import torch
from safetensors import safe_open

from studies.model_card import accuracy, card
from studies.model_card import test_pictures as pictures_of_the_study
from tutorial_lib import gradients
from tutorial_lib.data import CHALLENGES, LEVELS, challenge
from tutorial_lib.networks import NETWORKS, WEIGHTS, SignAutoencoder, SignClassifier, load
from tutorial_lib.networks.training import shifted, train
from tutorial_lib.results import stored

CLASSIFIERS = [name for name in NETWORKS if "classifier" in name]


@pytest.fixture(scope="module")
def fresh():
    """Scenes that neither training nor the model card drew."""
    return pictures_of_the_study(560, 77, "cpu")


@pytest.mark.parametrize("name", [*CLASSIFIERS, "signs/transformer"])
def test_classifiers_read_fresh_clean_signs(name, fresh):
    kept = stored("model_card").where(network=name, challenge="none")[0]
    assert kept["value"] >= (0.97 if name in CLASSIFIERS else 0.94) and kept["pictures"] >= 2000
    now = accuracy(load(name), *fresh)
    assert abs(now - kept["value"]) < 4 * (kept["value"] * (1 - kept["value"]) / len(fresh[1])) ** 0.5


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_challenges_are_hard_and_harder_with_each_level(name):
    rows = stored("model_card").where(network=name)
    by_level = [[r["value"] for r in rows if r["level"] == level] for level in LEVELS]
    means = [sum(values) / len(values) for values in by_level]
    assert all(len(values) == len(CHALLENGES) for values in by_level)
    assert means == sorted(means, reverse=True)
    assert 0.60 <= sum(means) / len(means) <= 0.75


def test_the_stored_card_holds_for_a_challenge_drawn_anew(fresh):
    images, labels = fresh
    kept = stored("model_card").where(network="signs/classifier", challenge="haze", level=3)[0]["value"]
    now = accuracy(
        load("signs/classifier"), challenge(images, "haze", 3, generator=torch.Generator().manual_seed(5)), labels
    )
    assert abs(now - kept) < 4 * (kept * (1 - kept) * (1 / 560 + 1 / 700)) ** 0.5


def test_classifiers_of_other_seeds_are_other_networks(fresh):
    answers = [load(name)(fresh[0][:50]) for name in CLASSIFIERS]
    assert not torch.allclose(answers[0], answers[1], atol=0.1) and not torch.allclose(answers[1], answers[2], atol=0.1)


def test_the_autoencoder_reconstructs_better_than_a_blur(fresh):
    images = fresh[0][:100]
    with torch.no_grad():
        error = (load("signs/autoencoder")(images) - images).square().mean()
    small = torch.nn.functional.avg_pool2d(images, 4)  # 12×12×3 numbers, as many as three quarters of the code
    blur = torch.nn.functional.interpolate(small, scale_factor=4, mode="bilinear")
    assert error < (blur - images).square().mean()


def test_the_card_is_written_from_the_stored_rows():
    assert (WEIGHTS / "CARD.md").read_text() == card(
        stored("model_card").rows, [*stored("sign_networks").rows, *stored("sign_transformer").rows]
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_loading_is_quiet(name):
    before = torch.random.get_rng_state()
    model = load(name)
    assert torch.equal(before, torch.random.get_rng_state())
    assert not model.training and all(p.requires_grad and p.device.type == "cpu" for p in model.parameters())
    file = WEIGHTS / NETWORKS[name][1]
    assert file.stat().st_size <= 400_000
    with safe_open(file, "pt") as weights:
        assert set(weights.metadata()) == {"seed", "pictures"}


def test_the_last_map_is_fine_enough_to_point_at_a_digit():
    seen = {}
    model = load("signs/classifier")
    handle = model.block3.register_forward_hook(lambda module, inputs, output: seen.update(shape=output.shape))
    model(torch.rand(2, 3, 48, 48))
    handle.remove()
    assert seen["shape"] == (2, 64, 12, 12)
    assert all(conv.stride == (1, 1) for conv in model.modules() if isinstance(conv, torch.nn.Conv2d))


def test_the_transformer_finds_its_features_and_keeps_its_places():
    model = load("signs/transformer")
    z, h = gradients.features(model, torch.rand(2, 3, 48, 48))
    A, _ = gradients.layer_gradient(model, torch.rand(2, 3, 48, 48), "blocks.3.norm1")
    assert z.shape == (2, 14) and h.shape == (2, 48) and A.shape == (2, 1 + 8 * 8, 48)


def test_unknown_networks_are_answered():
    with pytest.raises(ValueError, match="unknown network 'signs/clasifier'; the nearest: 'signs/classifier'"):
        load("signs/clasifier")


def test_training_learns_and_repeats_itself():
    images, labels = pictures_of_the_study(84, 5, "cpu")
    histories = []
    for _ in range(2):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = SignClassifier(widths=(4, 8, 8))
        state = torch.random.get_rng_state()
        histories.append(train(model, images, labels, epochs=4, batch=28, progress=False))
        assert torch.equal(state, torch.random.get_rng_state()) and not model.training
    assert histories[0] == histories[1] and histories[0][-1] < histories[0][0]


def test_an_autoencoder_trains_against_the_shifted_pictures_themselves():
    images, _ = pictures_of_the_study(56, 5, "cpu")
    model = SignAutoencoder(code=4)
    history = train(model, images, images, loss=torch.nn.functional.mse_loss, epochs=6, batch=28, progress=False)
    assert history[-1] < history[0]


def test_a_shift_moves_pictures_and_mirrors_the_border():
    images = torch.arange(25.0).view(1, 1, 5, 5)
    seen = {tuple(shifted(images, 1, torch.Generator().manual_seed(i)).flatten().tolist()) for i in range(60)}
    assert len(seen) == 9 and tuple(images.flatten().tolist()) in seen


def test_training_needs_matching_data():
    with pytest.raises(ValueError, match="3 images and 2 targets"):
        train(SignClassifier(), torch.rand(3, 3, 48, 48), torch.zeros(2, dtype=torch.long))
