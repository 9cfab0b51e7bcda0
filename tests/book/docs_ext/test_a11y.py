"""Tests of the accessible names that the theme leaves out."""

from docs_ext import a11y

ENTRY = (
    '<li><a href="api.html">API</a><details><summary><span class="toctree-toggle" role="presentation"></span></summary>'
    "<ul></ul></details></li>"
)


def test_label_toctree_toggles_adds_accessible_name():
    labeled = a11y.label_toctree_toggles(ENTRY)
    assert '<summary aria-label="Pages below this one"><span class="toctree-toggle"' in labeled
    assert a11y.label_toctree_toggles(labeled) == labeled


def test_label_toctree_toggles_leaves_other_summaries_unchanged():
    hint = "<details><summary>Hint</summary>Look.</details>"
    assert a11y.label_toctree_toggles(hint) == hint


def test_fix_bibliography_roles_marks_entries_as_list_items():
    body = a11y.fix_bibliography_roles(
        '<div role="list" class="citation-list"><div class="citation" id="a" role="doc-biblioentry">A.</div></div>'
    )
    assert 'id="a" role="listitem"' in body
    assert a11y.fix_bibliography_roles('<div role="doc-biblioentry">A.</div>') == '<div role="doc-biblioentry">A.</div>'
