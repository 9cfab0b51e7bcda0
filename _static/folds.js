// What scrolls can be reached by Tab. The theme looks what does when a page is opened and when its window changes, and so misses what
// was folded then: code and tables behind a door, in a hint, in a hidden cell.
document.addEventListener("toggle", () => dispatchEvent(new Event("resize")), true);
