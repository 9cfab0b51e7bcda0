// The exhibit “hue”: the hue of a sign.
(() => {
  "use strict";
  const { Exhibit, choice, range, digits, percent, drawImage, drawChart, chart, pythonImage, NAMES, total, renderSign } = LiveExhibits;
  const { cleanNorms, position, isUnconfident, comparedConfidence } = LiveExhibits;

  // [objective of the engine, its name, its meaning, the objective in Python]
  const HUE_OBJECTIVES = [
    ["loss", "loss of the prediction", "−log p of the predicted class", "gradients.cross_entropy(model(x).argmax(1))"],
    ["uniform", "divergence from uniform", "the difference between p and equal probabilities", "gradients.kl_from_uniform()"],
    ["confounding", "confounding label", "all classes marked as correct", "gradients.confounding_label_loss()"],
  ];
  const HUE_STEP = 10;

  class Hue extends Exhibit {
    constructor(host) {
      super(host, "hue", { sign: choice(NAMES), hue: range(0, 360, HUE_STEP, 0) });
    }
    build() {
      this.add("sign", "sign");
      this.add("hue", "rotation of the hue", (v) => `${v}°`);
      this.image = this.canvas("the sign");
      this.caption = this.figureAlone("", this.image);
      this.confidence = chart("Confidence against the rotation of the hue");
      this.figure("confidence; orange, hollow dots: the network predicts another class than that of the unchanged sign", this.confidence);
      this.charts = HUE_OBJECTIVES.map(([name, label, meaning]) => {
        const svg = chart(`Gradient norm of the ${label} against the rotation of the hue`);
        const edge = name === "loss" ? "; smaller values than a tenth of the band are drawn on the lower edge" : "";
        this.figure(`gradient norm, ${label} (${meaning}); band: 90% of ${LIVE_DATA.clean.n} clean images${edge}`, svg);
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
      const common = { x: [0, 360, "rotation of the hue in degrees", ticks], marker: hue, spacing: HUE_STEP, filling: this.filling };
      const confidences = points.map(([angle, { P, p }]) => [angle, p, NAMES[P] !== sign]);
      drawChart(this.confidence, { ...common, y: [0, 1, [0, 0.5, 1]], points: confidences });
      HUE_OBJECTIVES.forEach(([name], k) => {
        const [low, , high] = cleanNorms(name);
        const norms = points.map(([angle, { norms }]) => [angle, Math.max(norms[k], low / 10)]);
        drawChart(this.charts[k], { ...common, band: [low, high], points: norms });
      });
    }
    // Where each norm lies relative to the band of the clean images.
    positions(norms) {
      return HUE_OBJECTIVES.map(([name], k) => {
        const [low, , high] = cleanNorms(name);
        return position(norms[k], low, high);
      });
    }
    draw({ image, P, p, norms }) {
      drawImage(this.image, image);
      const where = this.positions(norms).map((text, k) => `${HUE_OBJECTIVES[k][1]}: ${text}`);
      this.caption.textContent = `prediction: ${NAMES[P]}, ${percent(p)}. Norms relative to their bands: ${where.join(", ")}`;
      const angles = Array.from({ length: 360 / HUE_STEP + 1 }, (_, k) => HUE_STEP * k);
      this.fillCurve(angles, (angle) => this.at(this.state.sign, angle));
      this.drawCurves();
    }
    // Whether the confidence and the norms indicate that an image with another hue is unusual.
    indications(p, positions) {
      const compared = ` The confidence is ${comparedConfidence(p)}, so it`;
      if (isUnconfident(p)) return `${compared} alone indicates an unusual image.`;
      const outside = [1, 2].filter((k) => positions[k] !== "inside").map((k) => HUE_OBJECTIVES[k][1]);
      const norms = [
        "The norms for the divergence from uniform and the confounding label do not indicate it either, because they lie inside their bands.",
        `However, the norm for the ${outside[0]} lies outside its band, which indicates an unusual image but also happens for one in ten clean images.`,
        `However, the norms for the ${outside.join(" and the ")} lie outside their bands, which indicates an unusual image but also happens to each norm for one in ten clean images.`,
      ][outside.length];
      const small = positions[0] === "below" ? " The norm for the loss of the prediction is small because the confidence is high." : "";
      return `${compared} does not indicate that the image is unusual. ${norms}${small}`;
    }
    sentence({ P, p, norms }) {
      const { sign, hue } = this.state;
      const positions = this.positions(norms),
        list = HUE_OBJECTIVES.map(([, label], k) => `${label} ${digits(norms[k])} (${positions[k]})`).join(", ");
      const unchanged = positions.every((text) => text === "inside")
        ? ""
        : " One in ten clean images lies outside of each band, and this unchanged sign is one of them.";
      const end = hue % 360 ? this.indications(p, positions) : unchanged;
      const truth = NAMES[P] === sign ? ", the class of the unchanged sign," : ` instead of ${sign}`;
      return `With a rotation of ${hue} degrees the network predicts ${NAMES[P]}${truth} with a confidence of ${percent(p)}. The norms of the gradients with respect to the weights, with their positions relative to the bands of clean images, are: ${list}.${end}`;
    }
    numbers({ p, norms }) {
      return [p, ...norms];
    }
    python() {
      const list = HUE_OBJECTIVES.map(([, , , code]) => code).join(", ");
      return `${pythonImage(this.state.sign, this.state.hue)}print(model(x).softmax(1).max().item())\nfor J in (${list}):\n    print(gradients.per_sample_gradient_norms(model, x, J).norm().item())`;
    }
  }

  LiveExhibits.hue = Hue;
})();
