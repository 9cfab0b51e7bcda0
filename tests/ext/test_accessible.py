"""What makes the pages leaves two things without a word; both get one, and nothing else changes."""

import accessible

ENTRY = '<li><a href="api.html">API</a><details><summary><span class="toctree-toggle" role="presentation"></span></summary><ul></ul></details></li>'


def test_arrows_of_the_sidebar_have_a_name():
    named = accessible.name_arrows(ENTRY)
    assert '<summary aria-label="Pages below this one"><span class="toctree-toggle"' in named
    assert accessible.name_arrows(named) == named


def test_other_folds_keep_their_words():
    hint = "<details><summary>Hint</summary>Look.</details>"
    assert accessible.name_arrows(hint) == hint


def test_entries_of_the_bibliography_are_items_of_its_list():
    made = accessible.mend_list(
        '<div role="list" class="citation-list"><div class="citation" id="a" role="doc-biblioentry">A.</div></div>'
    )
    assert 'id="a" role="listitem"' in made
    assert accessible.mend_list('<div role="doc-biblioentry">A.</div>') == '<div role="doc-biblioentry">A.</div>'
