"""The page of a report: one HTML file with its images inside, without links to other hosts."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO

import numpy as np
from PIL import Image
from torch import Tensor

THUMBNAIL = 150
BLUE, ORANGE = np.array([0, 114, 178]) / 255, np.array([213, 94, 0]) / 255
STYLE = """
:root { color-scheme: light dark; --text: #1b1b1b; --back: #ffffff; --soft: #f1f3f5; --line: #8a8f94; --link: #0b5394; }
@media (prefers-color-scheme: dark) {
  :root { --text: #ececec; --back: #17191c; --soft: #24282c; --line: #8a9096; --link: #8ec5ff; }
}
body { margin: 0 auto; padding: 1rem; max-width: 62rem; font: 1rem/1.55 system-ui, sans-serif; color: var(--text);
  background: var(--back); }
h1 { font-size: 1.7rem; } h2 { margin-top: 2.2rem; border-bottom: 1px solid var(--line); } a { color: var(--link); }
.note { background: var(--soft); border-left: 4px solid var(--line); padding: 0.4rem 0.9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 0.8rem 0; }
caption { text-align: left; font-weight: 600; padding: 0.3rem 0; }
th, td { border: 1px solid var(--line); padding: 0.3rem 0.6rem; text-align: left; vertical-align: top; }
thead th { background: var(--soft); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1rem; list-style: none;
  padding: 0; }
.cards li { border: 1px solid var(--line); border-radius: 6px; padding: 0.7rem; overflow-wrap: anywhere; }
.cards img { width: 9rem; height: 9rem; object-fit: contain; background: #ffffff; }
.cards h3 { font-size: 1rem; margin: 0 0 0.4rem; } .cards p { margin: 0.3rem 0; }
"""


def image_tag(pixels: np.ndarray, alt: str) -> str:
    """Return an image as an HTML element that contains its pixels.

    Args:
        pixels: the image (H, W, 3) in [0, 1].
        alt: what the image shows.

    Returns:
        The element.
    """
    image = Image.fromarray((255 * np.clip(pixels, 0, 1)).round().astype(np.uint8))
    if max(image.size) > THUMBNAIL:
        image.thumbnail((THUMBNAIL, THUMBNAIL))
    stream = BytesIO()
    image.save(stream, "WEBP", quality=85)
    return f'<img src="data:image/webp;base64,{b64encode(stream.getvalue()).decode()}" alt="{escape(alt)}">'


def overlay(image: Tensor, values: Tensor) -> np.ndarray:
    """Return an image in gray with its map in color: orange where it is positive, blue where it is negative.

    Args:
        image: the image (3, H, W) in [0, 1].
        values: the map (H, W).

    Returns:
        The colored image (H, W, 3) in [0, 1].
    """
    gray = 0.45 + 0.55 * image.mean(0).numpy()[..., None]
    strength = (values / values.abs().max().clamp(min=1e-12)).numpy()[..., None]
    return gray * (1 - np.abs(strength)) + np.abs(strength) * np.where(strength > 0, ORANGE, BLUE)


def table(caption: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an HTML table whose first column holds the headings of the rows.

    Args:
        caption: what the table shows.
        headings: heading of each column.
        rows: the cells of each row, as text.

    Returns:
        The table, which scrolls if the screen is narrow.
    """
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
        for first, *cells in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def paragraph(text: str) -> str:
    """Return a paragraph.

    Args:
        text: the text.

    Returns:
        The HTML element.
    """
    return f"<p>{escape(text)}</p>"


def note(text: str) -> str:
    """Return a paragraph with a limitation, which is set apart.

    Args:
        text: the text.

    Returns:
        The HTML element.
    """
    return f'<p class="note"><strong>Limitation.</strong> {escape(text)}</p>'


def section(title: str, *parts: str) -> str:
    """Return a section of the page.

    Args:
        title: its heading.
        *parts: its content, as HTML.

    Returns:
        The HTML element.
    """
    name = title.lower().replace(" ", "-")
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{escape(title)}</h2>{"".join(parts)}</section>'


def page(title: str, sections: Sequence[str]) -> str:
    """Return a complete HTML page.

    Args:
        title: its title.
        sections: its sections, as HTML.

    Returns:
        The page. It loads nothing from another host, and follows the light or dark theme of the reader.
    """
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1>{''.join(sections)}</main></body></html>\n"
    )
