import pytest
from docutils import nodes
from docutils.utils import new_document

from docs_ext.cell_titles import label_collapsed_cells, name_toggles


def cell(code, hide_mode="input"):
    """A document with one code cell, as myst-nb reads it."""
    document = new_document("page")
    container = nodes.container(nb_element="cell_code", hide_mode=hide_mode, prompt_show="Show", prompt_hide="Hide")
    container += nodes.container("", nodes.literal_block(code, code), nb_element="cell_code_source")
    document += container
    return document, container


def test_label_collapsed_cells_moves_title_to_bar():
    document, container = cell("# @title Accuracy against rotation angle\nx = 1\ny = 2")
    label_collapsed_cells(None, document)
    assert container["prompt_show"] == "Accuracy against rotation angle · code"
    assert container["prompt_hide"] == "Accuracy against rotation angle · hide code"
    block = next(document.findall(nodes.literal_block))
    assert block.astext() == block.rawsource == "x = 1\ny = 2"


@pytest.mark.parametrize("code, hide_mode", [("x = 1\n# @title Later", "input"), ("# @title Shown\nx = 1", "")])
def test_label_collapsed_cells_leaves_other_cells(code, hide_mode):
    document, container = cell(code, hide_mode)
    label_collapsed_cells(None, document)
    assert container["prompt_show"] == "Show" and next(document.findall(nodes.literal_block)).astext() == code


def test_name_toggles_leaves_text_of_bar_as_name():
    context = {"body": '<summary aria-label="Toggle hidden content">\n<p>Title · code</p>'}
    name_toggles(None, "page", "page.html", context, None)
    assert context["body"] == "<summary>\n<p>Title · code</p>"
