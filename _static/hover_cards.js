// Hover cards: the entry of a paper, a term or a symbol beside its link, shown while the pointer is on the link or the link has the focus.
// The entries are part of the page, so that nothing is fetched. On a touch screen, a tap follows the link as usual.
document.addEventListener("DOMContentLoaded", () => {
  let open = null, timer;

  // Below the link, or above it near the lower edge of the window, and never beyond the left and right edges.
  function place() {
    if (!open) return;
    const word = open.link.getClientRects()[0], { style } = open.card, box = open.card.getBoundingClientRect();
    const above = word.bottom + 6 + box.height > innerHeight && word.top > innerHeight / 2;
    style.left = `${Math.max(8, Math.min(word.left, document.documentElement.clientWidth - box.width - 8))}px`;
    style.top = `${above ? word.top - 6 - box.height : word.bottom + 6}px`;
  }

  function hide() {
    clearTimeout(timer);
    if (open) open.card.hidden = true;
    open = null;
  }

  function show(link, card) {
    hide();
    open = { link, card };
    card.hidden = false;
    place();
  }

  const delay = (action, wait) => { clearTimeout(timer); timer = setTimeout(action, wait); };

  for (const card of document.querySelectorAll(".hover-card")) {
    // The pointer may move onto the card, for example to read it with a screen magnifier.
    card.addEventListener("pointerenter", () => clearTimeout(timer));
    card.addEventListener("pointerleave", () => delay(hide, 200));
    for (const link of document.querySelectorAll(`article a[href="${CSS.escape(card.dataset.for)}"]`)) {
      link.setAttribute("aria-describedby", card.id);
      link.addEventListener("pointerenter", (event) => event.pointerType === "touch" || delay(() => show(link, card), 200));
      link.addEventListener("pointerleave", () => delay(hide, 200));
      link.addEventListener("focus", () => link.matches(":focus-visible") && show(link, card));
      link.addEventListener("blur", hide);
    }
  }
  addEventListener("keydown", (event) => event.key === "Escape" && hide());
  addEventListener("scroll", place, { passive: true });
});
