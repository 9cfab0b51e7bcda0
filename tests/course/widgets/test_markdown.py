import pytest
import torch

from tutorial_course.widgets import markdown


def test_markdown_fills_fields():
    sentence = markdown("Better in {share:.0%} of {n:,} scenes.", share=torch.tensor(0.256), n=1200)
    assert str(sentence) == repr(sentence) == sentence._repr_markdown_() == "Better in 26% of 1,200 scenes."


@pytest.mark.parametrize("values", [{}, {"share": 1, "more": 2}])
def test_markdown_rejects_mismatched_fields_and_values(values):
    with pytest.raises(ValueError, match="every field needs a value"):
        markdown("Better in {share:.0%}.", **values)
