"""Tests that the PDF of a book of two pages is complete, with everything expanded, linked and inside the margins."""

import re
import shutil
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from PIL import Image
from pypdf import PdfReader

import tutorial_lib
from tools import make_pdf

LONG = "x = [" + ", ".join(f"number_{i}" for i in range(40)) + "]"
PAGE = "<html><body><nav>a sidebar</nav><article>{}</article><footer>a footer</footer></body></html>"
FIRST = """<section id="first"><h1>First page<a class="headerlink" href="#first">#</a></h1>
<p><strong>A subtitle</strong></p>{image}
<p>See <a href="01-second.html#deep">the deep section</a>, <a href="#first">this page</a>,
<a href="nowhere.html">a page that is not printed</a>
and <a href="https://example.org/x">another host</a>.</p>
<details class="hide above-input"><summary>Show code</summary><pre>drawing_code()</pre></details>
<details><summary>Hint</summary><p>The text of the hint.</p></details><script>let secret = 1</script>
<div class="live live-below" data-exhibit="hue"><p>In your browser, turn a slider.</p></div></section>"""
SECOND = """<section id="first"><h1><span class="section-number">1. </span>Second page</h1>
<section id="one"><h2>1.1 A section<a class="headerlink" href="#one">#</a></h2>
<p>A formula <span class="math">\\(\\frac{{a}}{{b}}\\)</span>.</p>
<pre>{long}</pre><figure class="explore"><img alt="A dot on white." src="{image}">
<figcaption>Shown for size 1.</figcaption><div class="sliders">a slider</div></figure>
<svg aria-labelledby="t" width="20" height="20"><title id="t">A square</title>
<rect id="r" width="9" height="9"/></svg></section>
<section id="deep"><h2>Unnumbered</h2><p style="height:1500px">Far down.</p><p>The end.</p></section></section>"""


def webp(photograph):
    """Return an image as a data URI: of one color, or with the grain of a photograph."""
    image = Image.effect_noise((200, 150), 80).convert("RGB") if photograph else Image.new("RGB", (200, 150), "white")
    image.save(stream := BytesIO(), "webp", quality=90)
    return f"data:image/webp;base64,{b64encode(stream.getvalue()).decode()}"


@pytest.fixture(scope="module")
def root_dir(tmp_path_factory):
    """Return a folder with two built pages."""
    root_dir = tmp_path_factory.mktemp("book")
    chapters, static = root_dir / "_build" / "html" / "chapters", root_dir / "_build" / "html" / "_static"
    chapters.mkdir(parents=True)
    shutil.copytree(Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax", static / "mathjax")
    (root_dir / "_toc.yml").write_text(
        "root: chapters/intro\nparts:\n  - caption: A part\n    chapters:\n      - file: chapters/01-second\n",
        encoding="utf-8",
    )
    (root_dir / "_config.yml").write_text("title: A book by hand\nhtml: {extra_footer: A licence}\n", encoding="utf-8")
    (root_dir / "_build" / "html" / "index.html").touch()
    cover = f'<img alt="Grain, all over." src="{webp(True)}">'
    (chapters / "intro.html").write_text(PAGE.format(FIRST.format(image=cover)), encoding="utf-8")
    (chapters / "01-second.html").write_text(PAGE.format(SECOND.format(image=webp(False), long=LONG)), encoding="utf-8")
    return root_dir


@pytest.fixture(scope="module")
def pdf_reader(root_dir, chromium_path, tmp_path_factory):
    return PdfReader(in_a_thread(make_pdf.make, root_dir, tmp_path_factory.mktemp("paper")))


def in_a_thread(function, *arguments):
    """Call a function in another thread, because it starts a browser while the tests share one in this thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result()


def page_texts(pdf_reader):
    return [" ".join(page.extract_text().split()) for page in pdf_reader.pages]


def titles(outline):
    return [title for entry in outline for title in (titles(entry) if isinstance(entry, list) else [entry.title])]


def test_pdf_contains_title_contents_and_every_page(pdf_reader):
    pages = page_texts(pdf_reader)
    assert len(pages) == 5  # the last page is longer than a sheet
    assert (
        "A book by hand A subtitle" in pages[0]
        and f"version {tutorial_lib.__version__}" in pages[0]
        and "A licence" in pages[0]
    )
    assert pages[1].startswith("Contents") and "A part" in pages[1]
    assert pages[2].startswith("First page") and pages[3].startswith("1. Second page") and "The end." in pages[4]
    assert [title for title in titles(pdf_reader.outline) if title != "Contents"] == [
        "A book by hand",
        "First page",
        "1. Second page",
        "1.1 A section",
        "Unnumbered",
    ]


def structure(node):
    """Return the tags of a PDF in order, (tag, description)."""
    node = node.get_object()
    children = node if isinstance(node, list) else node.get("/K", []) if isinstance(node, dict) else []
    own = [(node["/S"], node.get("/Alt"))] if isinstance(node, dict) and "/S" in node else []
    return own + [tag for child in (children if isinstance(children, list) else [children]) for tag in structure(child)]


def test_pdf_has_title_language_and_tagged_structure(pdf_reader):
    root = pdf_reader.trailer["/Root"]
    assert (pdf_reader.metadata.title, root["/Lang"]) == ("A book by hand", "en")
    assert root["/MarkInfo"]["/Marked"] and root["/ViewerPreferences"]["/DisplayDocTitle"]
    tags = structure(root["/StructTreeRoot"]["/K"])
    assert {"/H1", "/H2", "/P", "/L", "/LI", "/Link", "/Art", "/Caption"} <= {tag for tag, _ in tags}
    descriptions = {description for tag, description in tags if tag == "/Figure" and description}
    assert descriptions == {"Grain, all over.", "A dot on white.", r"\frac{a}{b}"}


def test_pdf_contents_list_correct_page_numbers(pdf_reader):
    numbers = dict(re.findall(r"(First page|Second page|1\.1 A section) (\d+)", page_texts(pdf_reader)[1]))
    assert numbers == {"First page": "3", "Second page": "4", "1.1 A section": "4"}
    assert [page.rsplit(" ", 1)[1] for page in page_texts(pdf_reader)] == ["1", "2", "3", "4", "5"]


def test_pdf_expands_details_and_omits_screen_elements(pdf_reader):
    text = " ".join(page_texts(pdf_reader))
    assert "The text of the hint." in text and "Shown for size 1." in text
    assert not any(omitted in text for omitted in ("drawing_code", "secret", "a slider", "a sidebar", "a footer", "#"))


def test_pdf_wraps_long_code_and_renders_formulas(pdf_reader):
    text = "".join(page_texts(pdf_reader)[3].split())
    assert LONG.replace(" ", "") in text and "\\frac" not in text


def test_pdf_links_resolve_to_pages_and_urls(pdf_reader):
    number = {page.indirect_reference.idnum: i for i, page in enumerate(pdf_reader.pages, 1)}
    links = [link.get_object() for link in pdf_reader.pages[2]["/Annots"]]
    inner = [number[pdf_reader.named_destinations[str(link["/Dest"])].page.idnum] for link in links if "/Dest" in link]
    assert sorted(inner) == [3, 4] and [link["/A"]["/URI"] for link in links if "/A" in link] == [
        "https://example.org/x"
    ]


def test_page_html_prefixes_ids_except_inside_svg(root_dir):
    pages = {"chapters/intro", "chapters/01-second"}
    first, second = (
        make_pdf.page_html(root_dir / "_build" / "html", page, pages)
        for page in ("chapters/intro", "chapters/01-second")
    )
    assert first.section["id"] == "intro--first" and second.section["id"] == "01-second--first"
    assert second.svg["aria-labelledby"] == "t" and second.svg.title["id"] == "t" and first.details.has_attr("open")


def test_printable_converts_photos_to_jpeg_and_drawings_to_png():
    assert make_pdf.printable(webp(True)).startswith("data:image/jpeg") and make_pdf.printable(webp(False)).startswith(
        "data:image/png"
    )
    assert make_pdf.printable("x.png") == "x.png"


def test_print_pdf_fails_on_unrendered_formulas(chromium_path, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(str(BeautifulSoup('<p class="math">\\(x\\)</p>', "html.parser")), encoding="utf-8")
    with pytest.raises(SystemExit, match="1 formulas were not rendered"):
        in_a_thread(make_pdf.print_pdf, page, tmp_path / "page.pdf")


def test_print_pdf_without_browser_explains_installation(tmp_path, monkeypatch):
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "no-browser"))
    with pytest.raises(SystemExit, match="apt install chromium"):
        in_a_thread(make_pdf.print_pdf, tmp_path / "page.html", tmp_path / "page.pdf")


def test_make_pdf_without_book_names_make_book(tmp_path):
    with pytest.raises(SystemExit, match="make book"):
        make_pdf.make(tmp_path, tmp_path)
