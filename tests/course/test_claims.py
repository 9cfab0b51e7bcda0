"""The claims follow their rules, their values come from stored results, and each rule can be broken."""

import ast
import inspect
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tutorial_course.results import claims, load_result
from tutorial_course.widgets import claims_table as show

ROOT = Path(__file__).parents[2]
BIB = (ROOT / "chapters" / "references.bib").read_text(encoding="utf-8")
CHAPTERS = sorted({claim.chapter for claim in claims.load_claims()})


def placeholder_values(chapter=None):
    return dict.fromkeys(set().union(*(claim.live_names for claim in claims.load_claims(chapter))), 0.5)


def claim_by_id(id):
    return next(claim for claim in claims.load_claims() if claim.id == id)


def test_claim_ids_are_unique():
    ids = [claim.id for claim in claims.CLAIMS]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("id", "change", "words"),
    [
        ("contrast", {"measured": ()}, "a claim with evidence needs a text with the measured values"),
        ("contrast", {"differs": ("colour",)}, "no part 'colour'; choose from: network; data"),
        ("contrast", {"paper": None}, "describe the paper's setting and ours"),
        ("contrast", {"source": "nobody1999"}, "unknown source 'nobody1999'"),
    ],
)
def test_claim_names_each_broken_rule(id, change, words):
    with pytest.raises(ValueError, match=words):
        replace(claim_by_id(id), **change)


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (("hearsay", "9 %"), "unknown certainty 'hearsay'"),
        (("could not be checked", ".664"), "that could not be checked is not printed"),
        (("the abstract",), "that could not be checked is not printed"),
        (("the abstract", "9 %", "nobody1999"), "unknown source 'nobody1999'"),
    ],
)
def test_published_names_each_broken_rule(figure, words):
    with pytest.raises(ValueError, match=words):
        claims.Published(*figure)


def test_setting_requires_all_parts():
    with pytest.raises(TypeError, match="missing 4 required positional arguments: 'data', 'training'"):
        claims.Setting(network="VGG-16")


def test_estimate_difference_adds_squared_distances():
    a, b = claims.Estimate(0.8, 0.7, 0.85), claims.Estimate(0.6, 0.5, 0.65)
    assert tuple(a - b) == pytest.approx((0.2, 0.2 - (0.1**2 + 0.05**2) ** 0.5, 0.2 + (0.05**2 + 0.1**2) ** 0.5))
    # Two symmetric intervals give the interval of the difference of two normal estimates.
    a, b = claims.Estimate(1.0, 0.7, 1.3), claims.Estimate(0.5, 0.1, 0.9)
    assert tuple(a - b) == pytest.approx((0.5, 0.0, 1.0))


AHEAD, EQUAL, BEHIND, UNDECIDED = (
    claims.Estimate(*lead) for lead in ((0.2, 0.1, 0.3), (0.0, -0.04, 0.04), (-0.2, -0.3, -0.1), (0.02, -0.1, 0.2))
)


@pytest.mark.parametrize(
    ("leads", "expected"),
    [
        ([AHEAD], True),
        ([AHEAD, UNDECIDED], True),
        ([EQUAL], False),
        ([BEHIND, EQUAL, UNDECIDED], False),
        ([UNDECIDED], None),
        ([AHEAD, BEHIND], None),
        ([claims.Estimate(0.03, 0.01, 0.05)], False),  # above zero, and yet not ahead by more than the margin
        ([], None),
    ],
)
def test_is_ahead_requires_an_interval_above_zero_or_below_the_margin(leads, expected):
    assert claims.is_ahead(leads, 0.05) is expected


@pytest.mark.parametrize(
    ("evidence", "differ", "verdict"),
    [
        ({"leads": [AHEAD]}, True, claims.CONFIRMED_HERE),
        ({"leads": [AHEAD]}, False, claims.CONFIRMED_IN_PAPER_SETTING),
        ({"leads": [AHEAD], "over_control": [AHEAD]}, True, claims.CONFIRMED_HERE),
        ({"leads": [AHEAD], "over_control": [EQUAL]}, True, claims.CONTROL_AS_GOOD),
        ({"leads": [AHEAD], "over_control": [BEHIND]}, False, claims.CONTROL_AS_GOOD),
        ({"leads": [AHEAD], "over_control": [UNDECIDED]}, True, claims.INCONCLUSIVE),
        ({"leads": [], "over_control": [EQUAL]}, True, claims.CONTROL_AS_GOOD),
        ({"leads": [EQUAL]}, True, claims.NOT_CONFIRMED_HERE),
        ({"leads": [BEHIND], "over_control": [BEHIND]}, False, claims.NOT_CONFIRMED_IN_PAPER_SETTING),
        ({"leads": [UNDECIDED]}, True, claims.INCONCLUSIVE),
        ({"leads": [EQUAL], "claims_lead": False}, True, claims.CONFIRMED_HERE),
        ({"leads": [AHEAD], "claims_lead": False}, True, claims.NOT_CONFIRMED_HERE),
    ],
)
def test_evidence_verdict_follows_rules(evidence, differ, verdict):
    assert claims.Evidence(margin=0.05, **evidence).verdict(differ) == verdict


@pytest.mark.parametrize(
    ("evidence", "scope"),
    [
        ({"leads": [AHEAD, UNDECIDED]}, " (conclusive in 1 of 2 comparisons)"),
        ({"leads": [BEHIND, UNDECIDED, EQUAL]}, " (conclusive in 2 of 3 comparisons); the settings differ in"),
        ({"leads": [AHEAD], "over_control": [EQUAL, UNDECIDED]}, " (conclusive in 1 of 2 comparisons)"),
        ({"leads": [AHEAD, AHEAD]}, ""),
        ({"leads": [UNDECIDED, UNDECIDED]}, ""),
        ({"leads": [AHEAD, BEHIND, UNDECIDED]}, ""),
    ],
)
def test_verdict_text_names_number_of_comparisons_that_decide(evidence, scope):
    claim = replace(claim_by_id("gradtrust"), evidence=lambda: claims.Evidence(margin=0.05, **evidence))
    assert claim.verdict_text.startswith(claim.verdict + scope)
    assert ("conclusive in" in claim.verdict_text) == bool(scope)


@pytest.mark.parametrize("claim", claims.CLAIMS, ids=lambda claim: claim.id)
def test_verdicts_are_computed_from_ordered_intervals(claim):
    leads = [*claim.intervals.leads, *claim.intervals.over_control] if claim.intervals else []
    assert all(lead.low <= lead.value <= lead.high for lead in leads)
    assert claim.verdict in claims.VERDICTS
    assert bool(claim.evidence_text) == bool(leads)
    if not leads and not claim.identity:
        assert claim.verdict == (claims.NO_INTERVAL if claim.measured else claims.OPEN)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"measured": (), "evidence": None}, claims.OPEN),
        ({"evidence": None}, claims.NO_INTERVAL),
        ({"evidence": lambda: claims.Evidence([], 0.05)}, claims.NO_INTERVAL),
        ({"evidence": None, "identity": True}, claims.CONFIRMED_IN_PAPER_SETTING),
        ({"evidence": lambda: claims.Evidence([AHEAD], 0.05), "differs": ()}, claims.CONFIRMED_IN_PAPER_SETTING),
        ({"evidence": lambda: claims.Evidence([BEHIND], 0.05)}, claims.NOT_CONFIRMED_HERE),
    ],
)
def test_verdict_without_an_interval_says_so(changes, verdict):
    assert replace(claim_by_id("gradtrust"), **changes).verdict == verdict


@pytest.mark.parametrize(
    ("id", "rows", "changed"),
    [
        ("forgetting", "method == 'none' and epoch == 22", {"old": 0.9}),
        ("rotated-objects", "kind == 'roll'", {"accuracy": 0.9}),
        ("counterfactual", "question == 'what if not P'", {"point": 0.5}),
        ("introspection-robust", "head == 'cross_entropy'", {"accuracy": 1.0}),
        ("implicit", "kind == 'fixations' and map == 'implicit'", {"auc": 0.5, "auc, low": 0.5, "auc, high": 0.5}),
        (
            "implicit-supervised",
            "kind == 'fixations, difference' and map == 'implicit' and `compared with` == 'readout'",
            {"nss": 0.0, "nss, low": -0.05, "nss, high": 0.05},
        ),
        ("implicit-semantic", "form == 'implicit' and layer == 11", {"nss": 1.5, "nss, low": 1.4, "nss, high": 1.6}),
    ],
)
def test_verdict_changes_with_a_stored_number(id, rows, changed, monkeypatch):
    claim = replace(claim_by_id(id))
    before, module = claim.verdict, inspect.getmodule(claim.evidence)

    @cache
    def modified(name):
        result = load_result(name).copy()
        if set(re.findall(r"(?<![\w'])\w+(?= ==)", rows)) <= set(result):
            result.loc[result.query(rows).index, [*changed]] = [*changed.values()]
        return result

    monkeypatch.setattr(module, "table", modified)
    assert replace(claim).verdict != before


def test_unknown_parts_of_a_setting_are_not_called_different():
    claim = claim_by_id("purview")
    assert claim.unknown == ["training", "implementation"] and set(claim.unknown) <= set(claim.differs)
    differences = "; the settings differ in network, data and protocol, and we do not know the paper's "
    assert claim.verdict_text.endswith(differences + "training and implementation")
    settings = str(show(only=["purview"]))
    assert "- training · unknown: not known to us" in settings and "- network · differs: ResNets" in settings
    for claim in claims.CLAIMS:
        if claim.verdict == claims.NOT_CONFIRMED_HERE:
            assert set(claim.differs) - set(claim.unknown), f"{claim.id}: no known difference"


def test_estimate_prints_its_interval_without_the_sign_of_zero():
    assert str(claims.Estimate(0.25, -0.0001, 0.5)) == "+0.250 (0.000 to +0.500)"
    text = claims.Evidence(
        [claims.Estimate(0.1, 0.0, 0.2)], 0.05, over_control=[claims.Estimate(0.0, -0.1, 0.1)]
    ).text()
    assert text.startswith(
        "difference for the verdict +0.100 (0.000 to +0.200); difference from the control 0.000 (−0.100"
    )
    assert text.endswith("margin 0.05") and claims.Evidence([], 0.05).text() == ""


def measured_functions():
    functions = {sentence for claim in claims.CLAIMS for sentence in claim.measured}
    return sorted(functions, key=lambda function: function.__name__)


@pytest.mark.parametrize("function", measured_functions(), ids=lambda function: function.__name__)
def test_measured_sentences_contain_computed_numbers_and_no_typed_ones(function):
    nodes = [*ast.walk(ast.parse(inspect.getsource(function)))]
    fields = [node for node in nodes if isinstance(node, ast.FormattedValue)]
    formats = [field.format_spec for field in fields]
    texts = [node for node in nodes if isinstance(node, ast.JoinedStr) and node not in formats]
    words = "".join(part.value for text in texts for part in text.values if isinstance(part, ast.Constant))
    assert fields, "a measured sentence without a number"
    assert not re.search(r"\d+\s*%|\d?\.\d", words), f"a typed number in '{words}'"
    text = function(**dict.fromkeys(inspect.signature(function).parameters, 0.5))
    assert re.search(r"\d", text) and "nan" not in text


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_claims_table_shows_every_claim_in_two_columns(chapter):
    assert_table_lists_claims(str(show(chapter, **placeholder_values(chapter))), claims.load_claims(chapter))


def assert_table_lists_claims(markdown, claim_list):
    table, _, folded = markdown.partition("\n\n")
    lines = table.splitlines()
    assert len(lines) == 2 + len(claim_list) and all(line.count("|") == 3 for line in lines)
    for claim, line in zip(claim_list, lines[2:], strict=True):
        assert (
            f"**{claim.claim}**" in line and f"**{claim.verdict}" in line and claims.SOURCES[claim.source].link in line
        )
        assert all(f"- {part}" in folded for part in claim.differs) and "nan" not in line
        assert all(figure.figure in line for figure in claim.published if figure.figure)
        if claim.verdict == claims.NOT_CONFIRMED_HERE:
            assert all(part in line for part in claim.differs)


def test_claims_table_lists_many_intervals_below_the_table():
    table, _, folded = str(show(3, **placeholder_values(3))).partition("\n\n")
    for claim, line in zip(claims.load_claims(3), table.splitlines()[2:], strict=True):
        intervals = [*claim.intervals.leads, *claim.intervals.over_control] if claim.intervals else []
        many = len(intervals) > 6
        assert ("folded table" in line) == many and (claim.evidence_text in line) == (not many)
        assert all(f"| {interval} |" in folded for interval in intervals) or not many
    assert folded.count("| for the verdict |") > 20


def test_claims_table_without_chapter_counts_and_groups_by_chapter():
    counts, *chapters = re.split(r"(?m)^<details><summary><strong>Chapter ", str(show(**placeholder_values())))
    assert len(chapters) == len(CHAPTERS)
    for number, part in zip(CHAPTERS, chapters, strict=True):
        head, _, rest = part.partition("\n\n")
        claim_list = claims.load_claims(number)
        assert head.startswith(f"{number}, ") and f": {len(claim_list)} claims" in head
        assert_table_lists_claims(rest, claim_list)
        assert all(f", section {claim.section}" in rest for claim in claim_list)
    of = {line.split(" | ")[0].removeprefix("| "): line.split("|")[2:-1] for line in counts.splitlines()[2:] if line}
    assert set(of) == {claim.verdict for claim in claims.load_claims()}
    for verdict, cells in of.items():
        each = [sum(c.chapter == n and c.verdict == verdict for c in claims.load_claims()) for n in CHAPTERS]
        assert [int(cell.strip() or 0) for cell in cells] == [*each, sum(each)]


def test_claims_table_filters_by_verdict_or_claim_ids():
    table = str(show(only=claims.NOT_CONFIRMED_HERE))
    assert_table_lists_claims(
        table, [claim for claim in claims.load_claims() if claim.verdict == claims.NOT_CONFIRMED_HERE]
    )
    assert_table_lists_claims(
        str(show(only=["purview", "contrast"])), [claim_by_id("purview"), claim_by_id("contrast")]
    )
    with pytest.raises(ValueError, match="unknown verdict 'seen'"):
        show(only="seen")
    with pytest.raises(ValueError, match="unknown claim 'purveiw'; the nearest: 'purview'"):
        show(only=["purveiw"])


def test_claims_table_shows_conflicting_published_figures():
    whole = str(show())
    for figure in (
        "GradNorm 86.31, MSP 79.29",
        "near-OOD: GradNorm 54.90, MSP 88.03; far-OOD: GradNorm 57.55, MSP 90.73",
        "a figure that could not be checked",
        ".616 and .622",
    ):
        assert figure in whole
    assert ".664" not in whole


def test_claims_table_requires_exactly_the_measured_values():
    with pytest.raises(
        ValueError,
        match=r"chapter 2 needs values for \['alone', 'hit_rate', 'zero'\]; missing: \['alone', 'hit_rate'\]",
    ):
        show(2, zero=1e-9)
    with pytest.raises(ValueError, match=r"unknown: \['hit_rat'\]"):
        show(2, **placeholder_values(2), hit_rat=1)
    with pytest.raises(ValueError, match="chapter 9 has no claims"):
        show(9)
    assert "the map peaks on the side of the other sign in 93%" in str(show(2, hit_rate=0.93, alone=0.1, zero=1e-9))
    assert "computed when section 2.2 is run" in str(show())


def test_measured_sentences_print_rounded_zero_without_sign():
    claim = replace(claim_by_id("fisher"), measured=(lambda a, b, c: f"{a:+.1f}, {b:+.1f}, {c:.0e}",))
    assert claim.measured_sentences(a=-0.02, b=-0.06, c=1e-7) == ["0.0, −0.1, 1\u00a0·\u00a010⁻⁷"]


def test_claims_table_shows_claim_without_measurement_as_open(monkeypatch):
    claim = replace(claim_by_id("purview"), measured=(), evidence=None)
    monkeypatch.setattr(claims, "CLAIMS", (claim,))
    assert "| **open**: On signs, a detector that uses six other scores has a slightly lower AUROC" in str(show(3))


def test_claim_sources_match_bibliography():
    used = {claim.source for claim in claims.load_claims()} | {
        f.source for claim in claims.load_claims() for f in claim.published if f.source
    }
    assert used == set(claims.SOURCES)
    for key, source in claims.SOURCES.items():
        if source.in_bibliography:
            entry = re.search(rf"@\w+{{{key},(.*?)\n}}", BIB, re.S)
            assert entry, f"{key} is not in references.bib"
            number = re.search(r"eprint = {([^}]+)}", entry[1]) or re.search(r"url = {([^}]+)}", entry[1])
            assert source.link.endswith(number[1]), key


def test_claim_sections_exist_in_chapters():
    """The section that a claim names exists in its chapter, if the chapter is in the book."""
    for chapter in CHAPTERS:
        for file in (ROOT / "chapters").glob(f"0{chapter}-*.ipynb"):
            text = file.read_text(encoding="utf-8")
            for claim in claims.load_claims(chapter):
                assert re.search(rf"#+ {re.escape(claim.section)} ", text), (
                    f"{claim.id}: no section {claim.section} in {file.name}"
                )
