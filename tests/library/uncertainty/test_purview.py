"""Gradient norms for confounding labels, label by label, and the detector on them, compared with scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn.functional import binary_cross_entropy_with_logits

from tests._reference import per_sample_gradients_by_loop
from tutorial_lib import gradients as g
from tutorial_lib.metrics import auroc
from tutorial_lib.uncertainty import PurviewDetector, confounding_gradient_norms, gradnorm_score

PARTIAL_LABELS = torch.tensor([1.0, 0, 0, 1, 1, 0, 0, 0, 0, 0], dtype=torch.float64)
LABELS = {
    "ones": torch.ones(10).double(),
    "uniform": torch.full((10,), 0.1, dtype=torch.float64),
    "some": PARTIAL_LABELS,
    "none": 0 * PARTIAL_LABELS,
}


def loss(link, y):
    """Return the loss from its definition, on the logits of one row."""
    if link == "sigmoid":
        return g.Objective(lambda z: binary_cross_entropy_with_logits(z, y.expand_as(z), reduction="none").mean(1))
    return g.Objective(lambda z: -(y * z.softmax(1).log()).mean(1))


@pytest.mark.parametrize("link", ["sigmoid", "softmax"])
@pytest.mark.parametrize("name", LABELS)
def test_confounding_gradient_norms_match_backward_pass_per_image(name, link, signs, images):
    gradients = per_sample_gradients_by_loop(signs, images, loss(link, LABELS[name]))
    expected = torch.stack([v.flatten(1).norm(dim=1) for v in gradients.values()], 1)
    label = name if name in ("ones", "uniform") else LABELS[name]
    norms = confounding_gradient_norms(signs, images, label, activation=link, group_by="tensor")
    torch.testing.assert_close(norms, expected, rtol=1e-9, atol=1e-15)
    layers = confounding_gradient_norms(signs, images, label, activation=link)
    assert layers.shape == (5, len(g.layer_names(signs)))
    torch.testing.assert_close(layers.square().sum(1), expected.square().sum(1), rtol=1e-10, atol=1e-20)


def norms_from_gram(K, z, labels, link="sigmoid"):
    """Return the norms for all labels without another backward pass, √(δᵀKδ)."""
    delta = [g.last_layer_gradient_factors(z, z, g.confounding_label_loss(y, link))[0] for y in labels]
    return g.gradient_norms_from_gram(K, torch.stack(delta))


@pytest.mark.parametrize("link", ["sigmoid", "softmax"])
def test_confounding_gradient_norms_match_norms_from_gram(link, signs, images):
    K, z = g.class_gradient_gram(signs, images), g.model_outputs(signs, images)
    y = torch.stack([LABELS[name] for name in LABELS])
    norms = norms_from_gram(K, z, y, link)
    assert norms.shape == (4, 5, len(g.layer_names(signs)))
    for row, label in zip(norms, y, strict=True):
        expected = confounding_gradient_norms(signs, images, label, activation=link)
        torch.testing.assert_close(row, expected, rtol=1e-7, atol=1e-9 * max(1.0, expected.max().item()))


def test_confounding_gradient_norms_accept_one_label_per_image(signs, images):
    y = torch.eye(10, dtype=torch.float64)[:5]
    expected = torch.cat(
        [confounding_gradient_norms(signs, x[None], label) for x, label in zip(images, y, strict=True)]
    )
    torch.testing.assert_close(confounding_gradient_norms(signs, images, y), expected, rtol=1e-10, atol=0)


def test_confounding_gradient_norms_match_last_layer_closed_forms(signs, images):
    z, h = g.penultimate_features(signs, images)
    norms = confounding_gradient_norms(signs, images, layers="head", group_by="tensor")
    delta = (z.sigmoid() - 1) / 10
    torch.testing.assert_close(
        norms, torch.stack([delta.norm(dim=1) * h.norm(dim=1), delta.norm(dim=1)], 1), rtol=1e-10, atol=0
    )
    # ‖∇_W J‖ / ‖∇_b J‖ = ‖h‖ for any loss on logits.
    torch.testing.assert_close(norms[:, 0] / norms[:, 1], h.norm(dim=1), rtol=1e-10, atol=0)
    p = z.softmax(1)
    softmax = confounding_gradient_norms(
        signs, images, layers="head", group_by="tensor", activation="softmax", reduction="sum"
    )
    torch.testing.assert_close(softmax[:, 1].square(), 10 * (10 * p.square().sum(1) - 1), rtol=1e-9, atol=0)


def test_confounding_all_ones_softmax_loss_matches_gradnorm_loss(signs, images):
    # −Σ log p_i = N KL(u ‖ p) + const, so that the mean over classes has the gradient p − u.
    ones = g.per_sample_gradients(signs, images, g.confounding_label_loss(activation="softmax"))
    to_nothing = g.per_sample_gradients(signs, images, g.kl_from_uniform())
    for name in ones:
        torch.testing.assert_close(ones[name], to_nothing[name], rtol=1e-9, atol=1e-15)
    z, h = g.penultimate_features(signs, images)
    torch.testing.assert_close(-ones["head.weight"].abs().flatten(1).sum(1), gradnorm_score(z, h), rtol=1e-10, atol=0)


def test_confounding_gradient_norms_are_shift_invariant_if_softmax(signs, images):
    before = {link: confounding_gradient_norms(signs, images, activation=link) for link in ("sigmoid", "softmax")}
    signs.head.bias.data += 5
    after = {link: confounding_gradient_norms(signs, images, activation=link) for link in ("sigmoid", "softmax")}
    signs.head.bias.data -= 5
    torch.testing.assert_close(after["softmax"], before["softmax"], rtol=1e-9, atol=1e-15)
    assert (after["sigmoid"] < 0.5 * before["sigmoid"]).any(0).all()


def test_confounding_norms_separate_by_class_at_last_layer(signs, images):
    every = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 10)[::37].double()
    K, z = g.class_gradient_gram(signs, images, layers="head"), g.model_outputs(signs, images)
    _, h = g.penultimate_features(signs, images)
    s = z.sigmoid()
    # y = 0 gives σ², y = 1 gives (1 − σ)²: of all 2^N labels only 2N numbers are left, up to ‖h‖² + 1.
    expected = (
        torch.where(every[:, None] == 1, (1 - s).square(), s.square()).sum(2) * (h.square().sum(1) + 1)
    ).sqrt() / 10
    torch.testing.assert_close(norms_from_gram(K, z, every)[..., 0], expected, rtol=1e-7, atol=0)


# The detector.


def normal_and_abnormal_features(n=80, m=60, features=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    draw = lambda k: torch.randn(k, features, generator=generator, dtype=torch.float64)
    size = torch.logspace(-6, 3, features, dtype=torch.float64)
    return draw(n).exp() * size, (draw(m) + torch.linspace(-1.5, 1.5, features)).exp() * size


def test_purview_detector_matches_sklearn_logistic_regression():
    normal, abnormal = normal_and_abnormal_features()
    detector = PurviewDetector().fit(normal[:50], abnormal[:40])
    both, targets = torch.cat([normal[:50], abnormal[:40]]).log().numpy(), [0] * 50 + [1] * 40
    log_odds = LogisticRegression(class_weight="balanced", max_iter=5000, tol=1e-9)
    theirs = make_pipeline(StandardScaler(), log_odds).fit(both, targets)
    for part in (normal[50:], abnormal[40:]):
        # StandardScaler divides by n, the detector by n − 1.
        np.testing.assert_allclose(
            detector.score(part), theirs.decision_function(part.log().numpy()), rtol=2e-2, atol=2e-2
        )
    assert auroc(detector.score(normal[50:]), detector.score(abnormal[40:])) > 0.9


def test_purview_detector_hidden_layers_match_sklearn_mlp_log_odds():
    normal, abnormal = normal_and_abnormal_features(m=80)
    detector = PurviewDetector((7, 3), epochs=60).fit(normal, abnormal, generator=torch.Generator().manual_seed(5))
    both = torch.cat([normal, abnormal]).log()
    scaled = ((both - both.mean(0)) / both.std(0)).numpy()
    seed = int(torch.randint(2**31 - 1, (), generator=torch.Generator().manual_seed(5)))
    theirs = MLPClassifier((7, 3), batch_size=64, max_iter=60, tol=0.0, n_iter_no_change=60, random_state=seed)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        theirs.fit(scaled, [0] * 80 + [1] * 80)
    p = theirs.predict_proba(scaled)[:, 1]
    np.testing.assert_allclose(detector.score(torch.cat([normal, abnormal])), np.log(p / (1 - p)), rtol=1e-6, atol=1e-8)


def test_purview_detector_hidden_layers_learn_nonlinear_boundary():
    generator = torch.Generator().manual_seed(0)
    ring = lambda radius, n: radius * torch.nn.functional.normalize(torch.randn(n, 2, generator=generator), dim=1)
    normal, abnormal = ring(1.0, 300), torch.cat([ring(0.3, 150), ring(2.0, 150)])
    linear, nonlinear = (
        PurviewDetector(hidden, log=False).fit(normal[::2], abnormal[::2]) for hidden in ((), (40, 20))
    )
    areas = [auroc(d.score(normal[1::2]), d.score(abnormal[1::2])) for d in (linear, nonlinear)]
    assert areas[0] < 0.65 and areas[1] > 0.95


@pytest.mark.parametrize("hidden", [(), (6,)])
def test_purview_detector_is_invariant_to_feature_units_and_squaring(hidden):
    normal, abnormal = normal_and_abnormal_features()
    expected = PurviewDetector(hidden, epochs=5).fit(normal, abnormal).score(abnormal)
    other = torch.tensor([1e-9, 1, 5, 1e4, 3], dtype=torch.float64)
    for change in (lambda v: v * other, lambda v: v.square()):
        scores = PurviewDetector(hidden, epochs=5).fit(change(normal), change(abnormal)).score(change(abnormal))
        torch.testing.assert_close(scores, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("hidden", [(), (6,)])
def test_purview_detector_weights_both_classes_equally(hidden):
    normal, abnormal = normal_and_abnormal_features(n=60, m=60)
    few = abnormal[:15].repeat(4, 1)
    expected = PurviewDetector(hidden, epochs=20).fit(normal, few).score(normal)
    scores = PurviewDetector(hidden, epochs=20).fit(normal, abnormal[:15]).score(normal)
    # The statistics come from fewer distinct abnormal samples, so that the scores agree only approximately.
    assert torch.corrcoef(torch.stack([scores, expected]))[0, 1] > 0.95
    assert (scores - expected).mean().abs() < 0.5


def test_purview_detector_is_seeded_and_leaves_global_rng_unchanged():
    normal, abnormal = normal_and_abnormal_features()
    before, theirs = torch.get_rng_state(), np.random.get_state()[1].copy()

    def fit(seed, normal=normal, abnormal=abnormal):
        return (
            PurviewDetector((4,), epochs=3)
            .fit(normal, abnormal, generator=torch.Generator().manual_seed(seed))
            .score(normal)
        )

    assert torch.equal(fit(0), fit(0)) and not torch.equal(fit(0), fit(1))
    with torch.inference_mode():
        assert torch.equal(fit(0, normal.clone(), abnormal.clone()), fit(0))
    assert torch.equal(torch.get_rng_state(), before) and (np.random.get_state()[1] == theirs).all()


def test_purview_detector_accepts_zero_norms_and_constant_features():
    normal, abnormal = normal_and_abnormal_features()
    normal, abnormal = (torch.cat([v, torch.full((len(v), 1), 7.0, dtype=v.dtype)], 1) for v in (normal, abnormal))
    normal[0, 0] = 0
    detector = PurviewDetector().fit(normal, abnormal)
    assert detector.score(normal).isfinite().all() and detector.score(normal[:1].float()).dtype == torch.float32
    torch.testing.assert_close(detector.score(normal)[:3], torch.cat([detector.score(row[None]) for row in normal[:3]]))


@pytest.mark.parametrize(
    "broken, message",
    [
        (lambda a, b: PurviewDetector(epochs=0), "at least one epoch"),
        (
            lambda a, b: PurviewDetector().fit(a, b[:, :3]),
            r"expected normal: floats \(n, F\), abnormal: floats \(m, F\)",
        ),
        (lambda a, b: PurviewDetector().fit(a, b[:0]), r"expected normal: floats \(n, F\), abnormal: floats \(m, F\)"),
        (lambda a, b: PurviewDetector().fit(-a, b), r"PurviewDetector\(log=False\)"),
        (lambda a, b: PurviewDetector().fit(a / 0, b), "not finite"),
        (lambda a, b: PurviewDetector().score(a), "call fit"),
        (lambda a, b: PurviewDetector().fit(a, b).score(a[:, :2]), "expected features: floats"),
    ],
)
def test_purview_detector_rejects_invalid_input(broken, message):
    with pytest.raises(ValueError, match=message):
        broken(*normal_and_abnormal_features())


def test_confounding_gradient_norms_rejects_invalid_input(signs, images):
    for options, message in (
        ({"labels": "twos"}, "labels are 'ones'"),
        ({"activation": "tanh"}, "activation is"),
        ({"group_by": "row"}, "grouping"),
    ):
        with pytest.raises(ValueError, match=message):
            confounding_gradient_norms(signs, images, **options)
