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
EXCLUDED_SELECTORS = (
    "script, button, .headerlink, .explore .sliders, .explore .spoken, .quiz .score, details.hide.above-input, "
    "summary .collapsed, .toctree-wrapper, .tag_setup, .section-notebook, .live-below"
)
# A4 without its margins, at this scale, is as wide as a page on a screen: a hundred characters of code, five columns of
# the method map.
SCALE, MARGINS = 0.78, {"top": "16mm", "bottom": "17mm", "left": "17mm", "right": "17mm"}
FOOTER = (
    '<div style="width:100%;font:8px sans-serif;color:#555;text-align:center"><span class="pageNumber"></span></div>'
)

STYLE = (Path(__file__).parent / "templates" / "pdf.css").read_text(encoding="utf-8")
# Wait for the formulas, and give each its TeX code as a description for screen readers. Each also gets a space, because
# its glyphs are not text, and Chromium omits an element without text from the structure of the PDF. Then scale down
# whatever is wider than the paper.
FIT_SCRIPT = """async () => {
  if (window.MathJax?.startup) { await MathJax.startup.promise; await document.fonts.ready; }
  for (const { math, typesetRoot } of window.MathJax?.startup?.document?.math ?? []) {
    typesetRoot.setAttribute("role", "img");
    typesetRoot.setAttribute("aria-label", math.trim());
    typesetRoot.insertAdjacentHTML("afterbegin", '<span style="position: absolute">&nbsp;</span>');
  }
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
    name = escape(settings["title"])
    head = f'<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>{name}</title>'
    head += f'<link rel="stylesheet" href="{static}/pygments.css"><style>{STYLE}</style>'
    head += '<script>window.MathJax={options:{enableMenu:false,ignoreHtmlClass:"tex2jax_ignore",'
    head += 'processHtmlClass:"math|output_area"}}</script>'
    head += f'<script src="{static}/mathjax/tex-chtml.js"></script></head><body>'
    title = f'<header class="title"><h1>{name}</h1><p>{escape(subtitle.get_text()) if subtitle else ""}</p>'
    title += f'<img src="{cover["src"]}" alt="{escape(cover.get("alt", ""))}">' if cover else ""
    title += f"""<p class="small">The printed course, version {tutorial_lib.__version__}, from the last build of its
pages. A figure with sliders is shown in its initial state. The interactive figures, the plotting code and the reference
of the library are on the pages of the book and in the notebooks.</p>"""
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
                "make pdf needs Chromium, but no browser could be started. Install it on Debian with `apt install "
                f"chromium`, elsewhere with `{sys.executable} -m playwright install chromium`, or name a browser:\n"
                f"CHROMIUM=/path/to/chrome make pdf\n({error.message.splitlines()[0]})"
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
