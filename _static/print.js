// Print in the light theme, and return to the dark one afterwards.
(() => {
  const page = document.documentElement;
  let theme = null;
  function print(begins) {
    if (begins && page.dataset.theme === "dark") [theme, page.dataset.theme] = ["dark", "light"];
    else if (!begins && theme) [page.dataset.theme, theme] = [theme, null];
  }
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  matchMedia("print").addEventListener("change", (media) => print(media.matches));
})();
