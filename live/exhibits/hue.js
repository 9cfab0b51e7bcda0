// The exhibit “hue”: the hue of a sign.
(() => {
  "use strict";
  const { Exhibit, choice, range, digits, percent, drawImage, drawChart, chart, pythonImage, NAMES, total, renderSign } = LiveExhibits;

  const HUE_OBJECTIVES = [
    ["loss", "loss of the prediction", "gradients.cross_entropy(model(x).argmax(1))"],
    ["uniform", "divergence from uniform", "gradients.kl_from_uniform()"],
    ["confounding", "confounding label", "gradients.confounding_label_loss()"],
  ];
  const HUE_STEP = 10;
  const clean = (objective) =>
    LIVE_DATA.clean.quantiles[objective === "confounding" ? "confounding 0" : objective].map((row) => row.at(-1));

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
      this.charts = HUE_OBJECTIVES.map(([, label]) => {
        const svg = chart(`Gradient norm of the ${label} against the rotation of the hue`);
        this.figure(`gradient norm, ${label}; band: 90% of ${LIVE_DATA.clean.n} clean images`, svg);
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

  LiveExhibits.hue = Hue;
})();
