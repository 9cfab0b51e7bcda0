"""The table of methods: each is where it says, does what it says, and costs what it says."""

import json
import re
from importlib import import_module
from pathlib import Path

import pytest
import torch

from tutorial_lib import data, expectancy, foundations, gradients, information, networks, uncertainty
from tutorial_lib.gradients import counted
from tutorial_lib.instruments import METHODS, Method, priced_map
from tutorial_lib.instruments.course_map import CELLS
from tutorial_lib.instruments.methods import LETTERS
from tutorial_lib.instruments.priced_map import MARKS, verdict
from tutorial_lib.instruments.sections import CHAPTERS, TITLES, address, link
from tutorial_lib.results.ledger import VERDICTS, claims

ROOT = Path(__file__).parents[2]
BIB = (ROOT / "chapters" / "references.bib").read_text(encoding="utf-8")


def headings(chapter):
    """Sections of a notebook by number; None where the chapter is not in the book yet."""
    file = ROOT / "chapters" / f"{CHAPTERS[chapter]}.ipynb"
    if not file.is_file():
        return None
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return dict(re.findall(r"^##+ (\d\.\w) (.*)$", text, re.M))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_sections_are_those_of_the_notebooks(chapter):
    there = headings(chapter)
    if there is None:
        assert chapter > 3, f"chapter {chapter} is in the book"
        pytest.skip("this chapter is not in the book yet")
    closing = {"What we saw"}
    assert {number: title for number, title in there.items() if title not in closing} == {
        number: title for number, title in TITLES.items() if number[0] == str(chapter)
    }


def test_addresses_are_made_as_docutils_makes_them(monkeypatch):
    nodes = pytest.importorskip("docutils.nodes")
    monkeypatch.setenv("TUTORIAL_BOOK", "1")
    for section, title in TITLES.items():
        assert address(section) == f"{CHAPTERS[int(section[0])]}.html#{nodes.make_id(f'{section} {title}')}"


def test_in_a_notebook_addresses_lead_to_notebooks(monkeypatch):
    monkeypatch.delenv("TUTORIAL_BOOK", raising=False)
    assert address("3.6") == "03-uncertainty.ipynb#3.6-%E2%80%A6-and-detect-it"
    assert link("2.3", "ask <why>").endswith('title="2.3 Why P, rather than Q?">ask &lt;why&gt;</a>')
    with pytest.raises(ValueError, match="unknown section '9.9'"):
        link("9.9")


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
class TestMethod:
    def test_its_function_exists(self, method):
        room, name = method.function.split(".")
        assert hasattr(import_module(f"tutorial_lib.{room}"), name)

    def test_its_section_exists(self, method):
        assert method.section in TITLES

    def test_its_source_is_in_the_bibliography(self, method):
        assert method.source is None or f"{{{method.source},\n" in BIB

    def test_its_claim_is_in_the_ledger(self, method):
        ids = {claim.id for claim in claims()}
        assert method.claim is None or (method.claim in ids and verdict(method) in VERDICTS)
        assert not (method.ours and method.claim)

    def test_its_price_can_be_worked_out(self, method):
        assert method.price(**dict.fromkeys(LETTERS, 3)) >= 0


def test_every_method_of_the_map_is_in_the_table_and_the_other_way_round():
    for cell, methods in CELLS.items():
        named = {(name, chapter) for names, chapter in methods for name in names.split(", ")}
        there = {(method.name, method.chapter) for method in METHODS.values() if method.cell == cell}
        for name, chapter in named:
            assert any(known.startswith(name) and chapter == number for known, number in there), name
        for known, number in there:
            assert any(known.startswith(name) and chapter == number for name, chapter in named), known
    assert {method.cell for method in METHODS.values() if method.cell} == set(CELLS)


# Prices, held against what is counted while the method runs.

N, STEPS = 2, 4


def ways():
    net = networks.load("signs/classifier")
    x, y = data.load("signs", "test", limit=N)
    W, b = (p.detach() for p in (net.head.weight, net.head.bias))
    return net, {
        "counterfactual manifold, last layer": lambda: foundations.least_bend(
            W, b, gradients.features(net, x)[1], 0, 1
        ),
        "occlusion": lambda: information.occlusion(net, x, patch=24),
        "saliency": lambda: information.saliency(net, x),
        "SmoothGrad": lambda: information.smoothgrad(net, x, samples=STEPS),
        "integrated gradients": lambda: information.integrated_gradients(net, x, steps=STEPS),
        "guided backpropagation": lambda: information.guided_backprop(net, x),
        "Grad-CAM": lambda: information.grad_cam(net, x, "block3"),
        "Grad-CAM++": lambda: information.grad_cam_plus_plus(net, x, "block3"),
        "guided Grad-CAM": lambda: information.guided_grad_cam(net, x, "block3"),
        "counterfactual CAM": lambda: information.counterfactual_cam(net, x, "block3"),
        "contrast CAM": lambda: information.contrast_cam(net, x, "block3", other=1),
        "Fisher information": lambda: information.fisher_information(*gradients.features(net, x)),
        "one introspective feature": lambda: information.introspective_features(net, x),
        "introspection": lambda: information.introspective_features(net, x),
        "variance over Q (VOICE)": lambda: information.explanation_variance(net, x, "block2"),
        "randomisation test": lambda: information.randomisation_check(
            net,
            x,
            lambda m, x: information.grad_cam(m, x, "block3", 1),
            layers=["head", "block3", "block2", "block1"][:STEPS],
        ),
        "radius of the straight line": lambda: foundations.picture_radius(
            net, x, distances=torch.tensor([0.1, 0.2, 0.3])
        ),
        "largest softmax": lambda: uncertainty.max_softmax(gradients.outputs(net, x)),
        "energy": lambda: uncertainty.energy(gradients.outputs(net, x)),
        "purview: a norm per layer": lambda: uncertainty.confounding_norms(net, x),
        "adversarial attacks, one step": lambda: uncertainty.fgsm(net, x, y, eps=0.1),
        "adversarial attacks, many steps": lambda: uncertainty.pgd(net, x, y, eps=0.1, steps=STEPS),
        "Mahalanobis distance": lambda: gradients.features(net, x),
        "ODIN": lambda: uncertainty.odin(net, x),
        "GradNorm": lambda: uncertainty.grad_norm(*gradients.features(net, x)),
        "GradTrust": lambda: uncertainty.grad_trust(gradients.outputs(net, x)),
        "Gram matrix of gradients": lambda: gradients.gradient_gram(net, x),
        "implicit saliency": lambda: expectancy.implicit_saliency(net, x, "block2"),
        "local mismatch": lambda: expectancy.local_mismatch(net, x, "block3"),
        "spectral residual": lambda: expectancy.spectral_residual(x),
    }


NET, WAYS = ways()


@pytest.mark.parametrize("name", WAYS)
def test_a_price_is_what_is_counted(name):
    places = gradients.split_at(NET, torch.rand(1, 3, 48, 48), "block3")[0].shape[-2:]
    with counted(NET) as passes:
        WAYS[name]()
    assert passes.backward == N * METHODS[name].price(C=14, S=STEPS, R=places.numel())


def test_reconstructions_cost_a_pass_for_each_picture():
    autoencoder = networks.load("signs/autoencoder")
    x = torch.rand(N, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    with counted(autoencoder) as passes:
        gradients.parameter_gradients(autoencoder, x, gradients.reconstruction(x))
    assert passes.backward == N * METHODS["GradCon: a direction"].price()
    if hasattr(expectancy, "gradient_quality"):
        with counted(autoencoder) as passes:
            expectancy.gradient_quality(autoencoder, x, x.flip(3))
        assert passes.backward == N * METHODS["image quality"].price()


def test_most_of_the_map_is_counted():
    on_map = {method.name for method in METHODS.values() if method.cell}
    assert on_map - set(WAYS) == {"GradCon: a direction", "image quality"}  # both in the test above


def test_a_letter_without_a_size_is_named():
    with pytest.raises(
        ValueError,
        match=r"a walk costs C·S \+ 1: say C \(classes\), S \(samples, steps or layers, one after the other\)",
    ):
        Method("a walk", "nowhere.at_all", "1.1", "C·S + 1").price()
    assert Method("a walk", "nowhere.at_all", "1.1", "C·S + 1").price(C=3, S=5) == 16


# The map that shows it.


def test_the_map_names_links_and_prices_every_method_once():
    html = priced_map()._repr_html_()
    for method in METHODS.values():
        if method.cell:
            found = re.findall(
                rf'<a href="{re.escape(address(method.section))}"[^>]*>{re.escape(method.name)}</a><span class="price"[^>]*>([^<]*)</span>',
                html,
            )
            assert found == [method.passes], method.name
            assert re.sub("([._])", r"<wbr>\1", method.function) in html
    assert html.count('class="method"') == sum(bool(method.cell) for method in METHODS.values())
    assert html.count('class="cell empty"') == 20 - len(CELLS)


def test_verdicts_are_marked_in_words_and_the_legend_names_each():
    html = priced_map()._repr_html_()
    legend = html.split("<figcaption>")[1]
    for method in METHODS.values():
        if method.cell:
            said = verdict(method) or "no claim of its own in the ledger"
            assert said.replace("'", "&#x27;") in html and said in legend, said
    assert set(MARKS) == {*VERDICTS, None} and len({mark for mark, _ in MARKS.values()}) == len(MARKS)


def test_the_map_can_be_read_aloud():
    assert "GradNorm (section 3.B, uncertainty.grad_norm, backward passes: 0, not seen in ours)" in repr(priced_map())
