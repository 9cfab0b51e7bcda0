// Advanced sections: everything below "Go deeper" in a chapter is collapsed until the reader opens it.
// Without this script it is open, like any other section. It opens for printing and for every link to a place inside it.
(() => {
  "use strict";
  const NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

  function titles(sections) {
    return sections.map((section) => {
      const heading = section.querySelector("h3").cloneNode(true);
      heading.querySelectorAll(".headerlink").forEach((link) => link.remove());
      return heading.textContent.trim();
    });
  }

  function collapse(part) {
    const sections = [...part.querySelectorAll(":scope > section")];
    // The heading and the text below it stay visible; cells and sections move into the details element.
    const advanced = [...part.children].slice([...part.children].findIndex((child) => child.matches("section, .cell")));
    if (!sections.length || !advanced.length) return null;
    const details = document.createElement("details");
    const summary = details.appendChild(document.createElement("summary"));
    const label = summary.appendChild(document.createElement("strong"));
    const count = NUMBERS[sections.length] || sections.length;
    label.textContent = sections.length === 1 ? "Go deeper: one section" : `Go deeper: ${count} sections, each on its own`;
    const list = summary.appendChild(document.createElement("span"));
    list.textContent = titles(sections).join(" · ");
    details.className = "advanced-sections";
    part.append(details);
    details.append(...advanced);
    return details;
  }

  function elementOf(hash) {
    try {
      return hash.length > 1 ? document.getElementById(decodeURIComponent(hash.slice(1))) : null;
    } catch {
      return null; // a single % in an address cannot be decoded
    }
  }

  function start() {
    const part = document.querySelector("section#go-deeper");
    const details = part && collapse(part);
    if (!details) return;

    // A link to the heading "Go deeper" opens the advanced sections, too.
    function follow(hash) {
      const target = elementOf(hash);
      if (!target || !part.contains(target)) return;
      for (let box = target.closest("details") || details; box; box = box.parentElement.closest("details")) box.open = true;
      target.scrollIntoView();
    }

    // A second click on the same link does not change the hash, so that clicks are handled as well.
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[href*='#']");
      if (link && link.pathname === location.pathname && !event.ctrlKey && !event.metaKey) follow(link.hash);
    });
    addEventListener("hashchange", () => follow(location.hash));
    follow(location.hash);

    // After a reload or a step back, the sections are open again if they were left open. A page in a folder may have no storage.
    const navigation = performance.getEntriesByType("navigation")[0];
    const key = `advanced-sections ${location.pathname}`;
    try {
      if (navigation && navigation.type !== "navigate" && sessionStorage.getItem(key)) details.open = true;
      details.addEventListener("toggle", () => (details.open ? sessionStorage.setItem(key, "open") : sessionStorage.removeItem(key)));
    } catch {
      // Without storage the sections are collapsed, as on the first visit.
    }

    let openedForPrint = false;
    function print(begins) {
      if (begins && !details.open) openedForPrint = details.open = true;
      else if (!begins && openedForPrint) openedForPrint = details.open = false;
    }
    addEventListener("beforeprint", () => print(true));
    addEventListener("afterprint", () => print(false));
    matchMedia("print").addEventListener("change", (media) => print(media.matches));
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
