"""Tests that a line does not begin with the punctuation after a formula."""

from docs_ext import formula_punctuation

FORMULA = r'<span class="math notranslate nohighlight">\(p < q\)</span>'
TERM = f'<a class="term reference internal" href="x.html">{FORMULA}</a>'


def test_formula_and_punctuation_are_in_one_span():
    for formula in (FORMULA, TERM):
        together = f'In <span class="text-nowrap">{formula}).</span> And {formula} {formula}'
        assert formula_punctuation.keep_together(f"In {formula}). And {formula} {formula}") == together


def test_punctuation_elsewhere_is_unchanged():
    html = f"<p>{FORMULA} is small, {TERM}</p>. <code>x</code>."
    assert formula_punctuation.keep_together(html) == html
