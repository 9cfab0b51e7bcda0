"""The ledger of claims follows its rules, its values are looked up in stored results, and each rule can be broken."""

import re
from dataclasses import replace
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


def validation_errors(claim):
    return list(claims.validate_ledger(claims.load_sources(), [claim]))


def test_validate_ledger_finds_no_problems():
    assert list(claims.validate_ledger(claims.load_sources(), claims.load_claims())) == []


@pytest.mark.parametrize(
    ("id", "change", "words"),
    [
        ("purview", {"verdict": "confirmed"}, "unknown verdict 'confirmed'"),
        ("purview", {"verdict": "open"}, "if and only if nothing was measured"),
        ("purview", {"measures": ()}, "if and only if nothing was measured"),
        ("gradtrust", {"differs": ()}, "must name the parts of the setting that differ"),
        ("contrast", {"differs": ()}, "must name the parts of the setting that differ"),
        ("contrast", {"differs": ("colour",)}, "a setting has the parts network, data"),
        ("contrast", {"verdict": claims.CONFIRMED_IN_PAPER_SETTING}, "and yet the settings differ in network"),
        ("contrast", {"paper": {"network": "VGG-16"}}, "missing: paper's data, paper's training"),
        ("contrast", {"source": "nobody1999"}, "unknown source 'nobody1999'"),
        ("purview", {"published": (claims.Published("hearsay", "9 %"),)}, "unknown certainty 'hearsay'"),
        (
            "purview",
            {"published": (claims.Published("could not be checked", ".664"),)},
            "that could not be checked is not printed",
        ),
        ("purview", {"published": (claims.Published("the abstract"),)}, "that could not be checked is not printed"),
    ],
)
def test_validate_ledger_names_each_broken_rule(id, change, words):
    assert not validation_errors(claim_by_id(id))
    assert any(words in complaint for complaint in validation_errors(replace(claim_by_id(id), **change)))


ROW = {
    "study": "trust_score",
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
        ("{a:.2f}", {"a": ROW | {"study": "trsut"}}, "unknown stored result 'trsut'; the nearest: 'trust_score'"),
        ("{b:.2f}", {"a": ROW, "b": "a - c"}, "'a - c' holds c"),
        ("{b:.2f}", {"a": ROW, "b": "a.real"}, "'a.real' holds a.real"),
        ("{b:.2f}", {"a": ROW, "b": "max(a, 1)"}, "which is neither an earlier value"),
        ("{a:s}", {"a": ROW}, "format code"),
    ],
)
def test_validate_ledger_names_unresolvable_measures(text, values, words):
    claim = replace(claim_by_id("purview"), measures=({"text": text, "values": values},))
    assert any(words in complaint for complaint in validation_errors(claim)), validation_errors(claim)


def test_validate_ledger_reports_duplicate_claim_ids():
    claim = claim_by_id("purview")
    assert "purview: two claims of this name" in claims.validate_ledger(claims.load_sources(), [claim, claim])


def test_lookup_value_aggregates_stored_rows():
    where = "kind == 'trust' and network == 'cifar10/resnet20' and pictures == 'fair' and score == 'softmax'"
    assert claims.lookup_value(**ROW) == load_result("trust_score").query(where)["auroc"].item()
    table = load_result("introspection_signs")
    rows = table.query("kind == 'head' and trained == 'clean' and head == 'cross_entropy'").to_dict("records")
    by_network = {}
    for r in rows:
        by_network.setdefault(r["network"], []).append(r["right"])
    means = [sum(v) / len(v) for v in by_network.values()]
    query = {
        "study": "introspection_signs",
        "column": "right",
        "where": {"kind": "head", "trained": "clean", "head": "cross_entropy"},
    }
    assert claims.lookup_value(**query, take="mean", group_by="network") == pytest.approx(sum(means) / len(means))
    assert claims.lookup_value(**query, take="mean") == pytest.approx(sum(r["right"] for r in rows) / len(rows))
    assert len({len(v) for v in by_network.values()}) > 1  # otherwise the two means would be equal
    assert claims.lookup_value(**query, take="count") == len(rows) and claims.lookup_value(**query, take="max") == max(
        r["right"] for r in rows
    )
    several = query | {"where": query["where"] | {"network": list(by_network)[:2]}}
    assert claims.lookup_value(**several, take="count") == sum(len(v) for v in list(by_network.values())[:2])
    assert claims.evaluate_formula("100 * (a - b) / 2", {"a": 3.0, "b": 1.0}) == 100


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_claims_table_shows_every_claim_in_two_columns(chapter):
    assert_table_lists_claims(str(show(chapter, **placeholder_values(chapter))), claims.load_claims(chapter))


def assert_table_lists_claims(markdown, claim_list):
    table, _, folded = markdown.partition("\n\n")
    lines = table.splitlines()
    assert len(lines) == 2 + len(claim_list) and all(line.count("|") == 3 for line in lines)
    for claim, line in zip(claim_list, lines[2:], strict=True):
        assert (
            f"**{claim.claim}**" in line
            and f"**{claim.verdict}" in line
            and claims.load_sources()[claim.source]["link"] in line
        )
        assert all(f"- {part}" in folded for part in claim.differs) and "nan" not in line
        assert all(figure.figure in line for figure in claim.published if figure.figure)
        if claim.verdict == claims.NOT_CONFIRMED_HERE:
            assert all(part in line for part in claim.differs)


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
        "86.31 against 79.29",
        "54.90 and 57.55 against 88.03 and 90.73",
        "a figure that could not be checked",
        ".616 and .622",
    ):
        assert figure in whole
    assert ".664" not in whole


def test_claims_table_requires_exactly_the_measured_values():
    with pytest.raises(
        ValueError, match=r"chapter 2 needs values for \['alone', 'found', 'zero'\]; missing: \['alone', 'found'\]"
    ):
        show(2, zero=1e-9)
    with pytest.raises(ValueError, match=r"unknown: \['fuond'\]"):
        show(2, **placeholder_values(2), fuond=1)
    with pytest.raises(ValueError, match="chapter 9 has no claims"):
        show(9)
    assert "peaks on the other sign's side in 93% of scenes" in str(show(2, found=0.93, alone=0.1, zero=1e-9))
    assert "computed whenever section 2.2 runs" in str(show())


def test_measured_sentences_print_rounded_zero_without_sign():
    claim = replace(claim_by_id("fisher"), measures=({"text": "{a:+.1f}, {b:+.1f}, {c:.0e}", "live": ["a", "b", "c"]},))
    assert claim.measured_sentences(a=-0.02, b=-0.06, c=1e-7) == ["0.0, -0.1, 1e-07"]


def test_claims_table_shows_claim_without_measurement_as_open(monkeypatch):
    claim = replace(claim_by_id("purview"), measures=(), verdict=claims.OPEN)
    assert not validation_errors(claim)
    everything = claims.load_sources(), [claim]
    monkeypatch.setattr(claims, "_load_ledger", lambda: everything)
    assert "| **open**: features do as well" in str(show(3))


def test_claim_sources_match_bibliography():
    used = {claim.source for claim in claims.load_claims()} | {
        f.source for claim in claims.load_claims() for f in claim.published if f.source
    }
    assert used == set(claims.load_sources())
    for key, source in claims.load_sources().items():
        if source.get("bib", True):
            entry = re.search(rf"@\w+{{{key},(.*?)\n}}", BIB, re.S)
            assert entry, f"{key} is not in references.bib"
            number = re.search(r"eprint = {([^}]+)}", entry[1]) or re.search(r"url = {([^}]+)}", entry[1])
            assert source["link"].endswith(number[1]), key


def test_claim_sections_exist_in_chapters():
    """The section that a claim names exists in its chapter, if the chapter is in the book."""
    for chapter in CHAPTERS:
        for file in (ROOT / "chapters").glob(f"0{chapter}-*.ipynb"):
            text = file.read_text(encoding="utf-8")
            for claim in claims.load_claims(chapter):
                assert re.search(rf"#+ {re.escape(claim.section)} ", text), (
                    f"{claim.id}: no section {claim.section} in {file.name}"
                )


def test_ledger_file_contains_no_typed_results():
    for claim in claims.load_claims():
        for measure in claim.measures:
            bare = re.sub(r"{[^}]*}", "", measure["text"])
            assert not re.search(r"\d+\s*%|\d?\.\d", bare), f"{claim.id}: a typed number in '{measure['text']}'"
