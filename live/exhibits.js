// The live exhibits: each replaces a figure by controls, images and numbers that are computed by engine.js in a worker.
// `LiveExhibits.start(host)` starts the exhibit of a <div class="live" data-exhibit="…">. An exhibit has a state of a few fields,
// which its controls change and a link can store, and four functions: compute, draw, sentence and python.
(() => {
  "use strict";
  const DATA = globalThis.LIVE_DATA,
    { SIZE } = Live,
    AREA = SIZE * SIZE,
    NAMES = DATA.signs;

  // ---- The worker ----

  // Runs in the worker. Every task receives and returns plain objects.
  function runWorker(scope) {
    let tensors, network;
    const { Live } = scope;

    function describe(image, { label, contrast }) {
      const z = network.forward(image),
        p = Live.softmax(z),
        P = Live.argmax(z);
      return { z, p, P, options: { label: label ?? P, contrast } };
    }

    const tasks = {
      load({ weights }) {
        tensors = Live.parseWeights(weights);
        network = new Live.Network(tensors);
      },
      reset() {
        network = new Live.Network(tensors);
      },
      // The prediction and, for each objective [name, options], its value, gradients and norms. `shift` is added to the logits.
      run({ image, objectives, shift = 0, withNorms = true }) {
        const { z, p, P } = describe(image, {});
        const results = objectives.map(([name, options]) => {
          const chosen = { ...options, label: options.label ?? P },
            shifted = z.map((v) => v + shift);
          const { value, delta } = Live.OBJECTIVES[name],
            d = delta(shifted, chosen);
          const { input, parameters } = network.backward(d, withNorms);
          return { J: value(shifted, chosen), input, cam: network.gradCam(d), squares: parameters && Live.squaredNorms(parameters) };
        });
        return { z, p, P, results };
      },
      predict({ images }) {
        return images.map((image) => Live.argmax(network.forward(image)));
      },
      // The images of an attack on the predicted class with, for each, the prediction and the norm of the loss to the prediction.
      attack({ image, eps, alpha, steps }) {
        const label = describe(image, {}).P,
          images = Live.attack(network, image, { label, eps, alpha, steps });
        const path = images.map((x) => {
          const { z, p, P } = describe(x, {}),
            squares = Live.squaredNorms(network.backward(Live.OBJECTIVES.loss.delta(z, { label: P })).parameters);
          return { P, p: p[P], norm: Math.sqrt(Object.values(squares).reduce((a, b) => a + b)) };
        });
        return { label, image: images.at(-1), path };
      },
      // One step of gradient descent on the weights, and what the linear approximation predicts for the objective, −η ‖∂J/∂θ‖².
      step({ image, objective: [name, options], lr }) {
        const { value, delta } = Live.OBJECTIVES[name],
          z = network.forward(image),
          { parameters } = network.backward(delta(z, options));
        const squared = Object.values(Live.squaredNorms(parameters)).reduce((a, b) => a + b);
        network.step(parameters, lr);
        return { predicted: -lr * squared, actual: value(network.forward(image), options) - value(z, options) };
      },
    };
    scope.onmessage = ({ data: { id, task, input } }) => {
      try {
        scope.postMessage({ id, output: tasks[task](input) });
      } catch (error) {
        scope.postMessage({ id, error: String(error) });
      }
    };
  }

  class Engine {
    constructor() {
      const source = `${defineLive}\ndefineLive(self);\n(${runWorker})(self);`;
      this.worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
      this.waiting = new Map();
      this.count = 0;
      this.worker.onmessage = ({ data: { id, output, error } }) => {
        const { resolve, reject } = this.waiting.get(id);
        this.waiting.delete(id);
        if (error) reject(new Error(error));
        else resolve(output);
      };
    }
    call(task, input = {}) {
      return new Promise((resolve, reject) => {
        this.waiting.set(++this.count, { resolve, reject });
        this.worker.postMessage({ id: this.count, task, input });
      });
    }
  }

  // ---- Images ----

  function decode(base64, [low, high]) {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return Float64Array.from(new Uint16Array(bytes.buffer), (v) => low + (v / 65535) * (high - low));
  }

  const clip = (v) => Math.min(1, Math.max(0, v));

  // A color with its hue rotated by an angle in degrees: the rotation about the gray axis, as in data.rotate_hue.
  function rotateHue(color, degrees) {
    if (!degrees) return color;
    const angle = (degrees / 180) * Math.PI,
      c = Math.cos(angle),
      s = Math.sin(angle) / Math.sqrt(3);
    const gray = (color[0] + color[1] + color[2]) / 3;
    return color.map((v, i) => clip(gray + (v - gray) * c - s * (color[(i + 1) % 3] - color[(i + 2) % 3])));
  }

  const decoded = {};
  function renderSign(name, hue = 0) {
    const entry = DATA.images[name];
    const { A, b } = (decoded[name] ??= { A: decode(entry.A, DATA.bounds), b: decode(entry.b, DATA.bounds) });
    const color = rotateHue(entry.color, hue);
    return A.map((v, i) => clip(v + b[i % AREA] * DATA.gain[Math.floor(i / AREA)] * color[Math.floor(i / AREA)]));
  }

  // The pixels in which two signs of this scene can differ.
  function differenceMask(i, j) {
    const bits = DATA.masks[`${Math.min(i, j)} ${Math.max(i, j)}`];
    if (!bits) return new Array(AREA).fill(false);
    const bytes = Uint8Array.from(atob(bits), (character) => character.charCodeAt(0));
    return Array.from({ length: AREA }, (_, k) => Boolean((bytes[k >> 3] >> (7 - (k & 7))) & 1));
  }

  // The share of the k highest values that lie inside a mask of k pixels, as attribution.precision_at_k without ties.
  function precisionAtK(map, mask) {
    const k = mask.filter(Boolean).length;
    const highest = Array.from(map.keys())
      .sort((a, b) => map[b] - map[a])
      .slice(0, k);
    return k ? highest.filter((i) => mask[i]).length / k : 0;
  }

  // Bilinear interpolation to the size of the image, as attribution.upsample.
  function upsample(map, size) {
    const at = (v) => {
      const x = Math.max(0, ((v + 0.5) * size) / SIZE - 0.5),
        low = Math.floor(x);
      return [low, Math.min(size - 1, low + 1), x - low];
    };
    return Float64Array.from({ length: AREA }, (_, i) => {
      const [y0, y1, fy] = at(Math.floor(i / SIZE)),
        [x0, x1, fx] = at(i % SIZE);
      const row = (y) => (1 - fx) * map[y * size + x0] + fx * map[y * size + x1];
      return (1 - fy) * row(y0) + fy * row(y1);
    });
  }

  const norm = (v) => Math.sqrt(v.reduce((sum, a) => sum + a * a, 0));
  const total = (squares) => Math.sqrt(Object.values(squares).reduce((a, b) => a + b));
  const largestChannel = (input) =>
    Float64Array.from({ length: AREA }, (_, i) => Math.max(...[0, 1, 2].map((c) => Math.abs(input[i + c * AREA]))));

  // ---- Elements ----

  function el(tag, attributes = {}, ...children) {
    const element = tag.startsWith("svg:")
      ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
      : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  // A number with three significant digits.
  function digits(v) {
    if (v === 0) return "0";
    const size = Math.abs(v),
      text = size < 0.001 || size >= 1e5 ? v.toExponential(1).replace("e", " · 10^").replace("+", "") : String(Number(v.toPrecision(3)));
    return text.replaceAll("-", "−");
  }
  const percent = (p) => (p > 0.9995 ? "more than 99.9%" : `${(100 * p).toFixed(1)}%`);

  function drawPixels(canvas, size, color) {
    const context = canvas.getContext("2d"),
      pixels = context.createImageData(size, size);
    for (let i = 0; i < size * size; i++) {
      const [r, g, b] = color(i);
      pixels.data.set([255 * r, 255 * g, 255 * b, 255], 4 * i);
    }
    context.putImageData(pixels, 0, 0);
  }
  const drawImage = (canvas, x) => drawPixels(canvas, SIZE, (i) => [x[i], x[i + AREA], x[i + 2 * AREA]]);
  function drawMagnitude(canvas, map) {
    const top = Math.max(...map) || 1;
    drawPixels(canvas, SIZE, (i) => [0, 1, 2].map(() => 1 - Math.sqrt(map[i] / top)));
  }
  // Positive values are orange, negative ones blue, zero is white; both colors have the same scale.
  function drawSigned(canvas, map) {
    const top = Math.max(...map.map(Math.abs)) || 1;
    drawPixels(canvas, SIZE, (i) => {
      const v = map[i] / top;
      return v > 0 ? [1 - 0.16 * v, 1 - 0.63 * v, 1 - v] : [1 + v, 1 + 0.55 * v, 1 + 0.3 * v];
    });
  }
  // The outline of a mask, as an SVG path over a canvas.
  function outline(mask) {
    const inside = (x, y) => x >= 0 && y >= 0 && x < SIZE && y < SIZE && mask[y * SIZE + x];
    let path = "";
    for (let y = 0; y <= SIZE; y++) {
      for (let x = 0; x <= SIZE; x++) {
        if (inside(x, y) !== inside(x - 1, y)) path += `M${x} ${y}v1`;
        if (inside(x, y) !== inside(x, y - 1)) path += `M${x} ${y}h1`;
      }
    }
    return path;
  }

  // A line chart. Each series is {name, points: [[x, y]], band: [low, high]}; y is logarithmic if `log`.
  function drawChart(svg, { x: [x0, x1, xLabel, xTicks], y: [y0, y1, yTicks], log, series, marker, band }) {
    const W = 260,
      H = 170,
      left = 42,
      right = 10,
      top = 8,
      bottom = 36;
    const scaleY = log ? Math.log10 : (v) => v;
    const px = (v) => left + ((v - x0) / (x1 - x0)) * (W - left - right);
    const py = (v) => H - bottom - ((scaleY(Math.min(y1, Math.max(y0, v))) - scaleY(y0)) / (scaleY(y1) - scaleY(y0))) * (H - top - bottom);
    const text = (x, y, content, anchor) => el("svg:text", { x, y, "text-anchor": anchor }, content);
    svg.replaceChildren();
    if (band)
      svg.append(el("svg:rect", { class: "band", x: left, width: W - left - right, y: py(band[1]), height: py(band[0]) - py(band[1]) }));
    for (const v of yTicks)
      svg.append(
        el("svg:line", { class: "grid", x1: left, x2: W - right, y1: py(v), y2: py(v) }),
        text(left - 5, py(v) + 4, String(v), "end"),
      );
    for (const v of xTicks) svg.append(text(px(v), H - bottom + 15, String(v), "middle"));
    svg.append(text((left + W - right) / 2, H - 4, xLabel, "middle"));
    if (marker !== undefined) svg.append(el("svg:line", { class: "marker", x1: px(marker), x2: px(marker), y1: top, y2: H - bottom }));
    series.forEach(({ points }, k) => {
      svg.append(el("svg:polyline", { class: `line line-${k}`, points: points.map(([x, y]) => `${px(x)},${py(y)}`).join(" ") }));
      for (const [x, y] of points)
        svg.append(el("svg:circle", { class: `dot line-${k}`, cx: px(x), cy: py(y), r: x === marker ? 4 : 1.7 }));
    });
  }
  const chart = (label) => el("svg:svg", { class: "live-chart", viewBox: "0 0 260 170", role: "img", "aria-label": label });
  const legend = (names) => el("p", { class: "live-legend" }, ...names.map((name, k) => el("span", { class: `key line-${k}` }, name)));

  // ---- Fields of the state: each has a first value, reads a text from a link (undefined if it is not valid) and writes it. ----

  const choice = (options, first = options[0], labels = {}) => ({
    first,
    options,
    labels,
    read: (text) => (options.includes(text) ? text : undefined),
    write: String,
  });
  const range = (min, max, step, first) => ({
    first,
    min,
    max,
    step,
    read(text) {
      const v = Number(text);
      return /^-?\d{1,4}(\.\d{1,3})?$/.test(text) && v >= min && v <= max && Number.isInteger((v - min) / step) ? v : undefined;
    },
    write: String,
  });

  // The state that a link stores, {} if it stores none for this exhibit, or null if it is not a state of this exhibit.
  function parseLink(hash, exhibit, fields) {
    if (!hash.startsWith(`#live=${exhibit}`)) return {};
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
      const linked = parseLink(location.hash, name, fields);
      for (const [key, field] of Object.entries(fields)) this.state[key] = linked?.[key] ?? field.first;
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
        this.message.textContent = "The link does not describe a state of this exhibit, therefore the exhibit starts in its first state.";
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

    canvas(label) {
      return el("canvas", { width: SIZE, height: SIZE, role: "img", "aria-label": label });
    }

    changed() {
      this.update();
    }

    // One computation at a time: events that arrive meanwhile lead to one further computation, with the last state.
    async update() {
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
      if (!this.running) this.settleSoon();
    }

    // When the state has not changed for a moment: the sentence that screen readers announce, and the lines for the notebook.
    settle() {
      this.status.textContent = this.sentence(this.result);
      this.code.textContent = this.python(this.result);
      this.host.dataset.settled = this.host.dataset.updates;
      this.host.dataset.numbers = JSON.stringify(this.numbers(this.result));
    }

    link() {
      const changed = Object.entries(this.fields).filter(([key, field]) => this.state[key] !== field.first);
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
    const scene = `scene = data.sample_scenes(1, distribution="clean", generator=torch.Generator().manual_seed(${DATA.seed}))`;
    const shifted = hue ? `scene.replace(hue_shift=torch.tensor([${hue} * torch.pi / 180]))` : "scene";
    return `${IMPORTS}${scene}\nmodel, x = models.load("signs/classifier").double(), data.render("${sign}", scene=${shifted}).double()\n`;
  }

  // ---- Exhibit 1: the hue of a sign ----

  const HUE_OBJECTIVES = [
    ["loss", "loss of the prediction", "gradients.cross_entropy(model(x).argmax(1))"],
    ["uniform", "divergence from uniform", "gradients.kl_from_uniform()"],
    ["confounding", "confounding label", "gradients.confounding_label_loss()"],
  ];
  const HUE_STEP = 10;
  const clean = (objective) => DATA.clean.quantiles[objective === "confounding" ? "confounding 0" : objective].map((row) => row.at(-1));

  class Hue extends Exhibit {
    constructor(host) {
      super(host, "hue", { sign: choice(NAMES), hue: range(0, 360, HUE_STEP, 0) });
    }
    build() {
      this.add("sign", "sign");
      this.add("hue", "rotation of the hue", (v) => `${v}°`);
      this.image = this.canvas("the sign");
      this.caption = this.figure("", this.image);
      this.confidence = chart("Confidence against the rotation of the hue");
      this.figure("confidence; the prediction is correct where the dots are filled", this.confidence);
      this.charts = HUE_OBJECTIVES.map(([name, label]) => {
        const svg = chart(`Gradient norm of the ${label} against the rotation of the hue`);
        this.figure(`gradient norm, ${label}; band: 90% of ${DATA.clean.n} clean images`, svg);
        return svg;
      });
    }
    async at(sign, angle) {
      const image = renderSign(sign, angle),
        objectives = HUE_OBJECTIVES.map(([name]) => [name, {}]);
      const { P, p, results } = await this.engine.call("run", { image, objectives });
      return { image, P, p: p[P], norms: results.map(({ squares }) => total(squares)) };
    }
    async compute() {
      const { sign, hue } = this.state,
        { curve } = this,
        result = await this.at(sign, hue);
      curve.set(hue, result);
      return result;
    }
    drawCurves() {
      const points = [...this.curve].sort(([a], [b]) => a - b),
        { sign, hue } = this.state,
        ticks = [0, 90, 180, 270, 360];
      const common = { x: [0, 360, "rotation of the hue in degrees", ticks], marker: hue };
      drawChart(this.confidence, { ...common, y: [0, 1, [0, 0.5, 1]], series: [{ points: points.map(([angle, { p }]) => [angle, p]) }] });
      [...this.confidence.querySelectorAll("circle")].forEach((dot, i) => dot.classList.toggle("hollow", NAMES[points[i][1].P] !== sign));
      HUE_OBJECTIVES.forEach(([name], k) => {
        const [low, , high] = clean(name),
          all = [low, high, ...points.map(([, { norms }]) => Math.max(norms[k], low / 10))];
        const [from, to] = [Math.floor(Math.log10(Math.min(...all))), Math.ceil(Math.log10(Math.max(...all)))];
        const powers = Array.from({ length: to - from + 1 }, (_, i) => Number((10 ** (from + i)).toPrecision(1)));
        drawChart(this.charts[k], {
          ...common,
          log: true,
          y: [powers[0], powers.at(-1), powers],
          band: [low, high],
          series: [{ points: points.map(([angle, { norms }]) => [angle, norms[k]]) }],
        });
      });
    }
    draw({ image, P, p }) {
      drawImage(this.image, image);
      this.caption.textContent = `prediction: ${NAMES[P]}, ${percent(p)}`;
      this.drawCurves();
      const angles = Array.from({ length: 360 / HUE_STEP + 1 }, (_, k) => HUE_STEP * k);
      this.fillCurve(angles, (angle) => this.at(this.state.sign, angle));
    }
    sentence({ P, p, norms }) {
      const { sign, hue } = this.state;
      const verdict = (k) => {
        const [low, , high] = clean(HUE_OBJECTIVES[k][0]);
        return norms[k] > high
          ? "above the band of clean images"
          : norms[k] < low
            ? "below the band of clean images"
            : "inside the band of clean images";
      };
      const list = HUE_OBJECTIVES.map(([, label], k) => `${label} ${digits(norms[k])}, ${verdict(k)}`).join("; ");
      const truth = NAMES[P] === sign ? "which is correct" : `but the sign is ${sign}`;
      return `With a rotation of ${hue} degrees the network predicts ${NAMES[P]}, ${truth}, with a confidence of ${percent(p)}. The gradient norms are: ${list}.`;
    }
    numbers({ p, norms }) {
      return [p, ...norms];
    }
    python() {
      const list = HUE_OBJECTIVES.map(([, , code]) => code).join(", ");
      return `${pythonImage(this.state.sign, this.state.hue)}print(model(x).softmax(1).max().item())\nfor J in (${list}):\n    print(gradients.per_sample_gradient_norms(model, x, J).norm().item())`;
    }
  }

  // ---- Exhibit 2: painting, and descent on the image or on the weights ----

  const COLORS = {
    black: ["k", [0.05, 0.05, 0.05]],
    white: ["w", [0.95, 0.95, 0.95]],
    red: ["r", [0.75, 0.05, 0.1]],
    blue: ["b", [0.05, 0.25, 0.6]],
    yellow: ["y", [0.95, 0.75, 0.05]],
  };
  const COLOR_OF = Object.fromEntries(Object.values(COLORS));
  const RATES = ["0.0001", "0.0003", "0.001"],
    IMAGE_STEP = 0.5;
  const letter = (i) => String.fromCharCode(97 + i),
    index = (text) => text.charCodeAt(0) - 97;
  // What was done, so that a link can repeat it: "." begins a stroke, "k2430" paints 3×3 pixels black around row 24 and column 30,
  // "ie" is a step on the image towards class e, "s1e" a step on the weights with learning rate 1.
  const OPERATION = /\.|[kwrby]\d{4}|i[a-n]|s[0-2][a-n]/g;
  const operations = {
    first: "",
    read(text) {
      const parts = text.match(OPERATION) ?? [];
      const inside = parts.every((part) => !/^[kwrby]/.test(part) || (Number(part.slice(1, 3)) < SIZE && Number(part.slice(3)) < SIZE));
      return parts.join("") === text && parts.length <= 400 && inside ? text : undefined;
    },
    write: String,
  };

  class Paint extends Exhibit {
    constructor(host) {
      super(host, "paint", {
        sign: choice(NAMES),
        target: choice(NAMES, "speed 50"),
        color: choice(Object.keys(COLORS)),
        rate: choice(RATES, "0.0003"),
        done: operations,
      });
    }
    build() {
      this.add("sign", "sign");
      this.add("color", "brush");
      this.add("target", "target class Q");
      this.add("rate", "learning rate (weights)");
      this.canvasBox = el("canvas", {
        width: SIZE,
        height: SIZE,
        tabindex: "0",
        role: "application",
        "aria-label": "Image of 48 by 48 pixels. The arrow keys move the cursor, with Shift by five pixels; Space paints.",
      });
      this.cursor = el("span", { class: "live-cursor", hidden: "" });
      this.caption = this.figure("", this.canvasBox, this.cursor);
      this.saliency = this.canvas("magnitude of the gradient of the logit of the prediction");
      this.figure("|∂z_P/∂x|: black where a small change of the image changes the logit of the prediction most", this.saliency);
      const buttons = el("div", { class: "live-buttons" });
      const button = (text, action) => {
        const one = el("button", { type: "button" }, text);
        one.addEventListener("click", action);
        buttons.append(one);
      };
      button("One step on the image towards Q", () => this.act(`i${letter(NAMES.indexOf(this.state.target))}`));
      button("One step on the weights towards Q", () =>
        this.act(`s${RATES.indexOf(this.state.rate)}${letter(NAMES.indexOf(this.state.target))}`),
      );
      button("Undo", () => this.undo());
      this.changeTable = el("tbody");
      const head = el(
        "thead",
        {},
        el("tr", {}, ...["last change of", "predicted by the gradient", "measured"].map((title) => el("th", { scope: "col" }, title))),
      );
      this.others = el("div", { class: "live-others" });
      this.otherCaption = el("p");
      this.view.append(
        buttons,
        el("table", { class: "live-table" }, head, this.changeTable),
        el("div", { class: "live-wide" }, this.otherCaption, this.others),
      );
      this.listen();
      this.position = [24, 24];
      this.restart();
    }
    listen() {
      let last = null;
      const pixel = (event) => {
        const box = this.canvasBox.getBoundingClientRect();
        return [event.clientY - box.top, event.clientX - box.left].map((v) =>
          Math.min(SIZE - 1, Math.max(0, Math.floor((v / box.width) * SIZE))),
        );
      };
      const paint = (event) => {
        for (const one of event.getCoalescedEvents?.().length ? event.getCoalescedEvents() : [event]) {
          const at = pixel(one);
          if (String(at) !== String(last)) this.act(this.dab((last = at)));
        }
      };
      this.canvasBox.addEventListener("pointerdown", (event) => {
        this.canvasBox.setPointerCapture(event.pointerId);
        last = null;
        this.act(".");
        paint(event);
      });
      this.canvasBox.addEventListener("pointermove", (event) => {
        if (this.canvasBox.hasPointerCapture(event.pointerId)) paint(event);
      });
      this.canvasBox.addEventListener("keydown", (event) => {
        const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
        if (move) this.position = this.position.map((v, k) => Math.min(SIZE - 1, Math.max(0, v + move[k] * (event.shiftKey ? 5 : 1))));
        else if (event.key === " " || event.key === "Enter") this.act(`.${this.dab(this.position)}`);
        else return;
        event.preventDefault();
        this.showCursor();
        this.canvasBox.setAttribute("aria-description", `Row ${this.position[0]}, column ${this.position[1]}`);
      });
      this.canvasBox.addEventListener("focus", () => this.canvasBox.matches(":focus-visible") && this.showCursor());
      this.canvasBox.addEventListener("blur", () => (this.cursor.hidden = true));
    }
    showCursor() {
      const [row, column] = this.position;
      this.cursor.hidden = false;
      Object.assign(this.cursor.style, { top: `${((row - 1) / SIZE) * 100}%`, left: `${((column - 1) / SIZE) * 100}%` });
    }
    dab([row, column]) {
      return COLORS[this.state.color][0] + String(row).padStart(2, "0") + String(column).padStart(2, "0");
    }
    // Everything from the beginning: the original image and weights, then all operations of the state.
    restart() {
      this.pending = ["restart", ...(this.state.done.match(OPERATION) ?? [])];
    }
    changed(key) {
      if (key === "sign") this.state.done = "";
      if (key === "sign" || key === null) this.restart();
      this.update();
    }
    act(text) {
      const next = this.state.done + text;
      if (operations.read(next) === undefined) {
        this.message.textContent = "This state is full. Use Undo or start again.";
        return;
      }
      this.state.done = next;
      // The brush is visible at once; the image with its numbers follows when they are computed.
      for (const [, color, row, column] of text.matchAll(/([kwrby])(\d\d)(\d\d)/g)) {
        const context = this.canvasBox.getContext("2d");
        context.fillStyle = `rgb(${COLOR_OF[color].map((v) => 255 * v)})`;
        context.fillRect(column - 1, row - 1, 3, 3);
      }
      this.pending.push(...text.match(OPERATION));
      this.update();
    }
    undo() {
      const parts = this.state.done.match(OPERATION) ?? [];
      while (parts.length && /^[kwrby]/.test(parts.at(-1))) parts.pop();
      parts.pop();
      this.state.done = parts.join("");
      this.restart();
      this.update();
    }
    async apply(operation) {
      if (operation === "restart") {
        await this.engine.call("reset");
        this.x = renderSign(this.state.sign);
        Object.assign(this, { stroke: null, change: null, steps: 0, otherPredictions: null });
      } else if (operation === ".") {
        const { P, results } = await this.engine.call("run", { image: this.x, objectives: [["logit", {}]], withNorms: false });
        this.stroke = { x: this.x, P, ...results[0] };
      } else if (operation[0] === "i") {
        const options = { label: index(operation[1]) },
          before = await this.loss(this.x, options),
          length = norm(before.input) || 1;
        const next = this.x.map((v, i) => clip(v - (IMAGE_STEP * before.input[i]) / length));
        const after = await this.loss(next, options);
        this.change = {
          of: `−log p of ${NAMES[options.label]}, by a step on the image`,
          predicted: this.x.reduce((sum, v, i) => sum + before.input[i] * (next[i] - v), 0),
          actual: after.J - before.J,
        };
        Object.assign(this, { x: next, stroke: null });
      } else if (operation[0] === "s") {
        const options = { label: index(operation[2]) };
        const { predicted, actual } = await this.engine.call("step", {
          image: this.x,
          objective: ["loss", options],
          lr: Number(RATES[operation[1]]),
        });
        this.change = { of: `−log p of ${NAMES[options.label]}, by a step on the weights`, predicted, actual };
        this.steps++;
        Object.assign(this, { stroke: null, otherPredictions: null });
      } else {
        const [row, column] = [Number(operation.slice(1, 3)), Number(operation.slice(3))];
        this.x = this.x.slice();
        for (let y = Math.max(0, row - 1); y <= Math.min(SIZE - 1, row + 1); y++) {
          for (let x = Math.max(0, column - 1); x <= Math.min(SIZE - 1, column + 1); x++)
            COLOR_OF[operation[0]].forEach((v, c) => (this.x[c * AREA + y * SIZE + x] = v));
        }
      }
    }
    async loss(image, options) {
      return (await this.engine.call("run", { image, objectives: [["loss", options]], withNorms: false })).results[0];
    }
    async compute() {
      while (this.pending.length) await this.apply(this.pending.shift());
      const x = this.x,
        names = NAMES.filter((name) => name !== this.state.sign).slice(0, 10);
      const { z, P, p, results } = await this.engine.call("run", { image: x, objectives: [["logit", {}]] });
      if (this.stroke) {
        // The gradient at the beginning of the stroke predicts what the whole stroke changes.
        const { x: start, P: label, J, input } = this.stroke;
        this.change = {
          of: `the logit of ${NAMES[label]}, by the last stroke`,
          predicted: x.reduce((sum, v, i) => sum + input[i] * (v - start[i]), 0),
          actual: z[label] - J,
        };
      }
      this.otherPredictions ??= await this.engine.call("predict", { images: names.map((name) => renderSign(name)) });
      return {
        x,
        P,
        p: p[P],
        input: results[0].input,
        norm: total(results[0].squares),
        change: this.change,
        steps: this.steps,
        names,
        others: this.otherPredictions,
      };
    }
    draw({ x, P, p, input, change, steps, names, others }) {
      drawImage(this.canvasBox, x);
      this.caption.textContent = `prediction: ${NAMES[P]}, ${percent(p)}. Paint on it.`;
      drawMagnitude(this.saliency, largestChannel(input));
      const cells = change ? [change.of, digits(change.predicted), digits(change.actual)] : ["nothing yet", "", ""];
      this.changeTable.replaceChildren(el("tr", {}, ...cells.map((cell) => el("td", {}, cell))));
      const wrong = names.filter((name, i) => NAMES[others[i]] !== name).length;
      this.otherCaption.textContent = steps
        ? `After ${steps} ${steps === 1 ? "step" : "steps"} on the weights, ${wrong} of ${names.length} other images are classified incorrectly.`
        : `${names.length} other images, which steps on the weights may change as well:`;
      this.others.replaceChildren(
        ...names.map((name, i) => {
          const canvas = this.canvas(`${name}, prediction ${NAMES[others[i]]}`),
            correct = NAMES[others[i]] === name;
          drawImage(canvas, renderSign(name));
          return el("figure", { class: correct ? "" : "wrong" }, canvas, el("figcaption", {}, correct ? name : `→ ${NAMES[others[i]]}`));
        }),
      );
    }
    sentence({ P, p, change, steps }) {
      const text = change
        ? ` The last change of ${change.of}, was ${digits(change.actual)}, and the gradient predicted ${digits(change.predicted)}.`
        : "";
      return `The network predicts ${NAMES[P]} with a confidence of ${percent(p)}.${text}${steps ? ` ${this.otherCaption.textContent}` : ""}`;
    }
    numbers({ p, norm, change }) {
      return [p, norm, ...(change ? [change.predicted, change.actual] : [])];
    }
    // The operations in Python. `before` and `after` are the objective of the last change.
    python() {
      const lines = [],
        parts = this.state.done.match(OPERATION) ?? [],
        last = parts.findLastIndex((part) => !/^[kwrby]/.test(part));
      const loss = (label) => `gradients.cross_entropy(${label})`;
      parts.forEach((part, i) => {
        const label = index(part.at(-1));
        if (part === "." && i === last) lines.push("start, P = x.clone(), model(x).argmax(1)");
        else if (part[0] === "i") {
          lines.push(
            `start, g = x, gradients.input_gradient(model, x, ${loss(label)})`,
            `x = (x - ${IMAGE_STEP} * g / g.norm()).clamp(0, 1)`,
          );
          if (i === last)
            lines.push(`predicted, measured = (g * (x - start)).sum(), (${loss(label)}(model(x)) - ${loss(label)}(model(start)))`);
        } else if (part[0] === "s") {
          if (i === last)
            lines.push(
              `before = ${loss(label)}(model(x)).detach()`,
              `predicted = -${RATES[part[1]]} * gradients.per_sample_gradient_norms(model, x, ${loss(label)}).square().sum()`,
            );
          lines.push(
            "model.zero_grad()",
            `${loss(label)}(model(x)).backward()`,
            `torch.optim.SGD(model.parameters(), lr=${RATES[part[1]]}).step()`,
          );
          if (i === last) lines.push(`measured = ${loss(label)}(model(x)) - before`);
        } else if (part !== ".") {
          const [row, column] = [Number(part.slice(1, 3)), Number(part.slice(3))];
          lines.push(
            `x[0, :, ${Math.max(0, row - 1)}:${row + 2}, ${Math.max(0, column - 1)}:${column + 2}] = torch.tensor(${JSON.stringify(COLOR_OF[part[0]])}).double()[:, None, None]`,
          );
        }
      });
      if (parts[last] === ".")
        lines.push(
          "predicted, measured = (gradients.input_gradient(model, start, P) * (x - start)).sum(), model(x)[0, P] - model(start)[0, P]",
        );
      lines.push("print(model(x).softmax(1).max().item(), gradients.per_sample_gradient_norms(model, x).norm().item())");
      if (last >= 0) lines.push("print(predicted.item(), measured.item())");
      return pythonImage(this.state.sign) + lines.join("\n");
    }
  }

  // ---- Exhibit 3: why P, rather than Q? ----

  // {objective: the question and its objective in words, the objective in Python}
  const QUESTIONS = {
    logit: ["Why P? (z_P)", "None"],
    loss: ["P rather than Q (−log p_Q)", "gradients.contrast_loss(Q)"],
    difference: ["P rather than Q (z_P − z_Q)", "gradients.logit_difference(Q)"],
  };

  class Contrast extends Exhibit {
    constructor(host) {
      super(host, "contrast", {
        sign: choice(NAMES, "speed 30"),
        contrast: choice(NAMES, "speed 50"),
        question: choice(
          Object.keys(QUESTIONS),
          "loss",
          Object.fromEntries(Object.entries(QUESTIONS).map(([name, [label]]) => [name, label])),
        ),
        outline: choice(["shown", "hidden"]),
      });
    }
    build() {
      this.add("sign", "image");
      this.add("contrast", "class Q");
      this.add("question", "objective");
      this.add("outline", "true difference");
      this.image = this.canvas("the image");
      this.saliency = this.canvas("magnitude of the gradient with respect to the image");
      this.cam = this.canvas("Grad-CAM map");
      this.paths = [1, 2, 3].map(() => el("svg:path"));
      const stack = (canvas, k) => [
        canvas,
        el("svg:svg", { class: "live-outline", viewBox: `0 0 ${SIZE} ${SIZE}`, "aria-hidden": "true" }, this.paths[k]),
      ];
      this.captions = [
        this.figure("", ...stack(this.image, 0)),
        this.figure("", ...stack(this.saliency, 1)),
        this.figure("", ...stack(this.cam, 2)),
      ];
    }
    async compute() {
      const { sign, contrast, question } = this.state,
        Q = NAMES.indexOf(contrast),
        image = renderSign(sign);
      const { P, p, results } = await this.engine.call("run", {
        image,
        objectives: [[question, question === "loss" ? { label: Q } : { contrast: Q }]],
      });
      const { input, cam, squares, J } = results[0],
        mask = differenceMask(NAMES.indexOf(sign), Q),
        map = largestChannel(input);
      return {
        image,
        P,
        p: p[P],
        J,
        map,
        cam,
        norm: total(squares),
        mask,
        hits: [map, upsample(cam, SIZE / 4)].map((one) => precisionAtK(one, mask)),
        share: mask.filter(Boolean).length / AREA,
      };
    }
    draw({ image, P, p, map, cam, mask, hits, share }) {
      drawImage(this.image, image);
      drawMagnitude(this.saliency, map);
      drawSigned(this.cam, upsample(cam, SIZE / 4));
      const path = this.state.outline === "shown" ? outline(mask) : "";
      this.paths.forEach((one) => one.setAttribute("d", path));
      const rate = (k) => (share ? `; precision at k: ${hits[k].toFixed(2)}` : "");
      this.captions[0].textContent = `prediction: ${NAMES[P]}, ${percent(p)}`;
      this.captions[1].textContent = `|∂J/∂x|, dark where it is large${rate(0)}`;
      this.captions[2].textContent = `Grad-CAM, orange: increases J, blue: decreases J${rate(1)}`;
    }
    sentence({ P, p, norm, hits, share }) {
      const where = share
        ? `The true difference between ${this.state.sign} and ${this.state.contrast} covers ${(100 * share).toFixed(1)}% of the pixels. Of as many highest pixels, the saliency map has ${(100 * hits[0]).toFixed(0)}% inside it, the Grad-CAM map ${(100 * hits[1]).toFixed(0)}%.`
        : "The image already shows Q, therefore there is no true difference.";
      return `The network predicts ${NAMES[P]} with a confidence of ${percent(p)}. The gradient norm of the objective is ${digits(norm)}. ${where}`;
    }
    numbers({ p, J, norm, hits }) {
      return [p, J, norm, ...hits];
    }
    python() {
      const { sign, contrast, question } = this.state,
        code = QUESTIONS[question][1],
        other = sign === contrast ? "" : contrast;
      const Q = `Q = data.SIGNS.index("${contrast}")\nJ = gradients.as_objective(${code})\n`;
      const mask = other
        ? `mask = data.counterfactual_pairs("${sign}", "${other}", scene=scene).difference[:, 0]\n`
        : "mask = torch.zeros(1, 48, 48).bool()\n";
      const maps =
        'saliency = gradients.input_gradient(model, x, J).abs().amax(1)\ncam = attribution.upsample(attribution.grad_cam(model, x, "block3", J), 48)\n';
      return `${pythonImage(sign)}${Q}${mask}${maps}print(model(x).softmax(1).max().item(), J(model(x)).item(), gradients.per_sample_gradient_norms(model, x, J).norm().item())\nprint(*(attribution.precision_at_k(map, mask).item() for map in (saliency, cam)))`;
    }
  }

  // ---- Exhibit 4: the norms of all layers ----

  const NORM_OBJECTIVES = {
    "confounding label": ["confounding", "gradients.confounding_label_loss()"],
    "divergence from uniform": ["uniform", "gradients.kl_from_uniform()"],
    "loss of the prediction": ["loss", "gradients.cross_entropy(model(x).argmax(1))"],
  };
  const CORRUPTED = Object.fromEntries(DATA.corrupted.map((entry) => [`${entry.sign}, ${entry.corruption} (corrupted)`, entry]));
  const NOVEL = Object.fromEntries(DATA.novel.map((name) => [`${name} (novel class)`, name]));

  class Norms extends Exhibit {
    constructor(host) {
      super(host, "norms", {
        image: choice([...NAMES, ...Object.keys(CORRUPTED), ...Object.keys(NOVEL)]),
        objective: choice(Object.keys(NORM_OBJECTIVES)),
        shift: range(DATA.shifts[0], DATA.shifts.at(-1), DATA.shifts[1] - DATA.shifts[0], 0),
      });
    }
    build() {
      this.add("image", "image");
      this.add("objective", "objective");
      this.add("shift", "added to every logit", (v) => (v > 0 ? `+${v}` : String(v)));
      this.canvasBox = this.canvas("the image");
      this.caption = this.figure("", this.canvasBox);
      this.rows = [...DATA.clean.layers, "all layers"].map((layer) => {
        const parts = ["live-band", "live-median", "live-dot"].map((name) => el("i", { class: name })),
          value = el("b");
        return {
          row: el("div", { class: "live-row" }, el("span", {}, layer), el("span", { class: "live-track" }, ...parts), value),
          parts,
          value,
        };
      });
      this.view.append(
        el(
          "div",
          { class: "live-wide" },
          el(
            "p",
            {},
            `Gradient norm of each layer, on a logarithmic scale. Bar: 90% of ${DATA.clean.n} clean images, with their median. Dot: this image; it is a diamond outside the bar.`,
          ),
          ...this.rows.map(({ row }) => row),
        ),
      );
    }
    async compute() {
      const { image, objective, shift } = this.state,
        corrupted = CORRUPTED[image],
        [name] = NORM_OBJECTIVES[objective];
      const x = corrupted ? decode(corrupted.image, [0, 1]) : renderSign(NOVEL[image] ?? image);
      const { P, p, results } = await this.engine.call("run", { image: x, objectives: [[name, {}]], shift });
      const norms = DATA.clean.layers.map((layer) => Math.sqrt(results[0].squares[layer]));
      return {
        x,
        P,
        p: p[P],
        norms: [...norms, norm(norms)],
        quantiles: DATA.clean.quantiles[name === "confounding" ? `confounding ${shift}` : name],
      };
    }
    outside(norms, [low, , high]) {
      return norms.map((v, l) => (v > high[l] ? 1 : v < low[l] ? -1 : 0));
    }
    draw({ x, P, p, norms, quantiles }) {
      drawImage(this.canvasBox, x);
      this.caption.textContent = `prediction: ${NAMES[P]}, ${percent(p)}`;
      const values = [...quantiles.flat(), ...norms].filter((v) => v > 0),
        from = Math.log10(Math.max(Math.min(...values), Math.max(...values) * 1e-8)),
        to = Math.log10(Math.max(...values));
      const at = (v) => 100 * clip((Math.log10(Math.max(v, 1e-300)) - from) / (to - from));
      const outside = this.outside(norms, quantiles);
      this.rows.forEach(({ parts: [band, median, dot], value }, l) => {
        const [low, middle, high] = quantiles.map((row) => at(row[l]));
        Object.assign(band.style, { left: `${low}%`, width: `${high - low}%` });
        median.style.left = `${middle}%`;
        dot.style.left = `${at(norms[l])}%`;
        dot.classList.toggle("outside", outside[l] !== 0);
        value.textContent = digits(norms[l]);
      });
    }
    sentence({ P, p, norms, quantiles }) {
      const outside = this.outside(norms, quantiles),
        layers = outside.slice(0, -1),
        count = (side) => layers.filter((v) => v === side).length;
      const where = ["below", "inside", "above"][outside.at(-1) + 1];
      return `The network predicts ${NAMES[P]} with a confidence of ${percent(p)}. The norm over all layers is ${digits(norms.at(-1))}, ${where} the range of 90% of the clean images, whose median is ${digits(quantiles[1].at(-1))}. ${count(1)} of ${layers.length} layers are above their range and ${count(-1)} below it.`;
    }
    numbers({ p, norms }) {
      return [p, ...norms];
    }
    python() {
      const { image, objective, shift } = this.state,
        corrupted = CORRUPTED[image],
        code = NORM_OBJECTIVES[objective][1];
      const extra = corrupted ? `x = data.corrupt(x.float(), "${corrupted.corruption}", ${corrupted.severity}).double()\n` : "";
      const J = shift ? `J = lambda z: ${code}(z + ${shift})\n` : `J = ${code}\n`;
      return `${pythonImage(corrupted?.sign ?? NOVEL[image] ?? image)}${extra}${J}norms = gradients.per_sample_gradient_norms(model, x, J)[0]\nprint(model(x).softmax(1).max().item(), *norms.tolist(), norms.norm().item())`;
    }
  }

  // ---- Exhibit 5: adversarial attacks ----

  class Attack extends Exhibit {
    constructor(host) {
      super(host, "attack", { sign: choice(NAMES), eps: range(0, 16, 0.5, 4), method: choice(["FGSM, one step", "PGD, ten steps"]) });
    }
    build() {
      this.add("sign", "sign");
      this.add("eps", "budget ε", (v) => `${v} / 255`);
      this.add("method", "attack");
      [this.original, this.difference, this.attacked] = ["original image", "change of the image", "attacked image"].map((label) =>
        this.canvas(label),
      );
      this.captions = [
        this.figure("original", this.original),
        this.figure("change, scaled to the full range", this.difference),
        this.figure("", this.attacked),
      ];
      this.confidence = chart("Confidence along the attack");
      this.norms = chart("Gradient norm of the loss of the prediction along the attack");
      this.figure("confidence; filled dots: the original prediction", this.confidence);
      this.figure("gradient norm of the loss of the current prediction", this.norms);
    }
    // PGD without a random start: the step size is 2.5 ε / 10, as in the library.
    attack(sign, epsilon, pgd) {
      const eps = epsilon / 255;
      return this.engine.call("attack", { image: renderSign(sign), eps, alpha: (pgd ? 0.25 : 1) * eps, steps: pgd ? 10 : 1 });
    }
    async compute() {
      const { sign, eps, method } = this.state,
        image = renderSign(sign),
        pgd = method.startsWith("PGD");
      const { curve } = this,
        result = await this.attack(sign, eps, pgd);
      if (!pgd) curve.set(eps, result.path.at(-1));
      return { image, pgd, adversarial: result.image, label: result.label, path: result.path, last: result.path.at(-1) };
    }
    draw(result) {
      const { image, pgd, adversarial, last } = result;
      drawImage(this.original, image);
      drawImage(this.attacked, adversarial);
      const eps = this.state.eps / 255 || 1;
      drawPixels(this.difference, SIZE, (i) => [0, 1, 2].map((c) => 0.5 + (adversarial[i + c * AREA] - image[i + c * AREA]) / (2 * eps)));
      this.captions[2].textContent = `prediction: ${NAMES[last.P]}, ${percent(last.p)}`;
      this.drawCurves(result);
      if (!pgd)
        this.fillCurve(
          Array.from({ length: 17 }, (_, eps) => eps),
          async (eps) => (await this.attack(this.state.sign, eps, false)).path.at(-1),
        );
    }
    // For PGD the points are its steps, for FGSM they are other values of ε.
    points({ pgd, path }) {
      return pgd ? path.map((point, step) => [step, point]) : [...this.curve].sort(([a], [b]) => a - b);
    }
    drawCurves(result) {
      const { pgd, label } = result,
        path = this.points(result);
      const x = pgd ? [0, 10, "step", [0, 2, 4, 6, 8, 10]] : [0, 16, "ε in units of 1/255", [0, 4, 8, 12, 16]],
        marker = pgd ? 10 : this.state.eps;
      drawChart(this.confidence, { x, y: [0, 1, [0, 0.5, 1]], marker, series: [{ points: path.map(([at, { p }]) => [at, p]) }] });
      [...this.confidence.querySelectorAll("circle")].forEach((dot, i) => dot.classList.toggle("hollow", path[i][1].P !== label));
      const norms = path.map(([, point]) => Math.max(point.norm, 1e-6)),
        from = Math.floor(Math.log10(Math.min(...norms))),
        to = Math.ceil(Math.log10(Math.max(...norms)));
      const powers = Array.from({ length: to - from + 1 }, (_, i) => Number((10 ** (from + i)).toPrecision(1)));
      drawChart(this.norms, {
        x,
        y: [powers[0], powers.at(-1), powers.filter((_, i) => (to - i) % 2 === 0 || powers.length < 6)],
        log: true,
        marker,
        series: [{ points: path.map(([at, { norm }]) => [at, norm]) }],
      });
    }
    sentence(result) {
      const { label, last } = result,
        peak = this.points(result).reduce((best, one) => (one[1].norm > best[1].norm ? one : best)),
        unit = this.state.method.startsWith("PGD") ? `at step ${peak[0]}` : `at ε = ${peak[0]} / 255`;
      const verdict = last.P === label ? "The prediction has not changed." : `The attack succeeded: the prediction was ${NAMES[label]}.`;
      return `After the attack the network predicts ${NAMES[last.P]} with a confidence of ${percent(last.p)}. ${verdict} The gradient norm of the loss of the prediction is ${digits(last.norm)}; its largest value on the curve is ${digits(peak[1].norm)}, ${unit}.`;
    }
    numbers({ last }) {
      return [last.p, last.norm];
    }
    python({ pgd }) {
      const { sign, eps } = this.state,
        call = pgd
          ? `uncertainty.pgd(model, x, eps=${eps} / 255, n_steps=10, random_start=False)`
          : `uncertainty.fgsm(model, x, eps=${eps} / 255)`;
      return `${pythonImage(sign)}x = ${call}\nJ = gradients.cross_entropy(model(x).argmax(1))\nprint(model(x).softmax(1).max().item(), gradients.per_sample_gradient_norms(model, x, J).norm().item())`;
    }
  }

  const EXHIBITS = { hue: Hue, paint: Paint, contrast: Contrast, norms: Norms, attack: Attack };
  globalThis.LiveExhibits = {
    renderSign,
    create(host) {
      return new EXHIBITS[host.dataset.exhibit](host);
    },
    start(host) {
      host.exhibit = this.create(host);
      return host.exhibit.start();
    },
  };
})();
