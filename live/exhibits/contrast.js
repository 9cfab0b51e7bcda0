// The exhibit “contrast”: why P, rather than Q?
(() => {
  "use strict";
  const { SIZE } = Live;
  const {
    Exhibit,
    choice,
    el,
    digits,
    percent,
    drawImage,
    drawMagnitude,
    drawSigned,
    outline,
    pythonImage,
    AREA,
    NAMES,
    total,
    renderSign,
    differenceMask,
    precisionAtK,
    upsample,
    largestChannel,
  } = LiveExhibits;

  // {objective: the question and its objective in words, the objective in Python}
  const QUESTIONS = {
    logit: ["Why P? (z_P)", "None"],
    loss: ["contrast: loss −log p_Q", "gradients.contrast_loss(Q)"],
    difference: ["contrast: logits z_P − z_Q", "gradients.logit_difference(Q)"],
  };

  class Contrast extends Exhibit {
    constructor(host) {
      super(host, "contrast", {
        sign: choice(NAMES, "speed 30"),
        contrast: choice(NAMES, "speed 50"),
        question: choice(
          Object.keys(QUESTIONS),
          "logit",
          Object.fromEntries(Object.entries(QUESTIONS).map(([name, [label]]) => [name, label])),
          "loss",
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
      this.saliency = this.canvas("magnitude of the input gradient");
      this.cam = this.canvas("Grad-CAM map");
      this.paths = [1, 2, 3].map(() => el("svg:path"));
      const stack = (canvas, k) => [
        canvas,
        el("svg:svg", { class: "live-outline", viewBox: `0 0 ${SIZE} ${SIZE}`, "aria-hidden": "true" }, this.paths[k]),
      ];
      this.captions = [
        this.figure("", ...stack(this.image, 0)),
        this.figure("", ...stack(this.saliency, 1)),
        this.figureAlone("", ...stack(this.cam, 2)),
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
      const rate = (k) => (share ? `; precision at k: ${hits[k].toFixed(2)} (chance: ${share.toFixed(2)})` : "");
      this.captions[0].textContent = `prediction: ${NAMES[P]}, ${percent(p)}`;
      this.captions[1].textContent = `input gradient |∂J/∂x|, dark where it is large${rate(0)}`;
      this.captions[2].textContent = `Grad-CAM, orange: increases J, blue: decreases J${rate(1)}`;
    }
    sentence({ P, p, norm, hits, share }) {
      const { question, contrast } = this.state;
      const alike = question !== "logit" && p > 0.99 && NAMES[P] !== contrast;
      const note =
        question === "difference" && NAMES[P] === contrast
          ? " P and Q are the same class, so the objective is constant and both maps are empty."
          : alike
            ? " Because p_P is close to 1, −log p_Q is almost equal to z_P − z_Q, so that both contrasts give almost the same maps."
            : "";
      const where = share
        ? `The true difference between ${this.state.sign} and ${this.state.contrast} covers ${(100 * share).toFixed(1)}% of the pixels. Of the same number of pixels with the highest values, ${(100 * hits[0]).toFixed(0)}% are inside it for the input gradient and ${(100 * hits[1]).toFixed(0)}% for Grad-CAM. By chance, ${(100 * share).toFixed(1)}% of them would be inside.`
        : "The image already shows Q, so there is no true difference.";
      return `The network predicts P = ${NAMES[P]} with a confidence of ${percent(p)}. ${where}${note} The gradient of the objective with respect to the weights has the norm ${digits(norm)}.`;
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

  LiveExhibits.contrast = Contrast;
})();
