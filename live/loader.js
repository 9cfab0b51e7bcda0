// Adds a button to every live exhibit of a page. Nothing else is loaded before a reader presses it, and nothing from another host.
// The files are classic scripts, because a page that was opened from a folder may load nothing else.
(() => {
  "use strict";
  const SHARED = ["engine.js", "weights.js", "images.js", "worker.js", "rendering.js", "elements.js", "exhibit.js"];
  // What one exhibit needs in addition: the corrupted images and the images of novel classes.
  const OWN = { norms: ["unusual.js"] };
  const folder = document.currentScript.src.replace(/[^/]*$/, "");
  let loading = null;

  function load(file) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      // With `async = false`, scripts run in the order in which they were added.
      Object.assign(script, { src: folder + file, async: false, onload: resolve, onerror: reject });
      document.head.append(script);
    });
  }

  function addButton(host) {
    const bar = document.createElement("div"),
      button = document.createElement("button"),
      status = document.createElement("span");
    bar.className = "live-start";
    button.type = "button";
    button.textContent = "Run the network in this page (up to 0.5 MB)";
    status.setAttribute("role", "status");
    bar.append(button, status);
    host.append(bar);
    button.addEventListener("click", async () => {
      button.disabled = true;
      status.textContent = "Loading the network …";
      try {
        loading ??= Promise.all(SHARED.map(load));
        await loading;
        const { exhibit } = host.dataset;
        await Promise.all([...(OWN[exhibit] ?? []), `exhibits/${exhibit}.js`].map(load));
        await LiveExhibits.start(host);
        bar.remove();
        // The button had the keyboard focus.
        host.querySelector(".live-controls :is(select, input)").focus({ preventScroll: true });
      } catch (error) {
        console.warn(error);
        loading = null;
        button.disabled = false;
        status.textContent =
          "The network could not be loaded, therefore the figure stays as it is. Check that the folder _static/live is beside this page.";
      }
    });
  }

  function start() {
    document.querySelectorAll(".live[data-exhibit]").forEach(addButton);
    const name = /^#live=([a-z]+)/.exec(location.hash)?.[1];
    if (name) document.querySelector(`.live[data-exhibit="${name}"]`)?.scrollIntoView();
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
