// The images of the exhibits, decoded and rendered as in tutorial_lib.data, and the numbers that are computed from maps.
(() => {
  "use strict";
  const DATA = globalThis.LIVE_DATA,
    { SIZE } = Live,
    AREA = SIZE * SIZE,
    NAMES = DATA.signs;

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
  // [5%, 50%, 95%] of the gradient norms over all layers of the clean images, for an objective.
  const cleanNorms = (objective) =>
    DATA.clean.quantiles[objective === "confounding" ? "confounding 0" : objective].map((row) => row.at(-1));
  // Whether a value is "below", "inside" or "above" a band.
  const position = (v, low, high) => (v < low ? "below" : v > high ? "above" : "inside");
  // Whether the confidence is lower than that of 95% of the clean images, so that it alone is a warning.
  const isUnconfident = (p) => p < DATA.clean.confidence;
  const comparedConfidence = (p) => (isUnconfident(p) ? "lower than that of 95% of the clean images" : "as high as for clean images");
  const largestChannel = (input) =>
    Float64Array.from({ length: AREA }, (_, i) => Math.max(...[0, 1, 2].map((c) => Math.abs(input[i + c * AREA]))));

  Object.assign((globalThis.LiveExhibits ??= {}), {
    AREA,
    NAMES,
    clip,
    norm,
    total,
    decode,
    renderSign,
    differenceMask,
    precisionAtK,
    upsample,
    largestChannel,
    cleanNorms,
    position,
    isUnconfident,
    comparedConfidence,
  });
})();
