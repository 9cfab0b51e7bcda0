// The exhibit “attack”: adversarial attacks.
(() => {
  "use strict";
  const { SIZE } = Live;
  const {
    Exhibit,
    choice,
    range,
    digits,
    percent,
    drawPixels,
    drawImage,
    drawChart,
    chart,
    pythonImage,
    AREA,
    NAMES,
    renderSign,
    cleanNorms,
    position,
    comparedConfidence,
  } = LiveExhibits;

  class Attack extends Exhibit {
    constructor(host) {
      super(host, "attack", { sign: choice(NAMES), eps: range(0, 16, 0.5, 4), method: choice(["FGSM, one step", "PGD, ten steps"]) });
    }
    build() {
      this.add("sign", "sign");
      this.add("eps", "budget ε", (v) => `${v} / 255`);
      this.add("method", "attack");
      [this.original, this.attacked, this.difference] = ["original image", "attacked image", "change of the image"].map((label) =>
        this.canvas(label),
      );
      this.figure("original image", this.original);
      this.caption = this.figure("", this.attacked);
      this.figureAlone("change of the image, by at most ε in each color of each pixel, amplified to the full range of colors", this.difference);
      this.confidence = chart("Confidence along the attack");
      this.norms = chart("Gradient norm of the loss of the prediction along the attack");
      this.figure("confidence; orange, hollow dots: the network predicts another class than before the attack", this.confidence);
      this.figure(`gradient norm of the loss of the current prediction (−log p of the predicted class); band: 90% of ${LIVE_DATA.clean.n} clean images`, this.norms);
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
      this.caption.textContent = `attacked image, prediction: ${NAMES[last.P]}, ${percent(last.p)}`;
      if (!pgd)
        this.fillCurve(
          Array.from({ length: 17 }, (_, eps) => eps),
          async (eps) => (await this.attack(this.state.sign, eps, false)).path.at(-1),
        );
      this.drawCurves(result);
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
      const confidences = path.map(([at, { P, p }]) => [at, p, P !== label]);
      const filling = this.filling && !pgd;
      drawChart(this.confidence, { x, spacing: 1, filling, y: [0, 1, [0, 0.5, 1]], marker, points: confidences });
      const [low, , high] = cleanNorms("loss"),
        norms = path.map(([at, { norm }]) => [at, Math.max(norm, 1e-6)]);
      drawChart(this.norms, { x, spacing: 1, filling, marker, band: [low, high], points: norms });
    }
    sentence(result) {
      const { label, last, pgd } = result,
        peak = this.points(result).reduce((best, one) => (one[1].norm > best[1].norm ? one : best)),
        unit = pgd ? `at step ${peak[0]} of ${this.points(result).length - 1}` : `at ε = ${peak[0]} / 255`;
      // While points of the curve are missing, its largest value is not known.
      const largest = !pgd && this.filling ? "" : `; its largest value on the curve is ${digits(peak[1].norm)}, ${unit}`;
      const [low, , high] = cleanNorms("loss");
      const verdict = last.P === label ? "The prediction has not changed." : `The attack succeeded: the prediction was ${NAMES[label]}.`;
      return `After the attack the network predicts ${NAMES[last.P]} with a confidence of ${percent(last.p)}, ${comparedConfidence(last.p)}. ${verdict} The norm of the gradient of the loss of the prediction with respect to the weights is ${digits(last.norm)}, ${position(last.norm, low, high)} the band of clean images${largest}.`;
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

  LiveExhibits.attack = Attack;
})();
