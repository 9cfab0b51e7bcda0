// The sign classifier of the course and its gradients in a browser: plain JavaScript, double precision, no library.
//
//   const network = new Live.Network(Live.parseWeights(base64));   // the shipped file of weights
//   const z = network.forward(image);                              // Float64Array(3 · 48 · 48) in [0, 1] -> logits z
//   const delta = Live.OBJECTIVES.loss.delta(z, { label: 3 });     // δ = ∂J/∂z, section 1.2
//   const { input, parameters } = network.backward(delta);         // ∂J/∂x and ∂J/∂θ of every layer
//   const map = network.gradCam(delta);                            // Grad-CAM at block3, section 2.1
//
// The backward pass is the one of section 1.2: it starts with δ and multiplies it with one Jacobian after the other, from the
// logits to the image (vector–Jacobian products, VJP). Everything is inside one function, because a page that was opened from a
// folder may not load the file of a worker: exhibits.js starts the worker from the text of this function.
function defineLive(scope) {
  "use strict";
  const SIZE = 48, EPS = 1e-5; // height of an image; ε of PyTorch's batch normalization

  // A safetensors file: eight bytes with the length of the header, the header in JSON, the numbers. Returns name -> Float64Array.
  function parseWeights(base64) {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const start = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const tensors = {};
    for (const [name, entry] of Object.entries(JSON.parse(new TextDecoder().decode(bytes.subarray(8, start))))) {
      if (entry.dtype !== "F32") continue; // the number of training batches, and the notes of the file
      const [from, to] = entry.data_offsets;
      tensors[name] = Float64Array.from(new Float32Array(bytes.buffer.slice(start + from, start + to)));
    }
    return tensors;
  }

  // Feature maps (channels, size, size). Each has a border of zeros, so that a convolution needs no special case at the edge.
  class Maps {
    constructor(channels, size) {
      Object.assign(this, { channels, size, stride: size + 2, plane: (size + 2) ** 2 });
      this.data = new Float64Array(channels * this.plane);
    }
    // Calls visit(i, end, channel, row) for each row without its border; i … end are positions in `data`.
    rows(visit) {
      for (let c = 0; c < this.channels; c++) {
        for (let row = 0; row < this.size; row++) {
          const i = c * this.plane + (row + 1) * this.stride + 1;
          visit(i, i + this.size, c, row);
        }
      }
    }
  }

  // y += W ∗ x with 3×3 kernels. Two output channels at a time share the pixels that they read.
  function convolve3(x, W, y) {
    const { size, stride: S, plane: P } = y, X = x.data, Y = y.data, C = x.channels;
    for (let o = 0; o < y.channels; o += 2) {
      for (let c = 0; c < C; c++) {
        const k = 9 * (o * C + c), m = k + 9 * C;
        const v0 = W[k], v1 = W[k + 1], v2 = W[k + 2], v3 = W[k + 3], v4 = W[k + 4], v5 = W[k + 5], v6 = W[k + 6], v7 = W[k + 7], v8 = W[k + 8];
        const w0 = W[m], w1 = W[m + 1], w2 = W[m + 2], w3 = W[m + 3], w4 = W[m + 4], w5 = W[m + 5], w6 = W[m + 6], w7 = W[m + 7], w8 = W[m + 8];
        for (let row = 0; row < size; row++) {
          let p = c * P + row * S, q = o * P + (row + 1) * S + 1;
          let a = X[p], b = X[p + 1], d = X[p + S], e = X[p + S + 1], g = X[p + 2 * S], h = X[p + 2 * S + 1];
          for (const end = q + size; q < end; p++, q++) {
            const f = X[p + 2], i = X[p + S + 2], j = X[p + 2 * S + 2];
            Y[q] += v0 * a + v1 * b + v2 * f + v3 * d + v4 * e + v5 * i + v6 * g + v7 * h + v8 * j;
            Y[q + P] += w0 * a + w1 * b + w2 * f + w3 * d + w4 * e + w5 * i + w6 * g + w7 * h + w8 * j;
            a = b; b = f; d = e; e = i; g = h; h = j;
          }
        }
      }
    }
  }

  // y += W ∗ x with 1×1 kernels; four input channels at a time. The borders stay zero, because those of x are.
  function convolve1(x, W, y) {
    const P = y.plane, X = x.data, Y = y.data, C = x.channels;
    for (let o = 0; o < y.channels; o++) {
      for (let c = 0; c < C; c += 4) {
        const k = o * C + c, w0 = W[k], w1 = W[k + 1], w2 = W[k + 2], w3 = W[k + 3];
        for (let p = c * P, q = o * P, end = q + P; q < end; p++, q++) {
          Y[q] += w0 * X[p] + w1 * X[p + P] + w2 * X[p + 2 * P] + w3 * X[p + 3 * P];
        }
      }
    }
  }

  // ∂J/∂W of y = W ∗ x for 3×3 kernels, from g = ∂J/∂y. Each weight meets a shifted copy of x at every position, so that
  // ∂J/∂W = Σ over positions of g · shifted x: the product δ hᵀ of section 1.2, summed over the positions that share W.
  function correlate3(x, g, D) {
    const { size, stride: S, plane: P } = g, X = x.data, G = g.data;
    for (let o = 0, k = 0; o < g.channels; o++) {
      for (let c = 0; c < x.channels; c++, k += 9) {
        let s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0, s8 = 0;
        for (let row = 0; row < size; row++) {
          let p = c * P + row * S, q = o * P + (row + 1) * S + 1;
          let a = X[p], b = X[p + 1], d = X[p + S], e = X[p + S + 1], m = X[p + 2 * S], h = X[p + 2 * S + 1];
          for (const end = q + size; q < end; p++, q++) {
            const f = X[p + 2], i = X[p + S + 2], j = X[p + 2 * S + 2], v = G[q];
            s0 += v * a; s1 += v * b; s2 += v * f; s3 += v * d; s4 += v * e; s5 += v * i; s6 += v * m; s7 += v * h; s8 += v * j;
            a = b; b = f; d = e; e = i; m = h; h = j;
          }
        }
        D[k] = s0; D[k + 1] = s1; D[k + 2] = s2; D[k + 3] = s3; D[k + 4] = s4; D[k + 5] = s5; D[k + 6] = s6; D[k + 7] = s7; D[k + 8] = s8;
      }
    }
  }

  // The same for 1×1 kernels.
  function correlate1(x, g, D) {
    const P = g.plane, X = x.data, G = g.data;
    for (let o = 0, k = 0; o < g.channels; o++) {
      for (let c = 0; c < x.channels; c++, k++) {
        let sum = 0;
        for (let p = c * P, q = o * P, end = q + P; q < end; p++, q++) sum += G[q] * X[p];
        D[k] = sum;
      }
    }
  }

  // A convolution and the batch normalization after it. In evaluation mode the normalization is an affine function with fixed
  // mean and variance, so both together are one convolution with a bias:
  //   γ (W ∗ x − mean) / √(var + ε) + β = (s W) ∗ x + (β − s · mean)  with  s = γ / √(var + ε).
  class ConvBatchNorm {
    constructor(tensors, conv, norm) {
      const copy = (name) => tensors[name].slice();
      Object.assign(this, { conv, norm, W: copy(`${conv}.weight`), gamma: copy(`${norm}.weight`), beta: copy(`${norm}.bias`) });
      this.mean = tensors[`${norm}.running_mean`];
      this.inverseStd = tensors[`${norm}.running_var`].map((variance) => 1 / Math.sqrt(variance + EPS));
      this.outputs = this.gamma.length;
      this.perOutput = this.W.length / this.outputs;
      this.area = this.perOutput % 9 ? 1 : 9;
      this.inputs = this.perOutput / this.area;
      [this.convolve, this.correlate] = this.area === 9 ? [convolve3, correlate3] : [convolve1, correlate1];
      this.fold();
    }

    fold() {
      const { W, outputs, inputs, perOutput, area } = this;
      this.scale = this.gamma.map((gamma, o) => gamma * this.inverseStd[o]);
      this.bias = this.beta.map((beta, o) => beta - this.scale[o] * this.mean[o]);
      this.folded = W.map((w, i) => w * this.scale[Math.floor(i / perOutput)]);
      // The VJP of a convolution is a convolution with inputs and outputs exchanged and every kernel rotated by 180°.
      // `convolve3` writes two channels at a time; an odd number of them gets one more, with weights of zero.
      this.transposed = new Float64Array((inputs + (inputs % 2)) * outputs * area);
      for (let i = 0; i < W.length; i++) {
        const o = Math.floor(i / perOutput), c = Math.floor((i % perOutput) / area), k = i % area;
        this.transposed[(c * outputs + o) * area + area - 1 - k] = this.folded[i];
      }
    }

    // Adds the output for x to y.
    forward(x, y) {
      this.x = x;
      y.rows((i, end, o) => {
        for (; i < end; i++) y.data[i] += this.bias[o];
      });
      this.convolve(x, this.folded, y);
    }

    // Adds the VJP to gx: ∂J/∂x from g = ∂J/∂y.
    backward(g, gx) {
      this.convolve(g, this.transposed, gx);
    }

    // ∂J/∂W, ∂J/∂γ and ∂J/∂β. D is the gradient with respect to the folded weight s W, and b = Σ g that of the folded bias.
    // By the chain rule, ∂J/∂W = s D, ∂J/∂β = b, and ∂J/∂γ = (⟨D, W⟩ − b · mean) / √(var + ε).
    gradients(g) {
      const D = new Float64Array(this.W.length), gamma = new Float64Array(this.outputs), beta = new Float64Array(this.outputs);
      this.correlate(this.x, g, D);
      for (let i = 0; i < g.data.length; i++) beta[Math.floor(i / g.plane)] += g.data[i];
      for (let o = 0; o < this.outputs; o++) {
        let inner = 0;
        for (let i = o * this.perOutput; i < (o + 1) * this.perOutput; i++) {
          inner += D[i] * this.W[i];
          D[i] *= this.scale[o];
        }
        gamma[o] = (inner - beta[o] * this.mean[o]) * this.inverseStd[o];
      }
      return { [this.conv]: { W: D }, [this.norm]: { gamma, beta } };
    }

    // θ ← θ − η ∂J/∂θ, the update rule of section 1.3.
    step(gradients, lr) {
      descend(this.W, gradients[this.conv].W, lr);
      descend(this.gamma, gradients[this.norm].gamma, lr);
      descend(this.beta, gradients[this.norm].beta, lr);
      this.fold();
    }
  }

  function descend(theta, gradient, lr) {
    for (let i = 0; i < theta.length; i++) theta[i] -= lr * gradient[i];
  }

  function relu(maps) {
    const A = maps.data;
    for (let i = 0; i < A.length; i++) if (A[i] < 0) A[i] = 0;
  }

  // The VJP of the ReLU multiplies by the mask [h > 0] (section 1.2, step 3).
  function maskByRelu(g, maps) {
    for (let i = 0; i < g.data.length; i++) if (!(maps.data[i] > 0)) g.data[i] = 0;
  }

  // The mean of 2×2 pixels.
  function averagePool(x, y) {
    const S = x.stride, X = x.data;
    y.rows((i, end, c, row) => {
      for (let p = c * x.plane + (2 * row + 1) * S + 1; i < end; i++, p += 2) y.data[i] = (X[p] + X[p + 1] + X[p + S] + X[p + S + 1]) / 4;
    });
  }

  // Its VJP: each of the four pixels receives a quarter of the gradient.
  function averagePoolBackward(g, gx) {
    const S = gx.stride, G = gx.data;
    g.rows((i, end, c, row) => {
      for (let p = c * gx.plane + (2 * row + 1) * S + 1; i < end; i++, p += 2) G[p] = G[p + 1] = G[p + S] = G[p + S + 1] = g.data[i] / 4;
    });
  }

  // y = ReLU(second(ReLU(first(x))) + shortcut(x)); without weights the shortcut is the identity.
  class ResidualBlock {
    constructor(tensors, name, size) {
      const part = (conv, norm) => new ConvBatchNorm(tensors, `${name}.${conv}`, `${name}.${norm}`);
      this.first = part("body.0", "body.1");
      this.second = part("body.3", "body.4");
      this.shortcut = `${name}.shortcut.0.weight` in tensors ? part("shortcut.0", "shortcut.1") : null;
      this.parts = [this.first, this.second, ...(this.shortcut ? [this.shortcut] : [])];
      const { inputs, outputs } = this.first;
      [this.hidden, this.y] = [new Maps(outputs, size), new Maps(outputs, size)];
      [this.gHidden, this.gy, this.gx] = [new Maps(outputs, size), new Maps(outputs, size), new Maps(inputs, size)];
    }

    forward(x) {
      this.hidden.data.fill(0);
      this.first.forward(x, this.hidden);
      relu(this.hidden);
      if (this.shortcut) {
        this.y.data.fill(0);
        this.shortcut.forward(x, this.y);
      } else this.y.data.set(x.data);
      this.second.forward(this.hidden, this.y);
      relu(this.y);
      return this.y;
    }

    // From `gy`, which the caller has filled with ∂J/∂y, to `gx`. The two paths of the block share x, so their gradients add up.
    backward(parameters) {
      maskByRelu(this.gy, this.y);
      this.gHidden.data.fill(0);
      this.second.backward(this.gy, this.gHidden);
      maskByRelu(this.gHidden, this.hidden);
      if (this.shortcut) {
        this.gx.data.fill(0);
        this.shortcut.backward(this.gy, this.gx);
      } else this.gx.data.set(this.gy.data);
      this.first.backward(this.gHidden, this.gx);
      if (!parameters) return;
      Object.assign(parameters, this.first.gradients(this.gHidden), this.second.gradients(this.gy), this.shortcut?.gradients(this.gy));
    }
  }

  class Network {
    constructor(tensors) {
      this.stem = new ConvBatchNorm(tensors, "stem.0", "stem.1");
      [this.block1, this.block2, this.block3] = [2, 4, 4].map((by, i) => new ResidualBlock(tensors, `block${i + 1}`, SIZE / by));
      this.parts = [this.stem, ...this.block1.parts, ...this.block2.parts, ...this.block3.parts];
      [this.W, this.b] = [tensors["head.weight"].slice(), tensors["head.bias"].slice()];
      this.features = this.W.length / this.b.length;
      this.positions = (SIZE / 4) ** 2;
      const width = this.stem.outputs;
      [this.x, this.s, this.half, this.quarter] = [new Maps(3, SIZE), new Maps(width, SIZE), new Maps(width, SIZE / 2), new Maps(width, SIZE / 4)];
      [this.gx, this.gs] = [new Maps(4, SIZE), new Maps(width, SIZE)]; // the fourth channel of gx is not used, see `fold`
    }

    // Returns the logits z of an image, (3, 48, 48) in [0, 1]. Every layer keeps its activations for the backward pass.
    forward(image) {
      this.x.rows((i, end, c, row) => {
        for (let p = (c * SIZE + row) * SIZE; i < end; i++, p++) this.x.data[i] = image[p] - 0.5;
      });
      this.s.data.fill(0);
      this.stem.forward(this.x, this.s);
      relu(this.s);
      averagePool(this.s, this.half);
      averagePool(this.block1.forward(this.half), this.quarter);
      const A = this.block3.forward(this.block2.forward(this.quarter));
      this.h = new Float64Array(this.features); // global average pooling
      A.rows((i, end, k) => {
        for (; i < end; i++) this.h[k] += A.data[i] / this.positions;
      });
      return this.b.map((b, c) => this.h.reduce((sum, h, k) => sum + this.W[c * this.features + k] * h, b));
    }

    // ∂J/∂h = Wᵀ δ, the VJP of the last layer (section 1.2, step 2).
    backwardHead(delta) {
      return Float64Array.from({ length: this.features }, (_, k) => delta.reduce((sum, d, c) => sum + d * this.W[c * this.features + k], 0));
    }

    // Returns ∂J/∂x (3, 48, 48) and, if wanted, ∂J/∂θ as {layer: {parameter: gradient}}, of the image of the last forward pass.
    backward(delta, withParameters = true) {
      const parameters = withParameters ? {} : null, gh = this.backwardHead(delta), { block1, block2, block3 } = this;
      block3.gy.rows((i, end, k) => block3.gy.data.fill(gh[k] / this.positions, i, end));
      block3.backward(parameters);
      block2.gy.data.set(block3.gx.data);
      block2.backward(parameters);
      averagePoolBackward(block2.gx, block1.gy);
      block1.backward(parameters);
      averagePoolBackward(block1.gx, this.gs);
      maskByRelu(this.gs, this.s);
      this.gx.data.fill(0);
      this.stem.backward(this.gs, this.gx);
      const input = new Float64Array(3 * SIZE * SIZE);
      this.x.rows((i, end, c, row) => input.set(this.gx.data.subarray(i, end), (c * SIZE + row) * SIZE));
      if (!parameters) return { input };
      Object.assign(parameters, this.stem.gradients(this.gs));
      const W = new Float64Array(this.W.length); // δ hᵀ (section 1.2, step 4)
      for (let i = 0; i < W.length; i++) W[i] = delta[Math.floor(i / this.features)] * this.h[i % this.features];
      parameters.head = { W, b: Float64Array.from(delta) };
      return { input, parameters };
    }

    // Returns the Grad-CAM map Σ_k α_k A^k (12, 12) at block3, with α_k the mean of ∂J/∂A^k (section 2.1). After block3 only
    // a mean and a linear layer follow, so that ∂J/∂A^k has the same value at all positions.
    gradCam(delta) {
      const alpha = this.backwardHead(delta), A = this.block3.y, map = new Float64Array(this.positions);
      A.rows((i, end, k, row) => {
        for (let p = row * A.size; i < end; i++, p++) map[p] += (alpha[k] / this.positions) * A.data[i];
      });
      return map;
    }

    // One step of gradient descent on all weights, θ ← θ − η ∂J/∂θ.
    step(parameters, lr) {
      for (const part of this.parts) part.step(parameters, lr);
      descend(this.W, parameters.head.W, lr);
      descend(this.b, parameters.head.b, lr);
    }
  }

  // ‖∂J/∂θ_l‖² of every layer l (section 3.2).
  function squaredNorms(parameters) {
    const square = (gradient) => gradient.reduce((sum, g) => sum + g * g, 0);
    return Object.fromEntries(
      Object.entries(parameters).map(([layer, gradients]) => [layer, Object.values(gradients).reduce((sum, g) => sum + square(g), 0)]),
    );
  }

  function softmax(z) {
    const top = Math.max(...z), powers = z.map((v) => Math.exp(v - top)), sum = powers.reduce((a, b) => a + b);
    return powers.map((v) => v / sum);
  }

  const argmax = (z) => z.indexOf(Math.max(...z));
  const oneHot = (label, z) => z.map((_, c) => Number(c === label));
  const logSumExp = (z) => Math.max(...z) - Math.log(Math.max(...softmax(z)));
  const mean = (v) => v.reduce((a, b) => a + b) / v.length;

  // Objectives J and their derivatives δ = ∂J/∂z. `label` is P or the class of the loss, `contrast` is Q.
  const OBJECTIVES = {
    // The logit z_P (section 2.1).
    logit: { value: (z, { label }) => z[label], delta: (z, { label }) => oneHot(label, z) },
    // The cross-entropy −log p_label, δ = p − e_label (section 1.2; with label Q, section 2.3).
    loss: { value: (z, { label }) => logSumExp(z) - z[label], delta: (z, { label }) => softmax(z).map((p, c) => p - Number(c === label)) },
    // The contrast z_P − z_Q (section 2.3).
    difference: {
      value: (z, { label, contrast }) => z[label] - z[contrast],
      delta: (z, { label, contrast }) => z.map((_, c) => Number(c === label) - Number(c === contrast)),
    },
    // The divergence of the prediction from the uniform distribution, KL(u ‖ p).
    uniform: { value: (z) => logSumExp(z) - mean(z) - Math.log(z.length), delta: (z) => softmax(z).map((p) => p - 1 / z.length) },
    // The confounding label: all classes at once, 1/C Σ −log σ(z_c) (section 3.2).
    // log(1 + exp(−v)) and σ(v) − 1 are computed without the exponential of a large number and without cancellation.
    confounding: {
      value: (z) => mean(z.map((v) => Math.max(0, -v) + Math.log1p(Math.exp(-Math.abs(v))))),
      delta: (z) => z.map((v) => -(v > 0 ? Math.exp(-v) / (1 + Math.exp(-v)) : 1 / (1 + Math.exp(v))) / z.length),
    },
    // Minus the log-odds of the label. Its gradient has the direction of that of the loss, but stays exact where p rounds to 1.
    logOdds: {
      value: (z, { label }) => logSumExp(z.filter((_, c) => c !== label)) - z[label],
      delta: (z, { label }) => softmax(z.map((v, c) => (c === label ? -Infinity : v))).map((q, c) => q - Number(c === label)),
    },
  };

  // Projected gradient ascent on the loss of `label` in the ε-ball of the ℓ∞ norm (section 3.5): x ← Π(x + α sign(∂J/∂x)).
  // One step with α = ε is FGSM. Returns the images x_0 … x_n.
  function attack(network, image, { label, eps, alpha, steps }) {
    const images = [Float64Array.from(image)];
    for (let step = 0; step < steps; step++) {
      const x = images[step], delta = OBJECTIVES.logOdds.delta(network.forward(x), { label });
      const { input } = network.backward(delta, false);
      images.push(
        x.map((v, i) => {
          const change = Math.min(eps, Math.max(-eps, v + alpha * Math.sign(input[i]) - image[i]));
          return Math.min(1, Math.max(0, image[i] + change));
        }),
      );
    }
    return images;
  }

  scope.Live = { SIZE, parseWeights, Network, OBJECTIVES, squaredNorms, softmax, argmax, attack };
}
defineLive(globalThis);
