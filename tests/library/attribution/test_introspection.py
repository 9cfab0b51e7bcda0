"""Introspective features compared with one backward pass per class, the second stage, and both stages together."""

import copy

import pytest
import torch
from torch.nn import functional as F

from tests._reference import per_sample_gradients_by_loop
from tutorial_lib import gradients as g
from tutorial_lib.attribution import IntrospectiveClassifier, MLPHead, introspective_features

TARGET_LOGIT = 3.0


def loss_of(name, Q, classes=10):
    """Return the loss for label Q, from its definition."""
    one = F.one_hot(torch.tensor(Q), classes).double()
    return {
        "cross_entropy": g.contrast_loss(Q),
        "sigmoid": g.Objective(
            lambda z: F.binary_cross_entropy_with_logits(z, one.expand_as(z), reduction="none").mean(1)
        ),
        "squared": g.Objective(lambda z: (z - TARGET_LOGIT * one).square().mean(1)),
    }[name]


all_losses = pytest.mark.parametrize("loss", ["cross_entropy", "sigmoid", "squared"])


@all_losses
def test_introspective_features_match_one_backward_pass_per_class(loss, signs, images):
    slow = torch.stack(
        [per_sample_gradients_by_loop(signs, images, loss_of(loss, Q))["head.weight"] for Q in range(10)], 1
    )
    options = {"loss": loss, "target_logit": TARGET_LOGIT}
    own = slow.diagonal(dim1=1, dim2=2).movedim(-1, 1)
    torch.testing.assert_close(introspective_features(signs, images, **options), own, rtol=1e-10, atol=1e-13)


def test_introspective_features_sigmoid_match_all_ones_label_gradient(signs, images):
    all_ones = per_sample_gradients_by_loop(signs, images, g.confounding_label_loss())["head.weight"]
    torch.testing.assert_close(introspective_features(signs, images, loss="sigmoid"), all_ones, rtol=1e-10, atol=1e-14)


def test_introspective_features_are_equivariant_to_class_order(signs, images, assert_unchanged):
    order = torch.randperm(10, generator=torch.Generator().manual_seed(0))
    other = copy.deepcopy(signs)
    with torch.no_grad():
        other.head.weight.copy_(signs.head.weight[order])
        other.head.bias.copy_(signs.head.bias[order])
    features = introspective_features(assert_unchanged(other), images)
    torch.testing.assert_close(features, introspective_features(signs, images)[:, order], rtol=1e-12, atol=1e-15)


def test_introspective_features_do_not_underflow_if_confident():
    model = torch.nn.Linear(2, 2, bias=False)
    model.weight.data = torch.tensor([[20.0, 0.0], [0.0, 0.0]])
    features = introspective_features(model, torch.tensor([[1.0, 1.0]]))
    assert features[0, 0, 0].item() == pytest.approx(
        -1 / (1 + torch.tensor(20.0, dtype=torch.float64).exp().item()), rel=1e-5
    )


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_introspective_features_are_independent_of_batch_size_and_mode(batch_size, signs, images, assert_unchanged):
    expected = introspective_features(signs, images)
    torch.testing.assert_close(
        introspective_features(signs, images, batch_size=batch_size), expected, rtol=1e-12, atol=1e-15
    )
    frozen = assert_unchanged(copy.deepcopy(signs).requires_grad_(False))
    with torch.inference_mode():
        torch.testing.assert_close(introspective_features(frozen, images.clone()), expected, rtol=1e-12, atol=1e-15)
    assert not expected.requires_grad
    single = introspective_features(assert_unchanged(copy.deepcopy(signs).float()), images.float())
    assert single.dtype == torch.float32 and (single - expected).abs().max() < 1e-4 * expected.abs().max()


def test_introspective_features_rejects_invalid_input(signs, images):
    with pytest.raises(ValueError, match="unknown loss 'entropy'; the nearest: 'cross_entropy'"):
        introspective_features(signs, images, loss="entropy")
    with pytest.raises(ValueError, match="at least one sample"):
        introspective_features(signs, images[:0])
    with pytest.raises(ValueError, match="random in training mode"):
        introspective_features(torch.nn.Sequential(torch.nn.Dropout()), torch.ones(1, 2))


# The second stage.


def blobs(n=300, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (n,), generator=generator)
    return (2 * F.one_hot(labels, 3) + 0.5 * torch.randn(n, 3, generator=generator)).to(dtype), labels


@pytest.mark.parametrize("hidden", [(), (16,), (30, 10)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_mlp_head_learns_gaussian_clusters(hidden, dtype):
    features, labels = blobs(dtype=dtype)
    stage = MLPHead(hidden).fit(features[:200], labels[:200], epochs=60, lr=0.02)
    assert (stage.logits(features[200:]).argmax(1) == labels[200:]).float().mean() > 0.9
    assert stage.logits(features).dtype == (torch.float64 if dtype == torch.float64 else torch.float32)


def test_mlp_head_without_hidden_layer_matches_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    features, labels = blobs(dtype=torch.float64)
    labels = torch.where(
        torch.arange(300) % 5 == 0, 0, labels
    )  # classes that cannot be separated, so that the optimum is finite
    stage = MLPHead(()).fit(features, labels, epochs=400, batch_size=300, lr=0.05)
    theirs = (
        LogisticRegression(C=1e9, max_iter=2000).fit(features.numpy(), labels.numpy()).predict_proba(features.numpy())
    )
    torch.testing.assert_close(stage.logits(features).softmax(1), torch.from_numpy(theirs), atol=0.01, rtol=0)


def test_mlp_head_is_scale_invariant_and_accepts_constant_features():
    features, labels = blobs(dtype=torch.float64)
    plain = MLPHead((8,)).fit(features, labels, epochs=3)
    scaled = MLPHead((8,)).fit(1e6 * features + 5, labels, epochs=3)
    torch.testing.assert_close(scaled.logits(1e6 * features + 5), plain.logits(features), rtol=1e-6, atol=1e-6)
    constant = torch.cat([features, torch.full((300, 1), 7.0)], 1)
    assert MLPHead((8,)).fit(constant, labels, epochs=3).logits(constant).isfinite().all()


def test_mlp_head_standardizes_with_training_statistics():
    features, labels = blobs()
    stage = MLPHead((8,)).fit(features, labels, epochs=2)
    torch.testing.assert_close(stage.mean, features.mean(0))
    one = stage.logits(features[:1])
    torch.testing.assert_close(one, stage.logits(features)[:1])


def test_mlp_head_is_seeded_and_leaves_global_rng_unchanged():
    features, labels = blobs()
    before = torch.get_rng_state()

    def fit(seed):
        generator = torch.Generator().manual_seed(seed)
        return MLPHead((8,)).fit(features, labels, epochs=2, generator=generator).logits(features)

    assert torch.equal(fit(0), fit(0)) and not torch.equal(fit(0), fit(1))
    with torch.no_grad():
        assert torch.equal(MLPHead((8,)).fit(features, labels, epochs=2).logits(features), fit(0))
    with torch.inference_mode():
        assert torch.equal(MLPHead((8,)).fit(features.clone(), labels.clone(), epochs=2).logits(features), fit(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_mlp_head_rejects_invalid_input():
    features, labels = blobs()
    with pytest.raises(ValueError, match="call fit first"):
        MLPHead().logits(features)
    stage = MLPHead((4,)).fit(features, labels, epochs=1)
    few = (features[:1], labels[:1], "at least two")
    for bad, wrong, message in [(features, labels[:-1], "labels"), (features / 0, labels, "finite"), few]:
        with pytest.raises(ValueError, match=message):
            stage.fit(bad, wrong)
    with pytest.raises(ValueError, match="expected features: floats"):
        stage.logits(features[:, :2])


# Both stages together.


def test_introspective_classifier_learns_from_any_feature_function(signs, assert_unchanged):
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(4, (240,), generator=generator)
    images = torch.rand(240, 3, 12, 12, generator=generator, dtype=torch.float64) * 0.2
    images[torch.arange(240), labels.clamp(max=2)] += (
        0.5 * (labels < 3).double()[:, None, None]
    )  # each class but the last has a color channel
    at_layer = lambda model, x: g.layer_gradient(model, x, "last")[0].mean((-2, -1))
    for features in (introspective_features, lambda model, x: g.penultimate_features(model, x)[1], at_layer):
        classifier = IntrospectiveClassifier(signs, features, hidden=(20,), batch_size=50).fit(
            images[:160], labels[:160], epochs=40, lr=0.01
        )
        predicted = classifier.predict(images[160:])
        assert (predicted == labels[160:]).double().mean() > 0.8 and torch.equal(
            predicted, classifier.logits(images[160:]).argmax(1)
        )
    torch.testing.assert_close(
        classifier.features(images), classifier.feature_fn(signs, images), rtol=1e-10, atol=1e-14
    )


def test_introspection_on_gpu_matches_cpu(signs, images, assert_unchanged, accelerator):
    gpu_model, x = assert_unchanged(copy.deepcopy(signs).to(accelerator)), images.to(accelerator)
    introspective = introspective_features(gpu_model, x)
    assert introspective.device == accelerator
    torch.testing.assert_close(introspective.cpu(), introspective_features(signs, images), rtol=1e-8, atol=1e-10)
    features, labels = blobs()
    stage = MLPHead((16,)).fit(features.to(accelerator), labels, epochs=60, lr=0.02)
    assert (stage.logits(features.to(accelerator)).argmax(1).cpu() == labels).float().mean() > 0.9
