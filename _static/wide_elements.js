// Figures, tables and formulas that are wider than the page scroll in their own box. While one of them does, it has a shadow at the edges
// where it continues, and it is a named group that the keyboard can reach and scroll.
document.addEventListener("DOMContentLoaded", () => {
  const kinds = [[".described, .screen", "figure"], [".pst-scrollable-table-container", "table"], ["mjx-container[display]", "formula"]];

  function mark(box) {
    const hidden = box.scrollWidth - box.clientWidth;
    box.classList.toggle("more-left", hidden > 1 && box.scrollLeft > 1);
    box.classList.toggle("more-right", hidden > 1 && box.scrollLeft < hidden - 1);
  }

  const resized = new ResizeObserver((entries) => {
    for (const { target: box } of entries) {
      box.style.setProperty("--height", `${box.clientHeight}px`);
      mark(box);
      if (box.matches(".more-left, .more-right")) {
        box.tabIndex = 0;
        box.setAttribute("role", "group");
        box.setAttribute("aria-label", box.dataset.label);
      } else {
        box.removeAttribute("role");
        box.removeAttribute("aria-label");
        if (!box.matches("mjx-container")) box.removeAttribute("tabindex");
      }
    }
  });

  function watch() {
    for (const [selector, kind] of kinds)
      document.querySelectorAll(`article :is(${selector})`).forEach((box, i) => {
        if (box.dataset.label) return;
        box.dataset.label = `Wide ${kind} ${i + 1}, which scrolls sideways`;
        box.addEventListener("scroll", () => mark(box), { passive: true });
        resized.observe(box);
      });
  }

  watch();
  // Formulas are drawn after the page has been loaded.
  new MutationObserver(watch).observe(document.body, { childList: true, subtree: true });
});
