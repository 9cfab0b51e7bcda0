"""Sentences of chapters 1 and 2 that hold for all stored networks, runs and conditions, or for those that they name."""

import itertools

import numpy as np
import pandas as pd
import pytest

from tutorial_course.findings import ch1, ch2
from tutorial_course.results import load_result

NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
CIFAR, IMAGENET = "cifar10/resnet20", "imagenet/squeezenet1_1"


# Chapter 1


def test_blur_explains_less_than_half_of_the_drop_except_at_the_smallest_angle():
    rows = load_result("cifar_rotation_hue").query("kind in ('roll', 'there and back')")
    accuracy = rows.pivot(index="amount", columns="kind", values="accuracy")
    drop = accuracy.loc[0] - accuracy.drop(0)
    share = drop["there and back"] / drop["roll"]
    assert share[15] == pytest.approx(1) and (share.drop(15) < 0.5).all()


def test_network_is_overconfident_under_every_stored_change_of_a_photograph():
    assert (load_result("cifar_rotation_hue")["gap"].dropna() > 0).all()


def test_clean_images_first_is_better_at_the_end_on_clean_signs_only():
    rows = load_result("curriculum").query("part == 'order' and stage == 5 and name in ('everyday', 'random')")
    accuracy = rows.pivot(index=["dataset", "seed"], columns="name", values=["everyday", "unusual"])
    lead = (accuracy.xs("everyday", axis=1, level="name") - accuracy.xs("random", axis=1, level="name")).loc
    assert (lead["signs"]["everyday"] > 0).all()
    assert not (lead["signs"]["unusual"] > 0).all() and not (lead["digits"]["everyday"] > 0).all()


def test_early_runs_with_novel_images_are_mostly_below_random_unless_ordered_by_known_corruption():
    early = ch1.early_runs_below_random(load_result("curriculum"))
    assert min(early["switches"], early["loss"]) > early["runs"] / 2 >= early["corrupted"]
    rows = {row["order"]: row for row in ch1.curriculum_table(load_result("curriculum"))}
    corrupted_first = rows["known to be corrupted first"]
    assert "; 0" in corrupted_first["signs 1"] and "; 0" not in corrupted_first["digits 1"]


@pytest.mark.parametrize("setting", ["new classes", "digits, new classes"])
def test_smallest_replay_alone_keeps_less_than_half_of_the_old_accuracy(setting):
    rows = load_result("continual_learning").query("setting == @setting")
    before = rows.query("method == 'before' and epoch == 14")["old"].mean()
    kept = rows.query("method == 'replay' and epoch == 22").groupby("strength")["old"].mean() / before
    assert kept.iloc[0] < 0.5 and (kept.iloc[1:] > 0.7).all()


@pytest.mark.parametrize(("setting", "best"), [("new classes", 10_000), ("digits, new classes", 100_000)])
def test_penalty_keeps_more_than_replay_of_a_tenth_after_half_of_the_epochs_only(setting, best):
    rows = load_result("continual_learning").query("setting == @setting").groupby(["method", "strength", "epoch"])
    old, new = rows["old"].mean(), rows["new"].mean()
    assert old["penalty", best, 18] > old["replay", 0.1, 18] and new["penalty", best, 18] < new["replay", 0.1, 18]
    assert old["penalty", best, 22] < old["replay", 0.1, 22]


def test_replay_lowers_the_accuracy_on_dark_images_except_at_the_smallest_strength():
    last = load_result("continual_learning").query("setting == 'new corruption' and epoch == 22")
    means = last.groupby(["method", "strength"])[["old", "new"]].mean()
    none, joint, replay = (means.loc[name] for name in ("none", "joint", "replay"))
    assert (replay["old"] > none["old"].item()).all()
    lower = replay["new"] < none["new"].item()
    assert not lower.iloc[0] and lower.iloc[1:].all()
    others = means.drop("joint", level="method")
    assert not ((others["old"] >= joint["old"].item()) & (others["new"] >= joint["new"].item())).any()


def test_trust_score_improves_with_the_number_of_stored_images_on_corrupted_images():
    rows = load_result("trust_score").query("kind == 'trust' and score == 'features'")
    by_number = rows.set_index(["images", "network", "alpha", "stored"])["auroc"].astype(float).sort_index()
    gain = by_number.groupby(level=["images", "network", "alpha"]).agg(lambda values: values.iloc[-1] - values.iloc[0])
    assert (gain["corrupted"] > 0).all() and len(gain["corrupted"]) == 8
    assert [gain["clean", network, 0.0] > 0 for network in NETWORKS] == [True, False, False]


def test_smallest_residual_share_belongs_to_another_class_on_each_network():
    study = load_result("trust_score")
    assert len(set(ch1.least_residual_classes(study).values())) > 1
    by_class = ch1.residual_share_by_class(study)
    assert by_class["cases"] == 27 and by_class["above"] > 0 and by_class["below"] > 0


def test_novel_classes_have_a_larger_residual_share_on_each_network():
    rows = load_result("trust_score").query("kind == 'remainder' and network in @NETWORKS")
    medians = rows.pivot(index="OOD set", columns="network", values="median").astype(float)
    assert (medians.drop("none") > medians.loc["none"]).to_numpy().all()


def test_residual_share_and_energy_differ_in_both_directions_between_the_sets_of_photographs():
    rows = load_result("trust_score").query("kind == 'remainder' and network == @CIFAR").set_index("OOD set")
    single = rows.drop(["none", "all"])
    assert (single["low"] > single["energy high"]).any() and (single["high"] < single["energy low"]).any()
    assert rows.loc["all", "low"] < rows.loc["all", "energy high"]


def log_softmax_shares() -> pd.Series:
    """The part of the logarithm of known / novel radius that vanishes without the log-softmax."""
    median = load_result("linearization").set_index(["question", "network", "step", "group"])["median"].sort_index()
    known = median.xs("known", level="group")
    logarithm = np.log(known / median.drop("known", level="group"))
    assert (logarithm > 0).all()  # the radius is larger for known images in every row
    return 1 - logarithm["logit of P"] / logarithm["uniform target"]


def test_log_softmax_explains_a_part_of_the_radii_that_depends_on_the_network():
    shares = log_softmax_shares()
    assert (shares > 0).all()
    assert all((shares[network] > 0.5).all() for network in NETWORKS[:2])
    assert shares[NETWORKS[2]].between(0.4, 0.6).all()
    assert shares[CIFAR].min() < 0.25 and shares[CIFAR].max() > 0.75


def test_radius_rows_contain_every_stored_network():
    study = load_result("linearization")
    assert len(ch1.radius_rows(study)) == 4 * study["network"].nunique() == 16


def test_one_interval_of_the_self_influence_lies_below_the_loss():
    rows = ch1.label_score_rows(load_result("data_attribution"))
    ends = [(row["low"], row["high"]) for row in rows if row["score"].startswith("self-influence")]
    assert len(ends) == 4 and sum(high < 0 for _, high in ends) == 1
    assert sum(low < 0 < high for low, high in ends) == 3


def test_best_epoch_of_each_label_score_is_better_for_the_sum_over_epochs():
    means = load_result("data_attribution").groupby(["flipped", "score", "over", "epoch"])["auroc"].mean()
    best = means.groupby(level=["flipped", "score", "over"]).max().unstack("over")
    assert (best["sum over epochs"] > best["last epoch"]).all()


def test_stop_without_color_has_no_positive_coefficient_on_networks_that_were_trained_with_color():
    coefficients = load_result("green_sign").set_index(["group", "network", "method"])["coefficient"]
    assert (coefficients["red, gray"].loc[list(NETWORKS)] < 0.11).all()
    control = coefficients.drop(list(NETWORKS), level="network")
    uniform = control[control.index.get_level_values("method").str.endswith("uniform target")]
    assert uniform.between(0.85, 1.3).all()
    predicted = control.xs("last layer, predicted class", level="method")
    difference = predicted["red, gray"] - predicted["green, gray"]
    assert difference.abs().max() < 0.1 and predicted.max() - predicted.min() > 0.5


# Chapter 2


def similarity(method: str) -> pd.DataFrame:
    """The mean |r| with a random last layer, the null and the ceiling, by network."""
    rows = pd.concat([load_result("explanations_signs"), load_result("explanations_photos")])
    rows = rows.query("kind == 'randomization' and method == @method")
    table = rows.pivot(index="network", columns="randomized", values="absolute")
    last = {**dict.fromkeys(NETWORKS, "head"), CIFAR: "network.linear", IMAGENET: "network.classifier.1"}
    random = {network: table.loc[network, f"{last[network]}, re-initialized"] for network in table.index}
    return pd.DataFrame(
        {"random": random, "null": table["null: another image"], "ceiling": table["ceiling: another network"]}
    )


def test_grad_cam_plus_plus_and_guided_grad_cam_stay_above_their_null():
    plus, guided = similarity("Grad-CAM++"), similarity("guided Grad-CAM")
    assert len(plus) == len(guided) == 5
    assert (plus["random"] > plus["null"] + 0.15).all() and (plus["random"] > 0.8).all()
    assert (plus.loc[list(NETWORKS), "random"] > plus.loc[list(NETWORKS), "ceiling"]).all()
    assert (guided["random"] > guided["null"] + 0.5).all()
    assert (guided["random"] > guided["ceiling"]).drop(IMAGENET).all()
    occlusion = similarity("occlusion")
    assert (occlusion["random"] > occlusion["null"]).all()


def test_smooth_grad_resembles_the_input_gradient_in_the_randomization_test():
    difference = similarity("SmoothGrad")["random"] - similarity("saliency")["random"]
    assert difference.dropna().abs().max() < 0.1


def test_input_gradient_is_the_only_method_whose_contrast_gains_on_each_network():
    rows = load_result("explanations_signs").query("question == 'why P, rather than Q' and gain.notna()")
    established = (rows["gain_low"] > 0).groupby(rows["method"]).sum()
    assert established[established == 3].index.tolist() == ["saliency"]
    assert (established[["SmoothGrad", "integrated gradients", "guided Grad-CAM"]] == 2).all()
    assert established["guided backpropagation"] <= 1 and established["Grad-CAM++"] == 0


def test_no_method_is_better_than_the_strongest_control_on_each_network():
    result = load_result("explanations_signs")
    better = {
        (metric, method): ch2.difference_from_edges(result, metric, method).better
        for metric in ("deletion grey", "deletion blurred", "insertion blurred")
        for method in ch2.METHODS
    }
    assert max(better.values()) < 3
    with_gray = {method for method in ch2.METHODS if better["deletion grey", method] == 2}
    assert with_gray == {"guided Grad-CAM", "guided backpropagation", "integrated gradients"}


def test_random_maps_differ_less_from_each_other_than_from_the_methods_except_with_black():
    means = load_result("explanations_signs").query("kind == 'metrics'").groupby("method").mean(numeric_only=True)
    for metric, fill in itertools.product(("deletion", "insertion"), ("grey", "blurred", "black")):
        values = means[f"{metric} {fill}"]
        random = values[["random", "random, smooth"]]
        to_methods = min(abs(random[a] - values[b]) for a in random.index for b in ch2.METHODS)
        assert (np.ptp(random) < to_methods) == (fill != "black")


def test_contrast_has_the_highest_share_of_correct_photographs():
    rows = load_result("explanations_photos").query("kind == 'side by side'")
    point = rows.pivot(index="network", columns="question", values="point")
    assert (point.max(axis=1) == point["why P, rather than Q"]).all()


def test_maps_of_photographs_are_correct_more_often_than_the_larger_activation():
    result = load_result("explanations_photos")
    questions = ("why P", "what if not P", "why P, rather than Q", "why Q, rather than P")
    for network, question in itertools.product((CIFAR, "cifar10/resnet56", IMAGENET), questions):
        larger = ch2.peak_hits(result, network, "activation", kind="side by side, control")
        assert ch2.mcnemar_p_value(ch2.peak_hits(result, network, question), larger) < 0.05


def test_mean_lead_of_the_contrasts_is_below_one_point_in_every_row():
    larger_on_one_network = False
    for name in ("introspection_signs", "introspection_cifar"):
        runs = load_result(name)
        for trained, control in itertools.product(("clean", "augmented"), ("h", "h and z", "h, as many weights")):
            for column in ("accuracy", "accuracy on unseen corruptions"):
                lead = ch2.accuracy_gains(runs, "cross_entropy", control, trained, column)
                means = ch2.network_means(lead)
                assert np.mean(means) < 1
                larger_on_one_network |= max(means) > 1
    assert larger_on_one_network


def test_other_corruptions_of_signs_change_in_both_directions():
    gains = ch2.gain_by_corruption(load_result("introspection_signs"), "augmented", "cross_entropy")
    known = {"gaussian blur", "noise", "lens blur", "haze", "exposure", "darkening"}
    assert all(min(gains[name]) > 1 for name in known)
    others = {name: values for name, values in gains.items() if name not in known}
    assert len(others) == 6 and abs(np.mean([*others.values()])) < 0.5
    assert min(gains["dirty lens"]) > 0 and max(gains["decolorization"]) < 0


def test_calibration_error_after_clean_training_depends_on_the_loss():
    for name, squared_is_lower in (("introspection_signs", False), ("introspection_cifar", True)):
        rows = load_result(name).query("kind == 'head' and trained in ('clean', 'augmented')")
        error = rows.groupby(["trained", "network", "head"])["ece"].mean()
        for network in rows["network"].unique():
            clean, corrupted = error["clean", network], error["augmented", network]
            assert clean["cross_entropy"] > clean["feed-forward"]
            assert (clean["squared"] < clean["feed-forward"]) == squared_is_lower
            assert (clean["h"] < clean["feed-forward"]) == squared_is_lower
            assert corrupted["h"] < corrupted["cross_entropy"] < corrupted["feed-forward"]


def test_overlap_is_as_large_for_correct_predictions_in_each_setting():
    rows = load_result("explanations_photos").query("score == 'overlap, as published'")
    assert len(rows) == 6 and not (rows["low"] > 0.5).any() and (rows["high"] < 0.5).sum() == 3
