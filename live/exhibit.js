// What all exhibits share. `LiveExhibits.start(host)` starts the exhibit of a <div class="live" data-exhibit="…">. An exhibit has
// a state of a few fields, which its controls change and a link can store, and four functions: compute, draw, sentence and python.
(() => {
  "use strict";
  const { SIZE } = Live;
  const { Engine, el } = LiveExhibits;

  // ---- Fields of the state: each has a first value, reads a text from a link (undefined if it is not valid) and writes it. ----

  // `omitted` is the value of a link that does not contain the field, if it differs from the first value.
  const choice = (options, first = options[0], labels = {}, omitted = first) => ({
    first,
    omitted,
    options,
    labels,
    read: (text) => (options.includes(text) ? text : undefined),
    write: String,
  });
  const range = (min, max, step, first) => ({
    first,
    omitted: first,
    min,
    max,
    step,
    read(text) {
      const v = Number(text);
      return /^-?\d{1,4}(\.\d{1,3})?$/.test(text) && v >= min && v <= max && Number.isInteger((v - min) / step) ? v : undefined;
    },
    write: String,
  });

  // The state that a link stores, undefined if it stores none for this exhibit, or null if it is not a state of this exhibit.
  function parseLink(hash, exhibit, fields) {
    if (!hash.startsWith(`#live=${exhibit}`)) return undefined;
    if (hash.length > 3000) return null;
    const state = {};
    for (const [key, text] of [...new URLSearchParams(hash.slice(1))].slice(1)) {
      const value = Object.hasOwn(fields, key) && !Object.hasOwn(state, key) ? fields[key].read(text) : undefined;
      if (value === undefined) return null;
      state[key] = value;
    }
    return hash.slice(6).split("&")[0] === exhibit ? state : null;
  }

  // ---- What all exhibits share ----

  class Exhibit {
    constructor(host, name, fields) {
      Object.assign(this, { host, name, fields, state: {} });
      // A page can give an exhibit a state of its own, in the attribute data-state.
      const preset = host.dataset.state && `#live=${name}&${host.dataset.state}`;
      const linked = [location.hash, preset ?? ""].map((hash) => parseLink(hash, name, fields)).find((state) => state !== undefined);
      for (const [key, field] of Object.entries(fields)) this.state[key] = linked ? (linked[key] ?? field.omitted) : field.first;
      this.controls = el("div", { class: "live-controls" });
      this.view = el("div", { class: "live-view" });
      this.status = el("p", { class: "live-status", role: "status" });
      this.code = el("code");
      this.message = el("span", { class: "live-message", role: "status" });
      const share = el("button", { type: "button" }, "Copy a link to this state"),
        reset = el("button", { type: "button" }, "Start again");
      share.addEventListener("click", () => this.share());
      reset.addEventListener("click", () => this.reset());
      this.panel = el(
        "div",
        { class: "live-panel", role: "group", "aria-label": "Live exhibit" },
        this.controls,
        this.view,
        this.status,
        el("div", { class: "live-buttons" }, reset, share, this.message),
        el("details", {}, el("summary", {}, "The same numbers in the notebook"), el("pre", { tabindex: "0" }, this.code)),
      );
      if (linked === null)
        this.message.textContent = "The link does not describe a state of this exhibit, so the exhibit starts in its first state.";
    }

    // A control for a field; its element is also returned.
    add(key, label, format = String) {
      const field = this.fields[key],
        output = el("output");
      let input;
      if (field.options) {
        input = el("select", {}, ...field.options.map((option) => el("option", { value: option }, field.labels[option] ?? option)));
      } else {
        input = el("input", { type: "range", min: field.min, max: field.max, step: field.step });
      }
      const show = () => {
        input.value = this.state[key];
        output.textContent = field.options ? "" : format(this.state[key]);
        if (!field.options) input.setAttribute("aria-valuetext", format(this.state[key]));
      };
      input.addEventListener("input", () => {
        this.state[key] = field.options ? input.value : Number(input.value);
        show();
        this.changed(key);
      });
      (this.shown ??= []).push(show);
      show();
      this.controls.append(el("label", {}, el("span", {}, label), input, output));
      return input;
    }

    figure(caption, ...children) {
      const text = el("figcaption", {}, caption);
      const box = el("figure", {}, el("div", { class: "live-stack" }, ...children), text);
      this.view.append(box);
      return text;
    }
    // A figure whose caption is beside it on a phone, where no other image is.
    figureAlone(caption, ...children) {
      const text = this.figure(caption, ...children);
      text.parentElement.classList.add("live-alone");
      return text;
    }

    canvas(label) {
      return el("canvas", { width: SIZE, height: SIZE, role: "img", "aria-label": label });
    }

    changed() {
      this.update();
    }

    // One computation at a time: events that arrive meanwhile lead to one further computation, with the last state.
    async update() {
      clearTimeout(this.timer); // the sentence of the last result must not be written with the new state
      this.status.setAttribute("aria-busy", "true"); // it still describes the former state
      this.wanted = true;
      if (this.running) return;
      this.running = true;
      try {
        while (this.wanted) {
          this.wanted = false;
          this.result = await this.compute();
          this.draw(this.result);
          this.host.dataset.updates = Number(this.host.dataset.updates ?? 0) + 1;
        }
      } finally {
        this.running = false;
      }
      this.settleSoon();
    }

    settleSoon() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.settle(), 300);
    }

    // The curve of the sign that is chosen: a map from a place on the horizontal axis to what `at` has computed there.
    get curve() {
      return ((this.curves ??= {})[this.state.sign] ??= new Map());
    }

    // Computes the missing points of the curve, one at a time, so that an event never waits for more than one of them.
    async fillCurve(places, at) {
      if (this.filling) return;
      this.filling = true;
      for (;;) {
        const { curve } = this,
          place = places.find((one) => !curve.has(one));
        if (place === undefined) break;
        curve.set(place, await at(place));
        if (!this.running) this.drawCurves(this.result);
      }
      this.filling = false;
      if (this.running) return; // the update that is running draws the curves
      this.drawCurves(this.result);
      this.settleSoon();
    }

    // When the state has not changed for a moment: the sentence that screen readers announce, and the lines for the notebook.
    settle() {
      this.status.textContent = this.sentence(this.result);
      this.status.removeAttribute("aria-busy");
      this.code.textContent = this.python(this.result);
      this.host.dataset.settled = this.host.dataset.updates;
      this.host.dataset.numbers = JSON.stringify(this.numbers(this.result));
    }

    link() {
      const changed = Object.entries(this.fields).filter(([key, field]) => this.state[key] !== field.omitted);
      const parameters = new URLSearchParams(changed.map(([key, field]) => [key, field.write(this.state[key])]));
      return `#live=${this.name}${changed.length ? "&" : ""}${parameters}`;
    }

    async share() {
      history.replaceState(null, "", this.link());
      try {
        await navigator.clipboard.writeText(location.href);
        this.message.textContent = "The link was copied.";
      } catch {
        this.message.textContent = "The link is in the address bar.";
      }
    }

    reset() {
      for (const [key, field] of Object.entries(this.fields)) this.state[key] = field.first;
      this.shown.forEach((show) => show());
      this.message.textContent = "";
      this.changed(null);
    }

    async start() {
      this.engine = new Engine();
      await this.engine.call("load", { weights: globalThis.LIVE_WEIGHTS });
      this.build();
      await this.update();
      this.host.append(this.panel);
      this.host.classList.add("running");
    }
  }

  // The lines of Python that render the image of an exhibit.
  const IMPORTS = "import torch\nfrom tutorial_lib import attribution, data, gradients, models, uncertainty\n\n";
  function pythonImage(sign, hue = 0) {
    const scene = `scene = data.sample_scenes(1, distribution="clean", generator=torch.Generator().manual_seed(${LIVE_DATA.seed}))`;
    const shifted = hue ? `scene.replace(hue_shift=torch.tensor([${hue} * torch.pi / 180]))` : "scene";
    return `${IMPORTS}${scene}\nmodel, x = models.load("signs/classifier").double(), data.render("${sign}", scene=${shifted}).double()\n`;
  }

  const create = (host) => new LiveExhibits[host.dataset.exhibit](host);
  function start(host) {
    host.exhibit = create(host);
    return host.exhibit.start();
  }

  Object.assign((globalThis.LiveExhibits ??= {}), { choice, range, Exhibit, pythonImage, create, start });
})();
