"""Frames drawn beforehand and sliders to turn them by, as HTML that asks nothing of a kernel or of another host.

Without scripts a reader sees the first frame and a line that says where its sliders stand. With them the sliders appear: plain
``<input type=range>``, so arrow keys, Home and End work as everywhere. Frames stand on white; all else has the page's colours.
"""

import json
from collections.abc import Sequence
from html import escape
from itertools import product
from typing import NamedTuple

MAX_BYTES = 2_000_000

_STYLE = """<style>
.explore{position:relative;margin:1em 0;color:inherit}
.explore .screen{overflow-x:auto}
.explore .dials{display:grid;grid-template-columns:fit-content(45%) minmax(5em,22em) minmax(3em,max-content);gap:.5em .8em;
 align-items:center;margin-top:.6em;font-size:.95em}
.explore .dials[hidden]{display:none}
.explore .dials label{display:contents}
.explore .dials input{width:100%;min-height:1.6em;margin:0;accent-color:#0072B2}
.explore .dials output{font-variant-numeric:tabular-nums}
.explore figcaption{margin:.5em 0 0;font-size:.9em;color:inherit;text-align:left}
.explore .spoken{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media (max-width:600px){.explore .screen img{min-width:0!important}}
@media (max-height:500px){.explore .screen img{max-height:50vh;width:auto!important;min-width:0!important}}
@media print{.explore .dials input{display:none}}
</style>"""

# Every player carries the same script, which wakes the players that are still asleep: no player needs a name of its own.
_SCRIPT = """<script>
for (const store of document.querySelectorAll('figure.explore > script[type="application/json"]:not([data-awake])')) {
  store.dataset.awake = "";
  const player = store.parentElement, data = JSON.parse(store.textContent);
  const [image, dials, spoken] = ["img", ".dials", ".spoken"].map(part => player.querySelector(part));
  const inputs = [...dials.querySelectorAll("input")], outputs = [...dials.querySelectorAll("output")];
  let later;
  const show = () => {
    const place = inputs.reduce((sum, input, i) => sum * data.labels[i].length + input.valueAsNumber, 0);
    image.src = data.pictures[data.frames[place][0]];
    image.alt = data.frames[place][1];
    inputs.forEach((input, i) => {
      outputs[i].textContent = data.labels[i][input.valueAsNumber];
      input.setAttribute("aria-valuetext", outputs[i].textContent);
    });
  };
  // Read aloud once the slider rests, not at every step on the way.
  const speak = () => { clearTimeout(later); later = setTimeout(() => { spoken.textContent = image.alt; }, 400); };
  dials.addEventListener("input", () => { show(); speak(); });
  // A browser may remember where the sliders stood before the page was loaded again.
  inputs.forEach((input, i) => { input.value = data.start[i]; });
  show();
  dials.hidden = false;
  player.querySelector("figcaption").hidden = true;
}
</script>"""


class Frame(NamedTuple):
    """A drawn figure: a data URI, its alternative text, its width in CSS pixels."""

    image: str
    alt: str
    width: int

    def html(self) -> str:
        # On a phone a wide figure scrolls rather than shrinks until nobody can read it.
        size = f"width:{self.width}px;min-width:{round(0.72 * self.width)}px;max-width:100%;height:auto"
        image = f'<img src="{self.image}" alt="{escape(self.alt)}" style="{size};background:white;border-radius:6px">'
        return f'<div class="screen" tabindex="0" style="overflow-x:auto">{image}</div>'


def static_fallback(frame: Frame, labels: dict[str, Sequence[str]], start: Sequence[int], more: str = "") -> str:
    """One frame and a line that says where its sliders stand.

    Args:
        labels: by the name of each slider, what its positions are called.
        start: the position of each slider in this frame.
        more: HTML that follows.
    """
    stand = " and ".join(f"{name} {called[at]}" for (name, called), at in zip(labels.items(), start, strict=True))
    caption = f"<figcaption>Shown for {escape(stand)}. In the notebook, sliders move it.</figcaption>"
    return f'<figure class="explore">{frame.html()}{caption}{more}</figure>'


def slider_html(frames: Sequence[Frame], labels: dict[str, Sequence[str]], start: Sequence[int]) -> str:
    """All frames of one figure, and sliders that choose among them.

    Args:
        frames: for every combination of positions, the last slider's changing fastest.
        labels, start: as in :func:`still`.

    Raises:
        ValueError: the player weighs too much for a page.
    """
    images = list(dict.fromkeys(frame.image for frame in frames))
    numbers = {image: i for i, image in enumerate(images)}
    data = {
        "labels": list(labels.values()),
        "start": start,
        "frames": [[numbers[frame.image], frame.alt] for frame in frames],
        "pictures": images,
    }
    # Four letters of base64 carry three bytes, and whoever serves the page compresses them back to three.
    if (weight := sum(map(len, images)) * 3 // 4) > MAX_BYTES:
        raise ValueError(
            f"{len(images)} frames of {weight / len(images) / 1000:.0f} kB weigh {weight / 1e6:.1f} MB together, "
            f"and a player may weigh {MAX_BYTES / 1e6:.0f} MB; take fewer values, a smaller figure, or fewer lines in it"
        )
    # `<` would let a text end the script that carries it.
    store = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    dials = "".join(_slider_html(name, called, at) for (name, called), at in zip(labels.items(), start, strict=True))
    more = (
        f'<div class="dials" hidden>{dials}</div><div class="spoken" aria-live="polite"></div>'
        f'<script type="application/json">{store}</script>{_SCRIPT}'
    )
    places = list(product(*(range(len(called)) for called in labels.values())))
    return _STYLE + static_fallback(frames[places.index(tuple(start))], labels, start, more)


def _slider_html(name: str, called: Sequence[str], at: int) -> str:
    name, value = escape(name), escape(called[at])
    return (
        f'<label><span>{name}</span><input type="range" min="0" max="{len(called) - 1}" value="{at}" autocomplete="off" '
        f'aria-label="{name}" aria-valuetext="{value}"><output aria-hidden="true">{value}</output></label>'
    )
