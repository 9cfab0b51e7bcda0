// The worker in which the network runs, so that the page stays responsive: `await new LiveExhibits.Engine().call(task, input)`.
(() => {
  "use strict";

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

  Object.assign((globalThis.LiveExhibits ??= {}), { Engine });
})();
