"""Precomputed frames of a figure with sliders, as HTML that needs neither a kernel nor another host.

Without scripts the page shows the first frame and the positions of its sliders. With scripts the sliders are plain
``<input type=range>``, so that the arrow keys, Home and End work as usual. Frames have a white background; everything
else has the colors of the page.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from html import escape
from itertools import product
from typing import NamedTuple

MAX_BYTES = 2_000_000

_STYLE = """<style>
.explore{position:relative;margin:1em 0;color:inherit}
.explore .screen{overflow-x:auto}
.explore .sliders{display:grid;grid-template-columns:fit-content(45%) minmax(5em,22em) minmax(3em,max-content);
 gap:.5em .8em;align-items:center;margin-top:.6em;font-size:.95em}
.explore .sliders[hidden]{display:none}
.explore .sliders label{display:contents}
.explore .sliders input{width:100%;min-height:1.6em;margin:0;accent-color:#0072B2}
.explore .sliders output{font-variant-numeric:tabular-nums}
.explore .sliders select{width:max-content;max-width:100%;padding:.2em .4em;font:inherit}
.explore .sliders select+output{visibility:hidden}
.explore figcaption{margin:.5em 0 0;font-size:.9em;color:inherit;text-align:left}
.explore .spoken{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media screen and (max-width:600px){.explore .sliders select{grid-column:2/-1}
 .explore .sliders select+output{display:none}}
@media print{.explore .sliders :is(input,select){display:none}.explore .sliders select+output{visibility:visible}}
</style>"""

# Every figure contains the same script, which starts the figures that have not been started: no figure needs an id.
_SCRIPT = """<script>
for (const store of document.querySelectorAll('figure.explore > script[type="application/json"]:not([data-awake])')) {
  store.dataset.awake = "";
  const figure = store.parentElement, data = JSON.parse(store.textContent);
  const [image, sliders, spoken] = ["img", ".sliders", ".spoken"].map(part => figure.querySelector(part));
  const inputs = [...sliders.querySelectorAll("input, select")], outputs = [...sliders.querySelectorAll("output")];
  let later;
  const show = () => {
    const place = inputs.reduce((sum, input, i) => sum * data.labels[i].length + Number(input.value), 0);
    image.src = data.images[data.frames[place][0]];
    image.alt = data.frames[place][1];
    inputs.forEach((input, i) => {
      outputs[i].textContent = data.labels[i][input.value];
      if (input.type === "range") input.setAttribute("aria-valuetext", outputs[i].textContent);
    });
  };
  // The text is read aloud once the slider rests, not at every step on the way.
  const speak = () => { clearTimeout(later); later = setTimeout(() => { spoken.textContent = image.alt; }, 400); };
  sliders.addEventListener("input", () => { show(); speak(); });
  // A browser may restore the positions that the sliders had before the page was loaded again.
  inputs.forEach((input, i) => { input.value = data.start[i]; });
  show();
  sliders.hidden = false;
  figure.querySelector("figcaption").hidden = true;
}
</script>"""


class Frame(NamedTuple):
    """One frame of a figure.

    Attributes:
        image: the image as a data URI.
        alt: the alternative text.
        width: width in CSS pixels.
        min_width: the width in CSS pixels below which the image scrolls, because its text would be too small.
    """

    image: str
    alt: str
    width: int
    min_width: int

    def html(self) -> str:
        """Return the frame as HTML.

        Returns:
            An image in a box that scrolls where the page is narrower than the image.
        """
        size = f"width:{self.width}px;min-width:{self.min_width}px;max-width:100%;height:auto"
        image = f'<img src="{self.image}" alt="{escape(self.alt)}" style="{size};background:white;border-radius:6px">'
        return f'<div class="screen" tabindex="0" style="overflow-x:auto">{image}</div>'


def static_fallback(frame: Frame, labels: Mapping[str, Sequence[str]], start: Sequence[int], more: str = "") -> str:
    """Return one frame with a caption that states the positions of its sliders.

    Args:
        frame: the frame.
        labels: by the name of each slider, the labels of its values.
        start: index of the value of each slider in this frame.
        more: HTML that follows the caption.

    Returns:
        HTML without sliders.
    """
    values = " and ".join(f"{name} {texts[at]}" for (name, texts), at in zip(labels.items(), start, strict=True))
    text = f"Shown for {escape(values)}. In the notebook, you can change these settings with sliders."
    caption = f"<figcaption>{text}</figcaption>"
    return f'<figure class="explore">{frame.html()}{caption}{more}</figure>'


def slider_html(
    frames: Sequence[Frame],
    labels: Mapping[str, Sequence[str]],
    start: Sequence[int],
    menus: Collection[str] = (),
) -> str:
    """Return all frames of a figure with sliders that select among them.

    Args:
        frames: a frame for every combination of values; the value of the last slider changes fastest.
        labels: by the name of each slider, the labels of its values.
        start: index of the value of each slider in the frame that is shown first.
        menus: names of the options that are chosen from a menu instead of a slider.

    Returns:
        HTML with a script.

    Raises:
        ValueError: the frames take more than ``MAX_BYTES``.
    """
    images = list(dict.fromkeys(frame.image for frame in frames))
    numbers = {image: i for i, image in enumerate(images)}
    data = {
        "labels": list(labels.values()),
        "start": start,
        "frames": [[numbers[frame.image], frame.alt] for frame in frames],
        "images": images,
    }
    # Four characters of base64 encode three bytes, and the compression of the server removes the difference.
    if (n_bytes := sum(map(len, images)) * 3 // 4) > MAX_BYTES:
        raise ValueError(
            f"{len(images)} frames of {n_bytes / len(images) / 1000:.0f} kB take {n_bytes / 1e6:.1f} MB together, "
            f"and a figure may take {MAX_BYTES / 1e6:.0f} MB; take fewer values, a smaller figure, or fewer lines in it"
        )
    # A `<` in a text could end the script element that contains it.
    store = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    sliders = "".join(
        (_menu_html if name in menus else _slider_html)(name, texts, at)
        for (name, texts), at in zip(labels.items(), start, strict=True)
    )
    more = (
        f'<div class="sliders" hidden>{sliders}</div><div class="spoken" aria-live="polite"></div>'
        f'<script type="application/json">{store}</script>{_SCRIPT}'
    )
    positions = list(product(*(range(len(texts)) for texts in labels.values())))
    # The script changes the image and not its width, which must suit the frame with the smallest text.
    first = frames[positions.index(tuple(start))]._replace(min_width=max(frame.min_width for frame in frames))
    return _STYLE + static_fallback(first, labels, start, more)


def _slider_html(name: str, texts: Sequence[str], at: int) -> str:
    """One slider as HTML."""
    name, value = escape(name), escape(texts[at])
    return (
        f'<label><span>{name}</span><input type="range" min="0" max="{len(texts) - 1}" value="{at}" autocomplete="off" '
        f'aria-label="{name}" aria-valuetext="{value}"><output aria-hidden="true">{value}</output></label>'
    )


def _menu_html(name: str, texts: Sequence[str], at: int) -> str:
    """One menu as HTML."""
    options = "".join(
        f'<option value="{i}"{" selected" if i == at else ""}>{escape(text)}</option>' for i, text in enumerate(texts)
    )
    return (
        f'<label><span>{escape(name)}</span><select autocomplete="off" aria-label="{escape(name)}">{options}</select>'
        f'<output aria-hidden="true">{escape(texts[at])}</output></label>'
    )
