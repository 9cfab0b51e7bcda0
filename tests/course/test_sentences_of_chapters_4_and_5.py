"""Sentences of chapters 4 and 5 agree with every stored row, including the rows that no table shows."""

import pytest
import torch

from tutorial_course.findings import ch4 as findings
from tutorial_course.findings import ch5
from tutorial_course.results import load_result
from tutorial_lib import data, gradients, models, uncertainty
from tutorial_lib.data import SIGNS


@pytest.fixture(scope="module")
def quality():
    return load_result("image_quality")


@pytest.fixture(scope="module")
def saliency():
    return load_result("saliency")


@pytest.fixture(scope="module")
def open_questions():
    return load_result("open_questions")


def test_logit_of_the_worst_bin_has_a_larger_share_than_every_contrast(quality):
    rows = quality.query("kind == 'contrast'").set_index("map")
    contrasts = rows[rows.index.str.startswith("bins")]
    assert contrasts["share"].max() < rows.at["logit of the worst bin", "share"]
    lead = rows["lead over the expected score low"]
    assert lead["bins, rather than the worst, negated"] > 0
    assert rows.at["bins, rather than the best", "lead over the expected score high"] < 0


def test_training_of_unique_helps_more_over_all_distortions_than_within_a_kind(quality):
    rows = quality.query("kind == 'difference' and measure == 'UNIQUE'").set_index(["baseline", "set"])
    gain = rows.loc["UNIQUE, untrained"]
    assert (gain["pooled"] > gain["within"]).all()
    controls = rows.loc[["UNIQUE, untrained", "whitened patches"]].xs("photographs", level="set")
    assert (controls["within low"] > 0).all()


def test_gradient_distance_agrees_with_quality_for_every_kind_and_the_three_numbers_do_not(quality):
    rows = quality.query("kind == 'distortion'")
    assert (rows.loc[rows["measure"] == "distance", "srcc"] > 0).all()
    blind = rows[rows["measure"].isin(["error", "norm", "alignment"]) & (rows["set"] != "live")]
    by_number = blind.groupby(["set", "measure"])["srcc"]
    assert (by_number.min() < 0).all()
    assert (by_number.max() > 0).all()
    assert (rows[rows["measure"].isin(["distance", *blind["measure"]])].groupby("set")["seed"].nunique() == 1).all()


def test_auc_among_signs_is_below_one_half_for_every_type_of_odd_sign(saliency):
    rows = saliency.query("kind == 'array' and map in ('Grad-CAM', 'implicit product, block2')")
    assert (rows.groupby(["map", "array"])["auc among signs"].mean() < 0.5).all()


def test_spectral_residual_locates_another_size_as_often_as_the_local_mismatch_only_on_average(saliency):
    rows = saliency.query("kind == 'array' and array == 'size'")
    rates = rows.pivot_table(index="network", columns="map", values="hit rate")
    lead = rates["spectral residual"] - rates["local mismatch"]
    assert lead.mean() >= 0
    assert (lead < 0).sum() == 1
    assert (rates["local mismatch"] > rates["local loss"]).all()


@pytest.mark.parametrize("data", ["osie", "scene500"])
def test_fixations_agree_with_the_product_by_sim_and_ig_and_with_the_activation_of_its_layer(data, saliency):
    rows = saliency.query("kind == 'fixations, difference' and data == @data")
    rows = rows.set_index(["map", "compared with", "prior"]).sort_index()
    product = rows.loc[("implicit product", "activation", True)]
    assert product["nss, low"] < 0 < product["nss, high"]
    assert min(product["sim, low"], product["bits over the prior, low"]) > 0
    assert rows.at[("implicit product", "activation", False), "auc, low"] > 0
    same_layer = rows.loc[("implicit", "activation, same layer", False)]
    assert same_layer["shuffled auc, high"] < 0
    assert (same_layer["nss, low"] > 0) == (data == "scene500")
    assert rows.at[("implicit", "readout", False), "nss, high"] < 0


def test_linear_readout_has_the_highest_shuffled_auc_on_osie_only(saliency):
    rows = saliency.query("kind == 'fixations' and prior == False").set_index("map")
    best = {data: group["shuffled auc"].idxmax() for data, group in rows.groupby("data")}
    assert best["osie"] == "readout"
    assert best["scene500"] != "readout"


def test_noise_hides_the_difference_from_the_activation_except_in_the_nss_without_the_prior(saliency):
    rows = saliency.query("kind == 'noise, difference' and sd == sd.max() and `under the noise` == 'photograph'")
    rows = rows[(rows["compared with"] == "activation, same layer") & rows["map"].str.startswith("implicit")]
    assert (rows["shuffled auc, low"] < 0).all()
    assert (rows["shuffled auc, high"] > 0).all()
    with_prior = rows["prior"].astype(bool)
    assert (rows.loc[~with_prior, "nss, low"] > 0).all()
    assert ((rows["nss, low"] < 0) & (rows["nss, high"] > 0))[with_prior].all()


def test_scores_of_explanations_by_network(open_questions):
    rows = open_questions.query("kind == 'explanation'").set_index(["network", "score"])
    above = (rows["low"] > 0.505).unstack()
    assert above[["two other networks", "four noisy copies", "four moved copies"]].all(axis=None)
    assert above["softmax"].tolist() == [False, True, False]
    for score in ("VOICE, signal to noise", "VOICE by probability, mass"):
        assert above[score].any()
        assert not above[score].all()
    assert not above["VOICE, overlap"].any()
    assert rows.at[("signs/classifier/1", "VOICE, overlap"), "high"] < 0.5


def test_adaptive_attacks_by_network(open_questions):
    rows = open_questions.query("kind == 'adaptive' and weight in (0.0, 0.2, 0.3, 0.5)")
    rows = rows.set_index(["detector", "weight", "network"]).sort_index()
    success = rows["success"].unstack()
    others = success.drop(columns="signs/transformer")
    lower = success["signs/transformer"] < others.min(axis=1)
    assert lower.loc[:, [0.0, 0.2, 0.3]].all()
    assert success.at[("trained", 0.5), "signs/transformer"] > others.loc[("trained", 0.5)].max()
    trained = rows.loc["trained"]
    by_weight = trained.xs("signs/classifier/1", level="network")
    assert (by_weight.loc[[0.0, 0.2, 0.3], "low"] > 0.5).all()
    assert by_weight.at[0.5, "low"] < 0.5 < by_weight.at[0.5, "high"]
    assert by_weight.at[0.5, "success"] < by_weight.at[0.3, "success"] / 2
    at_a_third = trained.xs(0.3)
    assert (at_a_third.loc[["signs/classifier", "signs/transformer"], "low"] < 0.5).all()


def test_mahalanobis_distance_of_gradient_norms_has_a_higher_auroc_than_gradnorm_on_most_networks():
    rows = load_result("ood_detection").query("kind == 'task' and metric == 'auroc' and task == 'far OOD'")
    higher = rows["distance of gradient norms"] > rows["GradNorm"]
    assert len(rows) / 2 < higher.sum() < len(rows)


def test_mismatch_of_green_stop_signs_is_smaller_than_its_peak_for_every_sign_classifier():
    scene = data.sample_scenes(40, generator=torch.Generator().manual_seed(1))
    turned = [scene.replace(hue_shift=scene.hue_shift + step / 8 * 2 * torch.pi / 3) for step in range(9)]
    images = [data.render(["stop"] * 40, scene=s) for s in turned]
    steps_of_increase = []
    for name in ("signs/classifier", "signs/classifier/1", "signs/classifier/2"):
        network, norms = models.load(name), []
        for x in images:
            z, h = gradients.penultimate_features(network, x)
            loss = gradients.cross_entropy(SIGNS.index("stop"))
            delta, _ = gradients.last_layer_gradient_factors(z, h, loss)
            norms.append((delta.norm(dim=1), h.norm(dim=1)))
        errors, features = (torch.stack(factor) for factor in zip(*norms, strict=True))
        hue = findings.hue_mismatch(errors, features)
        assert hue.decrease.low > 0
        assert hue.feature_ratio < hue.error_ratio
        share = (errors * features).mean(1) / hue.peak
        steps_of_increase.append(int(((share > 0.1) & (share < 0.9))[: hue.peak_step].sum()) + 1)
    assert steps_of_increase[0] == 2
    assert max(steps_of_increase) > 2


def test_detector_trained_on_textures_fails_on_gray_pieces_for_two_of_three_networks():
    signs = data.load("signs", "test", limit=480).images
    generator = torch.Generator().manual_seed(0)
    textures = torch.cat([data.textures(kind, 80, generator=generator) for kind in data.TEXTURES])
    pieces = ch5.photograph_pieces()
    first = 12 * ch5.PHOTOGRAPHS.index("moon")
    sets = {"training": signs[:200], "signs": signs[340:], "textures": textures, "gray": pieces[first : first + 12]}
    areas = []
    for name in ch5.SIGN_NETWORKS:
        network = models.load(name)
        norms = {key: uncertainty.confounding_gradient_norms(network, x) for key, x in sets.items()}
        detector = uncertainty.PurviewDetector().fit(norms["training"], norms["textures"])
        areas.append(ch5.auroc_by_photograph(*(detector.score(norms[key]) for key in ("signs", "gray"))).item())
        sums = {key: v.square().sum(1).median() for key, v in norms.items()}
        assert sums["gray"] < sums["signs"] < sums["textures"]
    assert max(areas[:2]) < 0.5 < 0.75 < areas[2]
