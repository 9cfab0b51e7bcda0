import pandas as pd
import pytest
import torch

from tutorial_course.findings import format_interval, format_percent, markdown_table
from tutorial_course.findings.intervals import Interval

ROWS = [{"score": "energy", "auroc": 0.912, "n": 40}, {"score": "a | b", "auroc": None, "n": 5}]


@pytest.mark.parametrize(
    "fraction, decimals, text",
    [
        (0, 0, "0%"),
        (1, 0, "100%"),
        (0.1264, 1, "12.6%"),
        (-0.5, 0, "−50%"),
        (-0.001, 0, "0%"),
        (torch.tensor(0.25), 0, "25%"),
    ],
)
def test_format_percent_writes_fraction_as_percentage(fraction, decimals, text):
    assert format_percent(fraction, decimals) == text


def test_format_interval_writes_mean_and_both_ends():
    assert format_interval(0.1, -0.05, 0.254) == "0.10 (−0.05 to 0.25)"
    assert format_interval(*torch.tensor([0.5, 0.4, 0.6]), ".0%") == "50% (40% to 60%)"
    assert format_interval(0, -0.001, 0, "+.2f") == "0.00 (0.00 to 0.00)"


@pytest.mark.parametrize("low, high", [(0.6, 0.4), (float("nan"), 1.0)])
def test_format_interval_rejects_reversed_or_undefined_interval(low, high):
    with pytest.raises(ValueError, match="low ≤ high, got low = "):
        format_interval(0.5, low, high)


def test_markdown_table_shows_chosen_columns_with_headings_and_formats():
    table = markdown_table(ROWS, {"auroc": "AUROC", "score": "score"}, {"auroc": ".2f"})
    assert table.splitlines() == ["| AUROC | score |", "|--:|---|", "| 0.91 | energy |", "| – | a \\| b |"]
    assert table._repr_markdown_() == str(table)


def test_markdown_table_shows_all_columns_of_the_first_row_by_default():
    assert markdown_table(ROWS).splitlines()[0] == "| score | auroc | n |"
    assert markdown_table(ROWS, ["n"]).splitlines() == ["| n |", "|--:|", "| 40 |", "| 5 |"]


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_markdown_table_accepts_data_frame(missing):
    frame = pd.DataFrame({"score": ["energy", "a | b"], "auroc": [0.912, missing], "n": [40, 5]}, index=[7, 3])
    formats = {"auroc": ".3f"}
    assert markdown_table(frame, number_formats=formats) == markdown_table(ROWS, number_formats=formats)


def test_markdown_table_applies_one_format_to_all_numbers_but_not_to_text():
    rows = [{"score": "energy", "gain": Interval(0.1, -0.05, 0.254), "auroc": 0.912}, {"score": "MSP", "auroc": None}]
    lines = ["| energy | +0.10 (−0.05 to +0.25) | +0.91 |", "| MSP | – | – |"]
    assert markdown_table(rows, number_formats="+.2f").splitlines()[2:] == lines
    assert markdown_table(rows, number_formats={"gain": "+.2f", "auroc": "+.2f"}).splitlines()[2:] == lines


def test_markdown_table_rejects_missing_rows_and_unknown_columns():
    with pytest.raises(ValueError, match="at least one row"):
        markdown_table([], ["score"])
    with pytest.raises(ValueError, match=r"no row has the columns \['aurok'\]; there are \['score', 'auroc', 'n'\]"):
        markdown_table(ROWS, ["score", "aurok"])
