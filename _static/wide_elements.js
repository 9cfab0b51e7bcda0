// Figures, tables and formulas that are wider than the page scroll in their own box. While one of them does, it has a shadow at the edges
// where it continues, and it is a named group that the keyboard can reach and scroll. Rows with long texts are stacked on a phone.
document.addEventListener("DOMContentLoaded", () => {
  const kinds = [[".described, .screen", "figure"], [".pst-scrollable-table-container", "table"], ["mjx-container[display]", "formula"]];

  function mark(box) {
    const hidden = box.scrollWidth - box.clientWidth;
    box.classList.toggle("more-left", hidden > 1 && box.scrollLeft > 1);
    box.classList.toggle("more-right", hidden > 1 && box.scrollLeft < hidden - 1);
  }

  // Intervals such as "(0.90 to 0.92)", counts such as "3 of 4", settings such as "s = −6" and names such as "ResNet-20" stay on one line.
  const interval = /(\([^\s()]+ to [^\s()]+\)|\(?\d+ of \d+\)?|[^\s\d] = [−\d.]+|[+−]?[\d.]+%? (?:[±/]|to) [+−]?[\d.]+%?|\bnetwork \d\b|\b\w+-\d+\b)/;

  function wrapIntervals(box) {
    const texts = document.createTreeWalker(box, NodeFilter.SHOW_TEXT, (text) => interval.test(text.data) ? NodeFilter.FILTER_ACCEPT : NodeFilter.FILTER_SKIP);
    const found = [];
    while (texts.nextNode()) found.push(texts.currentNode);
    for (const text of found)
      text.replaceWith(...text.data.split(interval).map((part, i) => (i % 2 ? Object.assign(document.createElement("span"), { className: part.includes(" of ") ? "count" : "interval", textContent: part }) : part)));
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
        if (kind === "table") wrapIntervals(box);
        box.dataset.label = `Wide ${kind} ${i + 1}, which scrolls sideways`;
        box.addEventListener("scroll", () => mark(box), { passive: true });
        resized.observe(box);
      });
  }

  // On a phone, the rows of a table with long texts in many columns are stacked, and every cell repeats the heading of its column. The
  // roles keep the meaning of the elements, which the browser would drop with their display.
  for (const table of document.querySelectorAll("article table.table")) {
    const headings = [...table.querySelectorAll("thead th")].map((heading) => heading.textContent.trim());
    const cells = [...table.querySelectorAll("tbody td")];
    const long = cells.filter((cell) => cell.textContent.length > 40);
    if (headings.length < 5 || long.length < cells.length / 3) continue;
    table.classList.add("stacks");
    for (const cell of cells) cell.dataset.heading = headings[cell.cellIndex];
    const roles = { table: [table], rowgroup: table.querySelectorAll("thead, tbody"), row: table.rows, columnheader: table.querySelectorAll("th"), cell: cells };
    for (const [role, elements] of Object.entries(roles)) for (const element of elements) element.setAttribute("role", role);
  }

  watch();
  // Formulas are drawn after the page has been loaded.
  new MutationObserver(watch).observe(document.body, { childList: true, subtree: true });
});
