// The exhibit “paint”: painting, and descent on the image or on the weights.
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
    outline,
    pythonImage,
    AREA,
    NAMES,
    clip,
    norm,
    total,
    renderSign,
    largestChannel,
  } = LiveExhibits;

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
  // The share of the paint in the mixture with the image, and the character that begins a stroke of this strength.
  const STRENGTHS = { "5%": ["-", 0.05], "25%": ["_", 0.25], "100%": [".", 1] };
  const STRENGTH_OF = Object.fromEntries(Object.values(STRENGTHS));
  // Norm of a change by 1/255 in each pixel and channel.
  const GRAY_LEVEL = Math.sqrt(3 * AREA) / 255;
  // What was done, so that a link can repeat it: "." begins a stroke, "k2430" paints 3×3 pixels black around row 24 and column 30,
  // "ie" is a step on the image towards class e, "s1e" a step on the weights with learning rate 1.
  const OPERATION = /[-_.]|[kwrby]\d{4}|i[a-n]|s[0-2][a-n]/g;
  const OPERATIONS = /^([-_.]([kwrby]\d{4})*|i[a-n]|s[0-2][a-n])*$/;
  const operations = {
    first: "",
    omitted: "",
    read(text) {
      const parts = text.match(OPERATION) ?? [];
      const inside = parts.every((part) => !/^[kwrby]/.test(part) || (Number(part.slice(1, 3)) < SIZE && Number(part.slice(3)) < SIZE));
      return OPERATIONS.test(text) && parts.length <= 400 && inside ? text : undefined;
    },
    write: String,
  };

  class Paint extends Exhibit {
    constructor(host) {
      super(host, "paint", {
        sign: choice(NAMES),
        target: choice(NAMES, "speed 50"),
        color: choice(Object.keys(COLORS)),
        strength: choice(Object.keys(STRENGTHS)),
        rate: choice(RATES, "0.001", {}, "0.0003"),
        done: operations,
      });
    }
    build() {
      this.add("sign", "sign");
      this.add("color", "brush");
      this.add("strength", "strength of the paint");
      this.add("target", "target class Q");
      this.add("rate", "learning rate (weights)");
      this.canvasBox = el("canvas", {
        width: SIZE,
        height: SIZE,
        tabindex: "0",
        role: "application",
        "aria-label": "Image of 48 by 48 pixels. The arrow keys move the cursor, with Shift by five pixels. Space paints, and the arrow keys continue the stroke while Space is held.",
      });
      this.cursor = el("span", { class: "live-cursor", hidden: "" });
      this.edge = el("svg:path");
      const edges = el("svg:svg", { class: "live-outline live-edge", viewBox: `0 0 ${SIZE} ${SIZE}`, "aria-hidden": "true" }, this.edge);
      this.caption = this.figure("", this.canvasBox, edges, this.cursor);
      this.saliency = this.canvas("magnitude of the gradient of the logit of the prediction");
      this.figureAlone("input gradient |∂z_P/∂x|: black where a small change of the image changes the logit of the prediction most", this.saliency);
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
        el("tr", {}, ...["last change of", "‖Δx‖ in gray levels", "predicted by the gradient", "measured"].map((title) => el("th", { scope: "col" }, title))),
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
        this.act(this.begin);
        paint(event);
      });
      this.canvasBox.addEventListener("pointermove", (event) => {
        if (this.canvasBox.hasPointerCapture(event.pointerId)) paint(event);
      });
      this.canvasBox.addEventListener("keydown", (event) => {
        const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
        if (move) {
          this.position = this.position.map((v, k) => Math.min(SIZE - 1, Math.max(0, v + move[k] * (event.shiftKey ? 5 : 1))));
          if (this.held) this.act(this.dab(this.position));
        } else if (event.key === " ") {
          if (!event.repeat) this.act(this.begin + this.dab(this.position));
          this.held = true;
        } else return;
        event.preventDefault();
        this.showCursor();
        this.canvasBox.setAttribute("aria-description", `Row ${this.position[0]}, column ${this.position[1]}`);
      });
      this.canvasBox.addEventListener("focus", () => this.canvasBox.matches(":focus-visible") && this.showCursor());
      this.canvasBox.addEventListener("keyup", (event) => event.key === " " && (this.held = false));
      this.canvasBox.addEventListener("blur", () => {
        this.cursor.hidden = true;
        this.held = false;
      });
    }
    showCursor() {
      const [row, column] = this.position;
      this.cursor.hidden = false;
      Object.assign(this.cursor.style, { top: `${((row - 1) / SIZE) * 100}%`, left: `${((column - 1) / SIZE) * 100}%` });
    }
    get begin() {
      return STRENGTHS[this.state.strength][0];
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
      if (key === "sign") this.restart();
      this.update();
    }
    // The brush, the target class and the learning rate stay.
    reset() {
      this.state.done = "";
      this.message.textContent = "";
      this.restart();
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
        context.globalAlpha = STRENGTHS[this.state.strength][1];
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
      } else if (operation in STRENGTH_OF) {
        const { P, results } = await this.engine.call("run", { image: this.x, objectives: [["logit", {}]], withNorms: false });
        this.stroke = { x: this.x, P, strength: STRENGTH_OF[operation], ...results[0] };
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
        this.change.distance = norm(next.map((v, i) => v - this.x[i])) / GRAY_LEVEL;
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
        // The paint is mixed with the image from before the stroke, so that a stroke that crosses itself does not become stronger.
        const [row, column] = [Number(operation.slice(1, 3)), Number(operation.slice(3))],
          { x: before, strength } = this.stroke;
        this.x = this.x.slice();
        for (let y = Math.max(0, row - 1); y <= Math.min(SIZE - 1, row + 1); y++) {
          for (let x = Math.max(0, column - 1); x <= Math.min(SIZE - 1, column + 1); x++)
            COLOR_OF[operation[0]].forEach((v, c) => {
              const i = c * AREA + y * SIZE + x;
              this.x[i] = (1 - strength) * before[i] + strength * v;
            });
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
          distance: norm(x.map((v, i) => v - start[i])) / GRAY_LEVEL,
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
        painted: this.stroke && Array.from({ length: AREA }, (_, i) => [0, 1, 2].some((c) => x[i + c * AREA] !== this.stroke.x[i + c * AREA])),
        change: this.change,
        steps: this.steps,
        names,
        others: this.otherPredictions,
      };
    }
    draw({ x, P, p, input, painted, change, steps, names, others }) {
      drawImage(this.canvasBox, x);
      this.edge.setAttribute("d", painted ? outline(painted) : "");
      this.caption.textContent = `prediction: ${NAMES[P]}, ${percent(p)}. Paint on the image with the mouse, a finger, or the arrow keys and Space (hold Space to continue a stroke).`;
      drawMagnitude(this.saliency, largestChannel(input));
      const cells = change
        ? [change.of, digits(change.distance ?? 0), digits(change.predicted), digits(change.actual)]
        : ["nothing yet", "", "", ""];
      this.changeTable.replaceChildren(el("tr", {}, ...cells.map((cell) => el("td", {}, cell))));
      const wrong = names.filter((name, i) => NAMES[others[i]] !== name).length;
      this.otherCaption.textContent = steps
        ? `After ${steps} ${steps === 1 ? "step" : "steps"} on the weights, ${wrong} of ${names.length} other images are classified incorrectly.`
        : change
          ? `The weights are unchanged, and therefore also the predictions for these ${names.length} other images:`
          : `Predictions for ${names.length} other images, which steps on the weights may change:`;
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
        ? ` The last change of ${change.of}, was ${digits(change.actual)}, and the gradient predicted ${digits(change.predicted)}. ${change.distance === undefined ? "The image is unchanged." : `The norm of the change of the image is ${digits(change.distance)} gray levels, where 1 gray level is a change of every value by 1/255.`}`
        : "";
      return `The network predicts ${NAMES[P]} with a confidence of ${percent(p)}.${text}${steps ? ` ${this.otherCaption.textContent}` : change ? " The weights and the predictions for other images are unchanged." : ""}`;
    }
    numbers({ p, norm, change }) {
      return [p, norm, ...(change ? [change.predicted, change.actual] : [])];
    }
    // The operations in Python. `before` and `after` are the objective of the last change.
    python() {
      const lines = [],
        parts = this.state.done.match(OPERATION) ?? [],
        isStroke = (part) => part in STRENGTH_OF,
        last = parts.findLastIndex((part) => !/^[kwrby]/.test(part));
      const loss = (label) => `gradients.cross_entropy(${label})`;
      let strength;
      parts.forEach((part, i) => {
        const label = index(part.at(-1));
        if (isStroke(part)) {
          strength = STRENGTH_OF[part];
          lines.push(`start${i === last ? ", P" : ""} = x.clone()${i === last ? ", model(x).argmax(1)" : ""}`);
        } else if (part[0] === "i") {
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
        } else {
          const [row, column] = [Number(part.slice(1, 3)), Number(part.slice(3))];
          const area = `[0, :, ${Math.max(0, row - 1)}:${row + 2}, ${Math.max(0, column - 1)}:${column + 2}]`,
            paint = `torch.tensor(${JSON.stringify(COLOR_OF[part[0]])}).double()[:, None, None]`;
          lines.push(`x${area} = ${strength === 1 ? paint : `${1 - strength} * start${area} + ${strength} * ${paint}`}`);
        }
      });
      if (isStroke(parts[last]))
        lines.push(
          "predicted, measured = (gradients.input_gradient(model, start, P) * (x - start)).sum(), model(x)[0, P] - model(start)[0, P]",
        );
      lines.push("print(model(x).softmax(1).max().item(), gradients.per_sample_gradient_norms(model, x).norm().item())");
      if (last >= 0) lines.push("print(predicted.item(), measured.item())");
      return pythonImage(this.state.sign) + lines.join("\n");
    }
  }

  LiveExhibits.paint = Paint;
})();
