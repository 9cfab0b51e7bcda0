"""The ledger keeps its rules, every figure of ours is looked up, and each rule can be broken."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tutorial_lib.instruments import ledger as show
from tutorial_lib.results import ledger, stored

ROOT = Path(__file__).parents[1]
BIB = (ROOT / "chapters" / "references.bib").read_text(encoding="utf-8")
CHAPTERS = sorted({claim.chapter for claim in ledger.claims()})


def live(chapter=None):
    return dict.fromkeys(set().union(*(claim.live for claim in ledger.claims(chapter))), 0.5)


def of(id):
    return next(claim for claim in ledger.claims() if claim.id == id)


def complaints(claim):
    return list(ledger.problems(ledger.sources(), [claim]))


def test_the_ledger_keeps_its_rules():
    assert list(ledger.problems(ledger.sources(), ledger.claims())) == []


@pytest.mark.parametrize(
    ("id", "change", "words"),
    [
        ("purview", {"verdict": "confirmed"}, "'confirmed' is no verdict"),
        ("purview", {"verdict": "open"}, "if and only if nothing was measured"),
        ("purview", {"measures": ()}, "if and only if nothing was measured"),
        ("gradtrust", {"differs": ()}, "must name the parts of the setting that differ"),
        ("contrast", {"differs": ()}, "must name the parts of the setting that differ"),
        ("contrast", {"differs": ("colour",)}, "a setting has the parts network, data"),
        ("contrast", {"verdict": ledger.SEEN}, "and yet the settings differ in network"),
        ("contrast", {"paper": {"network": "VGG-16"}}, "missing: paper's data, paper's training"),
        ("contrast", {"source": "nobody1999"}, "unknown source 'nobody1999'"),
        ("purview", {"published": (ledger.Published("hearsay", "9 %"),)}, "'hearsay' is no certainty"),
        (
            "purview",
            {"published": (ledger.Published("could not be checked", ".664"),)},
            "that could not be checked is not printed",
        ),
        ("purview", {"published": (ledger.Published("the abstract"),)}, "that could not be checked is not printed"),
    ],
)
def test_a_broken_rule_is_named(id, change, words):
    assert not complaints(of(id))
    assert any(words in complaint for complaint in complaints(replace(of(id), **change)))


ROW = {
    "study": "trust",
    "column": "auroc",
    "where": {"kind": "trust", "network": "cifar10/resnet20", "pictures": "fair", "score": "softmax"},
}


@pytest.mark.parametrize(
    ("text", "values", "words"),
    [
        ("{a:.2f}", {}, "every field needs a value"),
        ("{a:.2f}", {"a": ROW, "b": ROW}, "every value a field"),
        ("better in 80% of scenes", {}, "without a number"),
        ("{a:.2f}", {"a": ROW | {"column": "score"}}, "no number in column 'score'"),
        ("{a:.2f}", {"a": ROW | {"column": "aurocs"}}, "no number in column 'aurocs'"),
        ("{a:.2f}", {"a": ROW | {"where": {"kind": "trsut"}}}, "0 rows where {'kind': 'trsut'}; none to look up"),
        ("{a:.2f}", {"a": ROW | {"where": {"kind": "trust"}}}, "say how to take them together"),
        ("{a:.2f}", {"a": ROW | {"study": "trsut"}}, "unknown stored result 'trsut'; the nearest: 'trust'"),
        ("{b:.2f}", {"a": ROW, "b": "a - c"}, "'a - c' holds c"),
        ("{b:.2f}", {"a": ROW, "b": "a.real"}, "'a.real' holds a.real"),
        ("{b:.2f}", {"a": ROW, "b": "max(a, 1)"}, "which is neither a value"),
        ("{a:s}", {"a": ROW}, "format code"),
    ],
)
def test_a_measure_that_does_not_resolve_is_named(text, values, words):
    claim = replace(of("purview"), measures=({"text": text, "values": values},))
    assert any(words in complaint for complaint in complaints(claim)), complaints(claim)


def test_two_claims_of_one_name_are_named():
    claim = of("purview")
    assert "purview: two claims of this name" in ledger.problems(ledger.sources(), [claim, claim])


def test_numbers_are_those_of_the_stored_rows():
    (row,) = stored("trust").where(**ROW["where"])
    assert ledger.lookup(**ROW) == row["auroc"]
    kept = stored("introspection").where(kind="head", trained="clean", head="cross_entropy")
    by_network = {}
    for r in kept:
        by_network.setdefault(r["network"], []).append(r["right"])
    means = [sum(v) / len(v) for v in by_network.values()]
    asked = {
        "study": "introspection",
        "column": "right",
        "where": {"kind": "head", "trained": "clean", "head": "cross_entropy"},
    }
    assert ledger.lookup(**asked, take="mean", by="network") == pytest.approx(sum(means) / len(means))
    assert ledger.lookup(**asked, take="mean") == pytest.approx(sum(r["right"] for r in kept) / len(kept))
    assert len({len(v) for v in by_network.values()}) > 1  # so that the two can differ
    assert ledger.lookup(**asked, take="count") == len(kept) and ledger.lookup(**asked, take="max") == max(
        r["right"] for r in kept
    )
    several = asked | {"where": asked["where"] | {"network": list(by_network)[:2]}}
    assert ledger.lookup(**several, take="count") == sum(len(v) for v in list(by_network.values())[:2])
    assert ledger.arithmetic("100 * (a - b) / 2", {"a": 3.0, "b": 1.0}) == 100


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_claim_is_shown_in_two_columns(chapter):
    are_shown(str(show(chapter, **live(chapter))), ledger.claims(chapter))


def are_shown(shown, claims):
    table, _, folded = shown.partition("\n\n")
    lines = table.splitlines()
    assert len(lines) == 2 + len(claims) and all(line.count("|") == 3 for line in lines)
    for claim, line in zip(claims, lines[2:], strict=True):
        assert (
            f"**{claim.claim}**" in line
            and f"**{claim.verdict}" in line
            and ledger.sources()[claim.source]["link"] in line
        )
        assert all(f"- {part}" in folded for part in claim.differs) and "nan" not in line
        assert all(figure.figure in line for figure in claim.published if figure.figure)
        if claim.verdict == ledger.NOT_OURS:
            assert all(part in line for part in claim.differs)


def test_the_whole_ledger_is_a_count_and_a_folded_table_a_chapter():
    counts, *chapters = re.split(r"(?m)^<details><summary><strong>Chapter ", str(show(**live())))
    assert len(chapters) == len(CHAPTERS)
    for number, part in zip(CHAPTERS, chapters, strict=True):
        head, _, rest = part.partition("\n\n")
        claims = ledger.claims(number)
        assert head.startswith(f"{number}, ") and f": {len(claims)} claims" in head
        are_shown(rest, claims)
        assert all(f", section {claim.section}" in rest for claim in claims)
    of = {line.split(" | ")[0].removeprefix("| "): line.split("|")[2:-1] for line in counts.splitlines()[2:] if line}
    assert set(of) == {claim.verdict for claim in ledger.claims()}
    for verdict, cells in of.items():
        each = [sum(c.chapter == n and c.verdict == verdict for c in ledger.claims()) for n in CHAPTERS]
        assert [int(cell.strip() or 0) for cell in cells] == [*each, sum(each)]


def test_a_verdict_or_some_claims_can_be_asked_for():
    found = str(show(only=ledger.NOT_OURS))
    are_shown(found, [claim for claim in ledger.claims() if claim.verdict == ledger.NOT_OURS])
    are_shown(str(show(only=["purview", "contrast"])), [of("purview"), of("contrast")])
    with pytest.raises(ValueError, match="unknown verdict 'seen'"):
        show(only="seen")
    with pytest.raises(ValueError, match="unknown claim 'purveiw'; the nearest: 'purview'"):
        show(only=["purveiw"])


def test_two_published_figures_that_disagree_both_stand():
    whole = str(show())
    for figure in (
        "86.31 against 79.29",
        "54.90 and 57.55 against 88.03 and 90.73",
        "a figure that could not be checked",
        ".616 and .622",
    ):
        assert figure in whole
    assert ".664" not in whole


def test_what_a_chapter_computes_is_asked_for_by_name():
    with pytest.raises(
        ValueError, match=r"chapter 2 needs values for \['alone', 'found', 'zero'\]; missing: \['alone', 'found'\]"
    ):
        show(2, zero=1e-9)
    with pytest.raises(ValueError, match=r"unknown: \['fuond'\]"):
        show(2, **live(2), fuond=1)
    with pytest.raises(ValueError, match="chapter 9 has no claims"):
        show(9)
    assert "peaks on the other sign's side in 93% of scenes" in str(show(2, found=0.93, alone=0.1, zero=1e-9))
    assert "computed anew whenever section 2.2 runs" in str(show())


def test_nothing_has_no_sign():
    claim = replace(of("fisher"), measures=({"text": "{a:+.1f}, {b:+.1f}, {c:.0e}", "live": ["a", "b", "c"]},))
    assert claim.measured(a=-0.02, b=-0.06, c=1e-7) == ["0.0, -0.1, 1e-07"]


def test_a_claim_without_a_measurement_is_open_never_blank(monkeypatch):
    claim = replace(of("purview"), measures=(), verdict=ledger.OPEN)
    assert not complaints(claim)
    everything = ledger.sources(), [claim]
    monkeypatch.setattr(ledger, "_kept", lambda: everything)
    assert "| **open**: features do as well" in str(show(3))


def test_sources_lead_where_the_bibliography_leads():
    used = {claim.source for claim in ledger.claims()} | {
        f.source for claim in ledger.claims() for f in claim.published if f.source
    }
    assert used == set(ledger.sources())
    for key, source in ledger.sources().items():
        if source.get("bib", True):
            entry = re.search(rf"@\w+{{{key},(.*?)\n}}", BIB, re.S)
            assert entry, f"{key} is not in references.bib"
            number = re.search(r"eprint = {([^}]+)}", entry[1]) or re.search(r"url = {([^}]+)}", entry[1])
            assert source["link"].endswith(number[1]), key


def test_sections_exist():
    """A section that a claim names stands in its chapter, as far as the chapter is in the book."""
    for chapter in CHAPTERS:
        for file in (ROOT / "chapters").glob(f"0{chapter}-*.ipynb"):
            text = file.read_text(encoding="utf-8")
            for claim in ledger.claims(chapter):
                assert re.search(rf"#+ {re.escape(claim.section)} ", text), (
                    f"{claim.id}: no section {claim.section} in {file.name}"
                )


def test_no_number_of_ours_is_written_in_the_ledger():
    for claim in ledger.claims():
        for measure in claim.measures:
            bare = re.sub(r"{[^}]*}", "", measure["text"])
            assert not re.search(r"\d+\s*%|\d?\.\d", bare), f"{claim.id}: a typed number in '{measure['text']}'"
