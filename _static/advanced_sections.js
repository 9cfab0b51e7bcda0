// The door: what stands below "Go deeper" in a chapter is closed until a reader asks for it.
// Without this script it is open, as any other section. It opens when printed, and for every link that leads behind it.
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

  function close(part) {
    const sections = [...part.querySelectorAll(":scope > section")];
    // The heading and the words below it stay in sight; cells and sections go behind the door.
    const behind = [...part.children].slice([...part.children].findIndex((child) => child.matches("section, .cell")));
    if (!sections.length || !behind.length) return null;
    const door = document.createElement("details");
    const summary = door.appendChild(document.createElement("summary"));
    const label = summary.appendChild(document.createElement("strong"));
    const count = NUMBERS[sections.length] || sections.length;
    label.textContent = sections.length === 1 ? "Go deeper: one section" : `Go deeper: ${count} sections, each on its own`;
    const list = summary.appendChild(document.createElement("span"));
    list.textContent = titles(sections).join(" · ");
    door.className = "door";
    part.append(door);
    door.append(...behind);
    return door;
  }

  function named(hash) {
    try {
      return hash.length > 1 ? document.getElementById(decodeURIComponent(hash.slice(1))) : null;
    } catch {
      return null; // a lone % in an address is no name
    }
  }

  function start() {
    const part = document.querySelector("section#go-deeper");
    const door = part && close(part);
    if (!door) return;

    // The heading of the part is a name of what is behind the door, too.
    function follow(hash) {
      const target = named(hash);
      if (!target || !part.contains(target)) return;
      for (let box = target.closest("details") || door; box; box = box.parentElement.closest("details")) box.open = true;
      target.scrollIntoView();
    }

    // A second click on the same link changes no hash, so clicks are heard as well.
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[href*='#']");
      if (link && link.pathname === location.pathname && !event.ctrlKey && !event.metaKey) follow(link.hash);
    });
    addEventListener("hashchange", () => follow(location.hash));
    follow(location.hash);

    // Who comes back finds the door as it was; it was left open where they followed a link behind it. A folder may have no memory.
    const came = performance.getEntriesByType("navigation")[0];
    const memory = `door ${location.pathname}`;
    try {
      if (came && came.type !== "navigate" && sessionStorage.getItem(memory)) door.open = true;
      door.addEventListener("toggle", () => (door.open ? sessionStorage.setItem(memory, "open") : sessionStorage.removeItem(memory)));
    } catch {
      // Nothing is kept, and the door is closed as for the first time.
    }

    let closed = false;
    function print(begins) {
      if (begins && !door.open) closed = door.open = true;
      else if (!begins && closed) closed = door.open = false;
    }
    addEventListener("beforeprint", () => print(true));
    addEventListener("afterprint", () => print(false));
    matchMedia("print").addEventListener("change", (media) => print(media.matches));
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
