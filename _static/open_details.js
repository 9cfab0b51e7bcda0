// What scrolls can be reached by Tab. The theme looks what does when a page is opened and when its window changes, and so misses what
// was folded then: code and tables behind a door, in a hint, in a hidden cell.
document.addEventListener("toggle", () => dispatchEvent(new Event("resize")), true);
// On a phone the contents of a page lie over it. Whoever has chosen a section wants to see it.
document.addEventListener("click", (event) => {
  const link = event.target.closest("#pst-secondary-sidebar-modal a[href^='#']");
  if (link) link.closest("dialog").close();
});
