"""Print all pages of the built book into one PDF with Chromium: ``make pdf``.

The pages are joined in the order of the contents; every id gets the name of its page as a prefix, so that links still
lead to their targets. Advanced sections and hints are open, sliders show their first frame, and plotting code is left
out. The book is printed twice, because the page numbers of the contents are known only after the first time. TeX is not
needed.
"""

import re
import sys
from base64 import b64decode, b64encode
from html import escape
from io import BytesIO
from pathlib import Path
from posixpath import join, normpath
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup
from PIL import Image
from pypdf import PdfReader

import tutorial_lib
from tools import _browser

NAME = "gradients.pdf"
# Buttons, scripts and elements for the screen only; plotting code, which is in the notebooks.
EXCLUDED_SELECTORS = "script, button, .headerlink, .explore .sliders, .explore .spoken, .quiz .score, details.hide.above-input, summary .collapsed"
EXCLUDED_SELECTORS += ", .toctree-wrapper, .tag_setup"
# A4 without its margins, at this scale, is as wide as a page on a screen: a hundred characters of code, five columns of
# the method map.
SCALE, MARGINS = 0.78, {"top": "16mm", "bottom": "17mm", "left": "17mm", "right": "17mm"}
FOOTER = (
    '<div style="width:100%;font:8px sans-serif;color:#555;text-align:center"><span class="pageNumber"></span></div>'
)

STYLE = """
@page{size:A4}
html{font:16px/1.5 "DejaVu Serif",Georgia,serif;color:#111;background:#fff}
body{margin:0} p,li{orphans:3;widows:3} p{margin:.75em 0} ul,ol{margin:.6em 0;padding-left:1.6em} li{margin:.2em 0} li>p{margin:.2em 0} a{color:#00557f;text-decoration:none}
h1,h2,h3,h4,summary,legend,th{font-family:"DejaVu Sans",Helvetica,Arial,sans-serif;line-height:1.25}
h1,h2,h3,h4,summary{break-after:avoid} h1{font-size:1.9em;margin:0 0 1em} h2{font-size:1.4em;margin:1.6em 0 .6em}
h3{font-size:1.15em;margin:1.5em 0 .5em} h4{font-size:1em}
.leaf,.title,.contents{break-before:page}
.title{padding-top:10em;text-align:center} .title h1{font-size:2em;margin-bottom:.4em} .title img{margin:3em 0}
.title .small{font-size:.8em;color:#444;margin:.4em 4em}
.contents a{display:flex;color:inherit;border-bottom:1px dotted #bbb} .contents a::after{content:attr(data-page);margin-left:auto;padding-left:1em}
.contents ul{list-style:none;margin:0;padding:0 0 0 1.4em;font-size:.92em;line-height:1.34} .contents>ul{padding:0;margin-bottom:.8em}
.contents .part{font-weight:bold;margin:.9em 0 .1em;break-after:avoid} .contents>ul>li{break-inside:avoid}
pre,code,kbd{font-family:"DejaVu Sans Mono",Menlo,monospace} code{font-size:.84em}
pre{font-size:12.6px;line-height:1.38;white-space:pre-wrap;overflow-wrap:anywhere;margin:.6em 0;padding:.6em .8em}
.cell_input pre,div.highlight pre{background:#f6f6f4;border-left:3px solid #c9c9c4;break-inside:avoid-page}
.cell_output pre{background:none;border:0;padding-left:.8em} pre code{font-size:1em}
img,svg,video{max-width:100%!important;min-width:0!important;height:auto;break-inside:avoid}
figure,.described,.quiz fieldset,.admonition{break-inside:avoid} figure{margin:1em 0} figcaption{font-size:.88em}
.described,.screen,.pst-scrollable-table-container{overflow:visible!important}
table{border-collapse:collapse;font-size:.86em;margin:.9em 0;line-height:1.35} tr{break-inside:avoid} thead{display:table-header-group}
th,td{border-bottom:1px solid #ccc;padding:.25em .6em .25em 0;text-align:left;vertical-align:top} thead th{border-bottom:2px solid #888}
td p,th p{margin:0} .text-right{text-align:right} .text-center{text-align:center}
blockquote{margin:1em 0;padding:.1em 1em;border-left:4px solid #7fa8c4;background:#f4f8fb} .execution-stats{font-size:.85em;color:#444}
details ul{font-size:.92em} details{margin:.8em 0;padding:.1em 0 .1em .9em;border-left:3px solid #ddd} details>summary{list-style:none;font-size:.9em;font-weight:600}
dl.field-list{display:grid;grid-template-columns:fit-content(30%) 1fr} dd{margin-left:1.5em} dt{font-weight:600}
#polls{font-size:.9em} .leaf .quiz{max-width:none;font-size:.88em} .leaf .quiz :is(label,.feedback){padding-block:.15em} .leaf .quiz .feedback{margin-bottom:.25em}
.citation{display:flex;gap:.8em;margin:.4em 0;font-size:.9em;break-inside:avoid} .citation .label{flex:0 0 6.5em} .citation p{margin:0}
.citation .backrefs{display:none} .section-number{color:#555} mjx-container{break-inside:avoid}
"""
# Wait for the formulas; then scale down whatever is wider than the paper.
FIT_SCRIPT = """async () => {
  if (window.MathJax?.startup) { await MathJax.startup.promise; await document.fonts.ready; }
  for (const image of document.images) await image.decode().catch(() => {});
  for (const box of document.querySelectorAll('mjx-container[display="true"], table')) {
    const available = box.parentElement.clientWidth, wide = box.scrollWidth;
    if (available && wide > available + 1) box.style.zoom = Math.max(0.4, available / wide);
  }
  return [...document.querySelectorAll('.math')].filter(math => !math.querySelector('mjx-container')).length;
}"""


def contents(root):
    """Return (caption or None, pages) for every part of the contents; the first page comes first."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    return [(None, [toc["root"]])] + [
        (part["caption"], [entry["file"] for entry in part["chapters"]]) for part in toc["parts"]
    ]


def anchor_id(page, anchor=""):
    """Return the id of a page, or of an element of a page, in the PDF."""
    return page.rpartition("/")[2] + (f"--{anchor}" if anchor else "")


def printable(source):
    """Return an image as PNG (few colors) or JPEG (photographs), which a PDF stores unchanged, unlike WebP."""
    head, _, data = source.partition(",")
    if not head.startswith("data:image/webp"):
        return source
    image, encoded = Image.open(BytesIO(b64decode(data))).convert("RGB"), {}
    for form, how in {"png": {}, "jpeg": {"quality": 88, "subsampling": 0}}.items():
        image.save(stream := BytesIO(), form, **how)
        encoded[form] = stream.getvalue()
    form = "png" if len(encoded["png"]) < 1.5 * len(encoded["jpeg"]) else "jpeg"
    return f"data:image/{form};base64,{b64encode(encoded[form]).decode()}"


def target(page, address, pages):
    """Return the target of a link in the PDF: unchanged outside of the book, None for a page that is not printed."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return address
    path = normpath(join(page.rpartition("/")[0], unquote(parts.path))) if parts.path else f"{page}.html"
    linked_page = path.removesuffix(".html")
    return f"#{anchor_id(linked_page, unquote(parts.fragment))}" if linked_page in pages else None


def page_html(html, page, pages):
    """Return the article of a built page, with ids and links that are valid in the joined document."""
    article = BeautifulSoup((html / f"{page}.html").read_text(encoding="utf-8"), "html.parser").find("article")
    for element in article.select(EXCLUDED_SELECTORS):
        element.decompose()
    for element in article.find_all("details"):
        element["open"] = ""
    # Not inside an SVG, whose styles refer to its parts by id.
    for attribute in ("id", "for", "name", "aria-labelledby", "aria-describedby"):
        for element in article.find_all(attrs={attribute: True}):
            if element.name != "svg" and not element.find_parent("svg"):
                element[attribute] = " ".join(anchor_id(page, word) for word in element[attribute].split())
    for link in article.find_all("a", href=True):
        link["href"] = target(page, link["href"], pages)
        if link["href"] is None:
            link.unwrap()
    for image in article.find_all("img"):
        if not image["src"].startswith("data:"):
            image["src"] = (html / page).parent.joinpath(unquote(image["src"])).resolve().as_uri()
        image["src"] = printable(image["src"])
    article["id"], article["class"] = anchor_id(page), "leaf"
    return article


def toc_entry(place, title, numbers):
    """Return one line of the contents as HTML."""
    return f'<a href="#{place}" data-page="{numbers.get(place, "")}"><span>{escape(title)}</span></a>'


def table(parts, leaves, numbers):
    """Return the table of contents as HTML: parts, pages, and the sections of numbered chapters."""
    lines = ['<nav class="contents" aria-label="Contents"><h1>Contents</h1>']
    for caption, pages in parts:
        lines += [f'<p class="part">{escape(caption)}</p>' if caption else "", "<ul>"]
        for page in pages:
            inner = ""
            if re.fullmatch(r"\d+-.*", anchor_id(page)):
                sections = [
                    (s["id"], s.find(["h2", "h3"], recursive=False)) for s in leaves[page].find_all("section", id=True)
                ]
                inner = "".join(
                    f"<li>{toc_entry(place, h.get_text(), numbers)}</li>"
                    for place, h in sections
                    if h and re.match(r"\d\.\w ", h.get_text())
                )
            title = leaves[page].find("h1").get_text()
            lines.append(f"<li>{toc_entry(anchor_id(page), title, numbers)}{f'<ul>{inner}</ul>' if inner else ''}</li>")
        lines.append("</ul>")
    return "\n".join([*lines, "</nav>"])


def assemble_html(root, numbers, leaves):
    """Return the whole book as one HTML page."""
    parts, html = contents(root), root / "_build" / "html"
    first = leaves[parts[0][1][0]]
    settings = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    cover, subtitle = first.find("img"), first.find("strong")
    static = (html / "_static").as_uri()
    head = f'<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>{escape(settings["title"])}</title>'
    head += f'<link rel="stylesheet" href="{static}/pygments.css"><style>{STYLE}</style>'
    head += '<script>window.MathJax={options:{enableMenu:false,ignoreHtmlClass:"tex2jax_ignore",processHtmlClass:"math|output_area"}}</script>'
    head += f'<script src="{static}/mathjax/tex-chtml.js"></script></head><body>'
    title = f'<header class="title"><h1>{escape(settings["title"])}</h1><p>{escape(subtitle.get_text()) if subtitle else ""}</p>'
    title += f'<img src="{cover["src"]}" alt="{escape(cover.get("alt", ""))}">' if cover else ""
    title += f'<p class="small">The printed course, version {tutorial_lib.__version__}, from the last build of its pages. A figure with sliders is shown in its '
    title += "initial state. The interactive figures, the plotting code and the reference of the library are on the pages of the book and in the notebooks.</p>"
    title += f'<p class="small">{escape(settings["html"]["extra_footer"])}</p></header>'
    return head + title + table(parts, leaves, numbers) + "\n".join(map(str, leaves.values())) + "</body></html>"


def print_pdf(page, path):
    """Print an HTML file to a PDF file."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise SystemExit("make pdf needs playwright, which `make book` installs") from None
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=_browser.find_browser(), args=_browser.BROWSER_FLAGS)
        except Error as error:
            raise SystemExit(
                "make pdf needs Chromium, and no browser could be started. On Debian: apt install chromium. Elsewhere:\n"
                f"{sys.executable} -m playwright install chromium, or name a browser: CHROMIUM=/path/to/chrome make pdf\n({error.message.splitlines()[0]})"
            ) from None
        tab = browser.new_page(viewport={"width": round(176 / 25.4 * 96 / SCALE), "height": 1100}, color_scheme="light")
        tab.emulate_media(media="print")
        tab.set_default_timeout(180_000)
        tab.goto(page.as_uri())
        if raw := tab.evaluate(FIT_SCRIPT):
            raise SystemExit(
                f"{raw} formulas were not rendered: is _build/html/_static/mathjax complete? make clean book"
            )
        paper = {
            "format": "A4",
            "margin": MARGINS,
            "scale": SCALE,
            "print_background": True,
            "outline": True,
            "tagged": True,
        }
        tab.pdf(path=path, display_header_footer=True, header_template="<span></span>", footer_template=FOOTER, **paper)
        browser.close()


def page_numbers(path):
    """Return {id: page number} for every link target of a PDF; pages count from 1."""
    reader = PdfReader(path)
    number = {page.indirect_reference.idnum: i for i, page in enumerate(reader.pages, 1)}
    return {place.lstrip("/"): number[target.page.idnum] for place, target in reader.named_destinations.items()}


def make(root, target):
    """Print the built book of ``root`` into the folder ``target``, and return the path of the PDF."""
    html = root / "_build" / "html"
    if not (html / "index.html").is_file():
        raise SystemExit(f"{html} does not exist yet: make book")
    pages = [page for _, pages in contents(root) for page in pages]
    leaves = {page: page_html(html, page, set(pages)) for page in pages}
    target.mkdir(parents=True, exist_ok=True)
    draft, path, numbers = target / "gradients.html", target / NAME, {}
    for _ in range(2):
        draft.write_text(assemble_html(root, numbers, leaves), encoding="utf-8")
        print_pdf(draft, path)
        numbers = page_numbers(path)
    draft.unlink()
    return path


if __name__ == "__main__":
    root_dir = Path(__file__).resolve().parent.parent
    pdf = make(root_dir, root_dir / "_build")
    print(f"{pdf}: {len(PdfReader(pdf).pages)} pages, {pdf.stat().st_size / 1e6:.0f} MB")
