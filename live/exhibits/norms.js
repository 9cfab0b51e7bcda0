// The exhibit “norms”: the norms of all layers.
(() => {
  "use strict";
  const { Exhibit, choice, range, el, digits, percent, drawImage, pythonImage, NAMES, clip, norm, decode, renderSign, position, powerOfTen, comparedConfidence } =
    LiveExhibits;

  const NORM_OBJECTIVES = {
    "confounding label": ["confounding", "gradients.confounding_label_loss()"],
    "divergence from uniform": ["uniform", "gradients.kl_from_uniform()"],
    "loss of the prediction": ["loss", "gradients.cross_entropy(model(x).argmax(1))"],
  };
  const CORRUPTED = Object.fromEntries(LIVE_DATA.corrupted.map((entry) => [`${entry.sign}, ${entry.corruption} (corrupted)`, entry]));
  const NOVEL = Object.fromEntries(LIVE_DATA.novel.map((name) => [`${name} (novel class)`, name]));

  class Norms extends Exhibit {
    constructor(host) {
      super(host, "norms", {
        image: choice([...NAMES, ...Object.keys(CORRUPTED), ...Object.keys(NOVEL)]),
        objective: choice(Object.keys(NORM_OBJECTIVES)),
        shift: range(LIVE_DATA.shifts[0], LIVE_DATA.shifts.at(-1), LIVE_DATA.shifts[1] - LIVE_DATA.shifts[0], 0),
      });
    }
    build() {
      this.add("image", "image");
      this.add("objective", "objective");
      this.add("shift", "added to every logit", (v) => (v > 0 ? `+${v}` : String(v)));
      this.canvasBox = this.canvas("the image");
      this.caption = this.figureAlone("", this.canvasBox);
      this.axis = el("span", { class: "live-track" });
      this.rows = [...LIVE_DATA.clean.layers, "all layers"].map((layer) => {
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
            `Norm of the gradient of the objective with respect to the weights of each layer (convolutions, batch normalizations and the linear layer “head”), on a logarithmic scale that adapts to the values. Bar: 90% of ${LIVE_DATA.clean.n} clean images, with their median. Dot: this image; it is a diamond outside the bar.`,
          ),
          ...this.rows.map(({ row }) => row),
          el("div", { class: "live-row live-axis", "aria-hidden": "true" }, el("span"), this.axis),
        ),
      );
    }
    async compute() {
      const { image, objective, shift } = this.state,
        corrupted = CORRUPTED[image],
        [name] = NORM_OBJECTIVES[objective];
      const x = corrupted ? decode(corrupted.image, [0, 1]) : renderSign(NOVEL[image] ?? image);
      const { P, p, results } = await this.engine.call("run", { image: x, objectives: [[name, {}]], shift });
      const norms = LIVE_DATA.clean.layers.map((layer) => Math.sqrt(results[0].squares[layer]));
      return {
        x,
        P,
        p: p[P],
        norms: [...norms, norm(norms)],
        quantiles: LIVE_DATA.clean.quantiles[name === "confounding" ? `confounding ${shift}` : name],
      };
    }
    positions(norms, [low, , high]) {
      return norms.map((v, l) => position(v, low[l], high[l]));
    }
    draw({ x, P, p, norms, quantiles }) {
      drawImage(this.canvasBox, x);
      const positions = this.positions(norms, quantiles);
      this.caption.textContent = `prediction: ${NAMES[P]}, ${percent(p)}. Norm over all layers: ${positions.at(-1)} its bar`;
      const values = [...quantiles.flat(), ...norms].filter((v) => v > 0),
        from = Math.log10(Math.max(Math.min(...values), Math.max(...values) * 1e-8)),
        to = Math.log10(Math.max(...values));
      const at = (v) => 100 * clip((Math.log10(Math.max(v, 1e-300)) - from) / (to - from));
      const powers = Array.from({ length: Math.floor(to) - Math.ceil(from) + 1 }, (_, i) => Math.ceil(from) + i),
        shown = powers.filter((_, i) => i % Math.ceil(powers.length / 4) === 0);
      this.axis.replaceChildren(...shown.map((k) => el("i", { style: `left: ${at(10 ** k)}%` }, powerOfTen(k))));
      this.rows.forEach(({ parts: [band, median, dot], value }, l) => {
        const [low, middle, high] = quantiles.map((row) => at(row[l]));
        Object.assign(band.style, { left: `${low}%`, width: `${high - low}%` });
        median.style.left = `${middle}%`;
        dot.style.left = `${at(norms[l])}%`;
        dot.classList.toggle("outside", positions[l] !== "inside");
        value.textContent = digits(norms[l]);
      });
    }
    sentence({ P, p, norms, quantiles }) {
      const positions = this.positions(norms, quantiles),
        layers = positions.slice(0, -1),
        count = (side) => layers.filter((v) => v === side).length;
      const { image, objective, shift } = this.state,
        unknown = NOVEL[image] ? ` It cannot predict ${NOVEL[image]}, because this class was not in its training set.` : "";
      const invariant = NORM_OBJECTIVES[objective][0] !== "confounding";
      const shifted = shift
        ? ` The constant changes no probability${invariant ? ", and therefore also no norm of this objective." : ", but it changes the norms of this objective. The bars are those of clean images with the same constant."}`
        : "";
      return `The network predicts ${NAMES[P]} with a confidence of ${percent(p)}, ${comparedConfidence(p)}.${unknown} The norm over all layers is ${digits(norms.at(-1))}, ${positions.at(-1)} the range of 90% of the clean images, whose median is ${digits(quantiles[1].at(-1))}. ${count("above")} of ${layers.length} layers are above their range and ${count("below")} below it.${shifted}`;
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

  LiveExhibits.norms = Norms;
})();
