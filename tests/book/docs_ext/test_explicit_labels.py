import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.docutils import docutils_namespace

FIRST = """# First

[later](#section-1-2), [other](second.md#section-2-1), [third](second.md#third-part)

<a id="section-1-2"></a>
## 1.2 Any wording

Text.

```{toctree}
second
```
"""
SECOND = """# Second

Text.

<a id="section-2-1"></a>
## 2.1 Another wording

[back](index.md#section-1-2)

(third-part)=
## Part with a label of MyST
"""


def build(folder, pages):
    """Build pages with MyST and the extension, warnings being errors, and return their HTML."""
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    settings = {
        "extensions": ["myst_parser", "docs_ext.explicit_labels"],
        "html_theme": "basic",
        "myst_heading_anchors": 3,
    }
    with docutils_namespace():
        Sphinx(
            folder, None, folder / "out", folder / "cache", "html", settings, None, None, warningiserror=True
        ).build()
    return {name: BeautifulSoup((folder / "out" / f"{name}.html").read_text("utf-8"), "html.parser") for name in pages}


def test_explicit_labels_are_targets_inside_and_between_pages(tmp_path):
    html = build(tmp_path, {"index": FIRST, "second": SECOND})
    for name, label in (("index", "section-1-2"), ("second", "section-2-1")):
        target = html[name].find(id=label)
        assert target.find_parent("section").find("h2") and not html[name].find("a", id=label)
    links = {link.text: link["href"] for page in html.values() for link in page.find_all("a", href=True)}
    assert links["later"] == "#section-1-2" and links["other"] == "second.html#section-2-1"
    assert links["back"] == "index.html#section-1-2" and links["third"] == "second.html#third-part"


@pytest.mark.parametrize(
    "text, problem",
    [
        ('# T\n\n## A\n\nText.\n\n<a id="last"></a>', "must stand directly above a heading"),
        ('# T\n\n<a id="one"></a>\n## A\n\n<a id="one"></a>\n## B', "used twice"),
    ],
)
def test_explicit_labels_reject_misplaced_anchor(tmp_path, text, problem):
    with pytest.raises((SphinxError, ValueError), match=problem):
        build(tmp_path, {"index": text})
