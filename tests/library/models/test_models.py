import pytest
import torch
from safetensors import safe_open

from experiments.model_card import accuracy, format_card
from experiments.model_card import test_images as study_images
from tutorial_course.results import load_result
from tutorial_lib import gradients
from tutorial_lib.data import CORRUPTIONS, SEVERITIES, corrupt
from tutorial_lib.models import MODELS, WEIGHTS_DIR, SignAutoencoder, SignClassifier, load
from tutorial_lib.models.training import random_shift, train

CLASSIFIERS = [name for name in MODELS if "classifier" in name]


@pytest.fixture(scope="module")
def fresh_test_set():
    """Scenes that were sampled neither for training nor for the model card."""
    return study_images(280, 77, "cpu")


@pytest.mark.parametrize("name", [*CLASSIFIERS, "signs/transformer"])
def test_sign_models_reach_stored_accuracy_on_fresh_clean_images(name, fresh_test_set):
    row = load_result("model_card").query("network == @name and corruption == 'none'").iloc[0]
    stored = row["value"]
    assert stored >= (0.97 if name in CLASSIFIERS else 0.94) and row["images"] >= 2000
    current = accuracy(load(name), *fresh_test_set)
    assert abs(current - stored) < 4 * (stored * (1 - stored) / len(fresh_test_set[1])) ** 0.5


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_sign_classifier_accuracy_falls_with_corruption_severity(name):
    rows = load_result("model_card").query("network == @name and level > 0")
    accuracies = rows.pivot(index="corruption", columns="level", values="value")
    assert accuracies.notna().all(axis=None) and accuracies.shape == (len(CORRUPTIONS), len(SEVERITIES))
    assert accuracies.mean().is_monotonic_decreasing
    assert 0.60 <= accuracies.mean(axis=None) <= 0.75


def test_model_card_accuracy_is_reproduced_on_new_corrupted_images(fresh_test_set):
    images, labels = fresh_test_set
    card = load_result("model_card").set_index(["network", "corruption", "level"])
    stored = card.loc[("signs/classifier", "haze", 3), "value"]
    current = accuracy(
        load("signs/classifier"), corrupt(images, "haze", 3, generator=torch.Generator().manual_seed(5)), labels
    )
    assert abs(current - stored) < 4 * (stored * (1 - stored) * (1 / 280 + 1 / 700)) ** 0.5


def test_sign_classifiers_of_different_seeds_differ(fresh_test_set):
    logits = [load(name)(fresh_test_set[0][:50]) for name in CLASSIFIERS]
    assert not torch.allclose(logits[0], logits[1], atol=0.1) and not torch.allclose(logits[1], logits[2], atol=0.1)


def test_sign_autoencoder_outperforms_blur_baseline(fresh_test_set):
    images = fresh_test_set[0][:100]
    with torch.no_grad():
        error = (load("signs/autoencoder")(images) - images).square().mean()
    small = torch.nn.functional.avg_pool2d(images, 4)  # 12×12×3 numbers, three quarters of the size of the code
    blur = torch.nn.functional.interpolate(small, scale_factor=4, mode="bilinear")
    assert error < (blur - images).square().mean()


def test_model_card_file_matches_stored_results():
    names = ("model_card", "train_sign_networks", "train_sign_transformer")
    card, signs, transformer = (load_result(name).to_dict("records") for name in names)
    assert (WEIGHTS_DIR / "CARD.md").read_text() == format_card(card, signs + transformer)


@pytest.mark.parametrize("name", MODELS)
def test_load_model_keeps_global_rng_and_returns_eval_model(name):
    before = torch.random.get_rng_state()
    model = load(name)
    assert torch.equal(before, torch.random.get_rng_state())
    assert not model.training and all(p.requires_grad and p.device.type == "cpu" for p in model.parameters())
    file = WEIGHTS_DIR / MODELS[name][1]
    assert file.stat().st_size <= 400_000
    with safe_open(file, "pt") as weights:
        assert set(weights.metadata()) == {"seed", "images"}


def test_sign_classifier_last_feature_map_is_12_by_12():
    recorded = {}
    model = load("signs/classifier")
    handle = model.block3.register_forward_hook(lambda module, inputs, output: recorded.update(shape=output.shape))
    model(torch.rand(2, 3, 48, 48))
    handle.remove()
    assert recorded["shape"] == (2, 64, 12, 12)
    assert all(conv.stride == (1, 1) for conv in model.modules() if isinstance(conv, torch.nn.Conv2d))


def test_sign_transformer_exposes_features_and_token_positions():
    model = load("signs/transformer")
    z, h = gradients.penultimate_features(model, torch.rand(2, 3, 48, 48))
    A, _ = gradients.layer_gradient(model, torch.rand(2, 3, 48, 48), "blocks.3.norm1")
    assert z.shape == (2, 14) and h.shape == (2, 48) and A.shape == (2, 1 + 8 * 8, 48)


def test_load_model_rejects_unknown_name():
    with pytest.raises(ValueError, match="unknown network 'signs/clasifier'; the nearest: 'signs/classifier'"):
        load("signs/clasifier")


def test_train_lowers_loss_and_is_reproducible():
    images, labels = study_images(84, 5, "cpu")
    histories = []
    for _ in range(2):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = SignClassifier(widths=(4, 8, 8))
        state = torch.random.get_rng_state()
        histories.append(train(model, images, labels, epochs=4, batch_size=28, progress=False))
        assert torch.equal(state, torch.random.get_rng_state()) and not model.training
    assert histories[0] == histories[1] and histories[0][-1] < histories[0][0]


def test_train_lowers_autoencoder_loss_with_random_shifts():
    images, _ = study_images(56, 5, "cpu")
    model = SignAutoencoder(latent_dim=4)
    history = train(model, images, images, loss=torch.nn.functional.mse_loss, epochs=3, batch_size=28, progress=False)
    assert history[-1] < history[0]


def test_random_shift_produces_all_nine_one_pixel_shifts():
    images = torch.arange(25.0).view(1, 1, 5, 5)
    shifted = {tuple(random_shift(images, 1, torch.Generator().manual_seed(i)).flatten().tolist()) for i in range(60)}
    assert len(shifted) == 9 and tuple(images.flatten().tolist()) in shifted


def test_train_rejects_mismatched_images_and_targets():
    with pytest.raises(ValueError, match=r"got images \(3, 3, 48, 48\) and targets \(2,\)"):
        train(SignClassifier(), torch.rand(3, 3, 48, 48), torch.zeros(2, dtype=torch.long))


def test_train_refuses_features_and_ignores_modes_without_gradients():
    images, labels = torch.rand(4, 3, 48, 48), torch.tensor([0, 1, 2, 3])
    with pytest.raises(ValueError, match=r"expected equally many images \(N, C, H, W\)"):
        train(torch.nn.Linear(4, 3), torch.rand(6, 4), torch.tensor([0, 1, 2, 0, 1, 2]), progress=False)
    for mode in (torch.no_grad, torch.inference_mode):
        model = SignClassifier()
        with mode():
            history = train(model, images, labels, epochs=1, batch_size=2, progress=False)
        assert len(history) == 1 and all(p.grad is not None for p in model.parameters())
