// Adds a button to every live exhibit of a page. Nothing else is loaded before a reader presses it, and nothing from another host.
// The files are classic scripts, because a page that was opened from a folder may load nothing else.
(() => {
  "use strict";
  const SHARED = ["engine.js", "weights.js", "images.js", "worker.js", "rendering.js", "elements.js", "exhibit.js"];
  // What one exhibit needs in addition: the corrupted images and the images of novel classes.
  const OWN = { norms: ["unusual.js"] };
  const folder = document.currentScript.src.replace(/[^/]*$/, ""),
    linked = /^#live=([a-z]+)/.exec(location.hash)?.[1],
    loaded = {};

  function load(file) {
    return (loaded[file] ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      // With `async = false`, scripts run in the order in which they were added.
      Object.assign(script, { src: folder + file, async: false, onload: resolve, onerror: reject });
      document.head.append(script);
    }));
  }

  function addButton(host) {
    const bar = document.createElement("div"),
      button = document.createElement("button"),
      status = document.createElement("span");
    bar.className = "live-start";
    button.type = "button";
    button.textContent = "Run the network in this page (up to 0.5 MB)";
    status.setAttribute("role", "status");
    if (host.dataset.exhibit === linked) status.textContent = "Your link contains a state of this figure. Run the network to see it.";
    bar.append(button, status);
    host.append(bar);
    button.addEventListener("click", async () => {
      button.disabled = true;
      status.textContent = "Loading the network …";
      try {
        const { exhibit } = host.dataset;
        await Promise.all([...SHARED, ...(OWN[exhibit] ?? []), `exhibits/${exhibit}.js`].map(load));
        await LiveExhibits.start(host);
        bar.remove();
        // The button had the keyboard focus.
        host.querySelector(".live-controls :is(select, input)").focus({ preventScroll: true });
      } catch (error) {
        console.warn(error);
        for (const file of Object.keys(loaded)) delete loaded[file];
        button.disabled = false;
        status.textContent =
          "The network could not be loaded, so the figure stays as it is. Check that the folder _static/live is beside this page.";
      }
    });
  }

  function start() {
    document.querySelectorAll(".live[data-exhibit]").forEach(addButton);
    if (linked) document.querySelector(`.live[data-exhibit="${linked}"]`)?.scrollIntoView();
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
