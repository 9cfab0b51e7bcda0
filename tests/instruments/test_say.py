import pytest
import torch

from tutorial_lib.instruments import say


def test_numbers_enter_a_sentence():
    sentence = say("Better in {share:.0%} of {n:,} scenes.", share=torch.tensor(0.256), n=1200)
    assert str(sentence) == repr(sentence) == sentence._repr_markdown_() == "Better in 26% of 1,200 scenes."


@pytest.mark.parametrize("values", [{}, {"share": 1, "more": 2}])
def test_fields_and_values_must_match(values):
    with pytest.raises(ValueError, match="every field needs a value"):
        say("Better in {share:.0%}.", **values)
