"""Tests of the list of pages for programs."""

from types import SimpleNamespace

from docutils.core import publish_doctree

from docs_ext import llms_txt

PAGES = {
    "start": "Start\n=====\n\nNo sentence here:\n\nA course with e.g. two\npages. More text.",
    "one": "One\n===\n\n1.5 is a number. It is first.",
    "two": "Two\n===\n\n- no\n- sentence",
    "three": "Three\n=====\n\n   **Question.** *It fails. Why?*\n\nText.",
}


def test_listing_follows_the_table_of_contents_with_first_sentences():
    trees = {name: publish_doctree(text) for name, text in PAGES.items()}
    titles = {name: SimpleNamespace(astext=lambda name=name: name.capitalize()) for name in PAGES}
    env = SimpleNamespace(titles=titles, toctree_includes={"start": ["two", "one", "three"]}, get_doctree=trees.get)
    assert llms_txt.listing(env, "start").splitlines() == [
        "# Start",
        "",
        "> A course with e.g. two pages.",
        "",
        "## Pages",
        "",
        "- [Two](two.html)",
        "- [One](one.html): 1.5 is a number.",
        "- [Three](three.html): It fails. Why?",
    ]


def test_llms_txt_lists_every_page_of_the_book(book):
    text = (book / "llms.txt").read_text(encoding="utf-8")
    pages = [path.relative_to(book).as_posix() for path in (book / "chapters").glob("*.html")]
    assert [page for page in pages if f"]({page})" not in text and page != "chapters/introduction.html"] == []
