// Elements that scroll must be reachable by Tab. The theme looks for them when a page is opened and when its window is resized, and so
// misses those that were collapsed then: code and tables in advanced sections, in hints and in hidden cells.
document.addEventListener("toggle", () => dispatchEvent(new Event("resize")), true);
// On a phone the contents of a page cover it. Close them once a section has been chosen.
document.addEventListener("click", (event) => {
  const link = event.target.closest("#pst-secondary-sidebar-modal a[href^='#']");
  if (link) link.closest("dialog").close();
});
