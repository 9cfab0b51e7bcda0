"""The table of methods: functions and sections exist, and costs equal the number of counted passes."""

import json
import re
from importlib import import_module
from pathlib import Path

import pytest
import torch

from tutorial_course.methods import COST_SYMBOLS, METHODS, Method
from tutorial_course.pass_counter import count_passes
from tutorial_course.results.claims import VERDICTS, load_claims
from tutorial_course.widgets.method_map import method_verdict
from tutorial_course.widgets.section_links import CHAPTER_FILES, SECTION_TITLES, section_link, section_url
from tutorial_lib import attribution, data, foundations, gradients, models, quality, saliency, uncertainty

ROOT = Path(__file__).parents[2]
BIB = (ROOT / "chapters" / "references.bib").read_text(encoding="utf-8")


def headings(chapter):
    """Return the sections of a notebook by number, or None if the chapter is not in the book yet."""
    file = ROOT / "chapters" / f"{CHAPTER_FILES[chapter]}.ipynb"
    if not file.is_file():
        return None
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return dict(re.findall(r"^##+ (\d\.\w) (.*)$", text, re.M))


@pytest.mark.parametrize("chapter", CHAPTER_FILES)
def test_section_titles_match_notebooks(chapter):
    there = headings(chapter)
    if there is None:
        assert chapter > 3, f"chapter {chapter} is in the book"
        pytest.skip("this chapter is not in the book yet")
    closing = {"What we saw", "Summary"}
    assert {number: title for number, title in there.items() if title not in closing} == {
        number: title for number, title in SECTION_TITLES.items() if number[0] == str(chapter)
    }


def test_section_url_in_book_leads_to_anchor_above_heading(monkeypatch):
    monkeypatch.setenv("TUTORIAL_BOOK", "1")
    for section, title in SECTION_TITLES.items():
        page, _, label = section_url(section).partition(".html#")
        cells = json.loads((ROOT / "chapters" / f"{page}.ipynb").read_text(encoding="utf-8"))["cells"]
        heading = re.compile(rf'^<a id="{label}"></a>\n#+ {re.escape(f"{section} {title}")}$', re.M)
        assert sum(bool(heading.search("".join(cell["source"]))) for cell in cells) == 1, section


def test_section_url_in_notebook_points_to_notebook(monkeypatch):
    monkeypatch.delenv("TUTORIAL_BOOK", raising=False)
    assert section_url("3.D") == "03-uncertainty.ipynb#3.D-Open-set-recognition"
    assert section_link("2.3", "ask <why>").endswith(
        'title="2.3 Why P, rather than Q? Contrastive maps">ask &lt;why&gt;</a>'
    )
    with pytest.raises(ValueError, match="unknown section '9.9'"):
        section_link("9.9")


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
class TestMethod:
    def test_method_function_exists(self, method):
        package, name = method.function.split(".")
        assert hasattr(import_module(f"tutorial_lib.{package}"), name)

    def test_method_section_exists(self, method):
        assert method.section in SECTION_TITLES

    def test_method_source_is_in_bibliography(self, method):
        assert method.source is None or f"{{{method.source},\n" in BIB

    def test_method_claim_is_in_claims_table(self, method):
        ids = {claim.id for claim in load_claims()}
        assert method.claim is None or (method.claim in ids and method_verdict(method) in VERDICTS)
        assert not (method.is_own_proposal and method.claim)

    def test_method_cost_can_be_evaluated(self, method):
        assert method.cost(**dict.fromkeys(COST_SYMBOLS, 3)) >= 0


# Costs, compared with the passes that are counted while the method runs.

N, STEPS = 2, 4


def method_calls():
    net = models.load("signs/classifier")
    x, y = data.load("signs", "test", limit=N)
    W, b = (p.detach() for p in (net.head.weight, net.head.bias))
    return net, {
        "counterfactual manifold, last layer": lambda: foundations.minimal_weight_update(
            W, b, gradients.penultimate_features(net, x)[1], 0, 1
        ),
        "occlusion": lambda: attribution.occlusion(net, x, window=24),
        "saliency": lambda: attribution.saliency(net, x),
        "SmoothGrad": lambda: attribution.smoothgrad(net, x, n_samples=STEPS),
        "integrated gradients": lambda: attribution.integrated_gradients(net, x, n_steps=STEPS),
        "guided backpropagation": lambda: attribution.guided_backprop(net, x),
        "Grad-CAM": lambda: attribution.grad_cam(net, x, "block3"),
        "Grad-CAM++": lambda: attribution.grad_cam_plus_plus(net, x, "block3"),
        "guided Grad-CAM": lambda: attribution.guided_grad_cam(net, x, "block3"),
        "counterfactual CAM": lambda: attribution.counterfactual_cam(net, x, "block3"),
        "contrast CAM": lambda: attribution.contrast_cam(net, x, "block3", contrast_class=1),
        "Fisher information": lambda: attribution.last_layer_fisher(*gradients.penultimate_features(net, x)),
        "one introspective feature": lambda: attribution.introspective_features(net, x),
        "introspection": lambda: attribution.introspective_features(net, x),
        "variance over Q (VOICE)": lambda: attribution.voice_map(net, x, "block2"),
        "randomization test": lambda: attribution.model_randomization_test(
            net,
            x,
            lambda m, x: attribution.grad_cam(m, x, "block3", 1),
            layers=["head", "block3", "block2", "block1"][:STEPS],
        ),
        "linearization radius": lambda: foundations.input_linearization_radius(
            net, x, distances=torch.tensor([0.1, 0.2, 0.3])
        ),
        "largest softmax": lambda: uncertainty.msp_score(gradients.model_outputs(net, x)),
        "energy": lambda: uncertainty.energy_score(gradients.model_outputs(net, x)),
        "purview: a norm per layer": lambda: uncertainty.confounding_gradient_norms(net, x),
        "adversarial attacks, one step": lambda: uncertainty.fgsm(net, x, y, eps=0.1),
        "adversarial attacks, many steps": lambda: uncertainty.pgd(net, x, y, eps=0.1, n_steps=STEPS),
        "Mahalanobis distance": lambda: gradients.penultimate_features(net, x),
        "ODIN": lambda: uncertainty.odin_score(net, x),
        "GradNorm": lambda: uncertainty.gradnorm_score(*gradients.penultimate_features(net, x)),
        "GradTrust": lambda: uncertainty.grad_trust(gradients.model_outputs(net, x)),
        "Gram matrix of gradients": lambda: gradients.class_gradient_gram(net, x),
        "implicit saliency": lambda: saliency.implicit_saliency(net, x, "block2"),
        "local mismatch": lambda: saliency.local_mismatch(net, x, "block3"),
        "spectral residual": lambda: saliency.spectral_residual(x),
    }


NET, METHOD_CALLS = method_calls()


@pytest.mark.parametrize("name", METHOD_CALLS)
def test_method_cost_matches_counted_passes(name):
    places = gradients.split_forward(NET, torch.rand(1, 3, 48, 48), "block3")[0].shape[-2:]
    with count_passes(NET) as passes:
        METHOD_CALLS[name]()
    assert passes.backward == N * METHODS[name].cost(C=14, S=STEPS, R=places.numel())


def test_method_cost_of_reconstruction_is_one_pass_per_image():
    autoencoder = models.load("signs/autoencoder")
    x = torch.rand(N, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    with count_passes(autoencoder) as passes:
        gradients.per_sample_gradients(autoencoder, x, gradients.reconstruction_mse(x))
    assert passes.backward == N * METHODS["GradCon: a direction"].cost()
    with count_passes(autoencoder) as passes:
        quality.gradient_distance(autoencoder, x, x.flip(3))
    assert passes.backward == N * METHODS["image quality"].cost()


def test_method_cost_tests_cover_the_overview():
    on_map = {method.name for method in METHODS.values() if method.cell}
    assert on_map - set(METHOD_CALLS) == {
        "GradCon: a direction",
        "image quality",
    }  # both are covered by the previous test


def test_method_cost_names_missing_symbol():
    with pytest.raises(
        ValueError,
        match=(
            r"several steps costs C·S \+ 1: pass a value for C \(classes\), S \(samples, steps or layers, in "
            r"sequence\)"
        ),
    ):
        Method("several steps", "nowhere.at_all", "1.1", "C·S + 1").cost()
    assert Method("several steps", "nowhere.at_all", "1.1", "C·S + 1").cost(C=3, S=5) == 16
