// Cards: the entry of a paper, a word or a symbol beside the link to it, for who points at it or comes to it by Tab. The entries stand in
// the page, so nothing is fetched. A finger has nothing to point with: a tap follows the link as ever.
document.addEventListener("DOMContentLoaded", () => {
  let shown = null, later;

  // Below the link, or above it where the screen ends, and never beyond the sides.
  function place() {
    if (!shown) return;
    const word = shown.link.getClientRects()[0], { style } = shown.card, box = shown.card.getBoundingClientRect();
    const above = word.bottom + 6 + box.height > innerHeight && word.top > innerHeight / 2;
    style.left = `${Math.max(8, Math.min(word.left, document.documentElement.clientWidth - box.width - 8))}px`;
    style.top = `${above ? word.top - 6 - box.height : word.bottom + 6}px`;
  }

  function hide() {
    clearTimeout(later);
    if (shown) shown.card.hidden = true;
    shown = null;
  }

  function show(link, card) {
    hide();
    shown = { link, card };
    card.hidden = false;
    place();
  }

  const soon = (act, wait) => { clearTimeout(later); later = setTimeout(act, wait); };

  for (const card of document.querySelectorAll(".term-card")) {
    // The pointer may go on to the card, to read it under a magnifying glass.
    card.addEventListener("pointerenter", () => clearTimeout(later));
    card.addEventListener("pointerleave", () => soon(hide, 200));
    for (const link of document.querySelectorAll(`article a[href="${CSS.escape(card.dataset.for)}"]`)) {
      link.setAttribute("aria-describedby", card.id);
      link.addEventListener("pointerenter", (event) => event.pointerType === "touch" || soon(() => show(link, card), 200));
      link.addEventListener("pointerleave", () => soon(hide, 200));
      link.addEventListener("focus", () => link.matches(":focus-visible") && show(link, card));
      link.addEventListener("blur", hide);
    }
  }
  addEventListener("keydown", (event) => event.key === "Escape" && hide());
  addEventListener("scroll", place, { passive: true });
});
