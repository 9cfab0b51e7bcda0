// Paper is white: who reads in the dark theme prints in the light one, and reads on in the dark.
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
