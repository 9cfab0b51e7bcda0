// HTML elements, numbers as text, images on a canvas, and line charts.
(() => {
  "use strict";
  const { SIZE } = Live;
  const { AREA } = LiveExhibits;

  function el(tag, attributes = {}, ...children) {
    const element = tag.startsWith("svg:")
      ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
      : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const SUPERSCRIPTS = { "-": "⁻", ...Object.fromEntries([..."⁰¹²³⁴⁵⁶⁷⁸⁹"].map((text, i) => [i, text])) };
  const powerOfTen = (exponent) => `10${[...String(exponent)].map((character) => SUPERSCRIPTS[character]).join("")}`;
  // A number with three significant digits.
  function digits(v) {
    if (v === 0) return "0";
    const size = Math.abs(v),
      [factor, exponent] = (size < 0.001 || size >= 1e5 ? v.toExponential(1) : String(Number(v.toPrecision(3)))).split("e");
    return factor.replace("-", "−") + (exponent ? ` · ${powerOfTen(Number(exponent))}` : "");
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

  // Powers of ten from the smallest to the largest value, for an axis: [first, last, ticks].
  function powersOfTen(values) {
    const [from, to] = [Math.floor(Math.log10(Math.min(...values))), Math.ceil(Math.log10(Math.max(...values)))];
    const powers = Array.from({ length: to - from + 1 }, (_, i) => Number((10 ** (from + i)).toPrecision(1)));
    return [powers[0], powers.at(-1), powers.filter((_, i) => (to - from - i) % 2 === 0 || powers.length < 6)];
  }

  // A line chart. `points` are [x, y, whether the dot is hollow], `band` is [low, high]. Without a range `y`, the vertical axis is logarithmic.
  // The line has a gap where the next point is farther away than `spacing`, because the points between them are not computed yet;
  // `filling` states that they still are.
  function drawChart(svg, { x: [x0, x1, xLabel, xTicks], y, points, marker, spacing, filling, band = [] }) {
    const log = !y,
      [y0, y1, yTicks] = y ?? powersOfTen([...band, ...points.map(([, v]) => v)]);
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
    if (band.length)
      svg.append(el("svg:rect", { class: "band", x: left, width: W - left - right, y: py(band[1]), height: py(band[0]) - py(band[1]) }));
    for (const v of yTicks)
      svg.append(
        el("svg:line", { class: "grid", x1: left, x2: W - right, y1: py(v), y2: py(v) }),
        text(left - 5, py(v) + 4, log ? powerOfTen(Math.round(Math.log10(v))) : String(v), "end"),
      );
    for (const v of xTicks) svg.append(text(px(v), H - bottom + 15, String(v), "middle"));
    svg.append(text((left + W - right) / 2, H - 4, xLabel, "middle"));
    if (marker !== undefined) svg.append(el("svg:line", { class: "marker", x1: px(marker), x2: px(marker), y1: top, y2: H - bottom }));
    const path = points.map(([x, y], i) => `${i && x - points[i - 1][0] <= spacing ? "L" : "M"}${px(x)} ${py(y)}`);
    svg.append(el("svg:path", { class: "line", d: path.join("") }));
    for (const [x, y, hollow] of points)
      svg.append(el("svg:circle", { class: hollow ? "dot hollow" : "dot", cx: px(x), cy: py(y), r: x === marker ? 4 : hollow ? 2.2 : 1.7 }));
    if (filling) svg.append(text(W - right - 4, H - bottom - 6, "computing …", "end"));
  }
  const chart = (label) => el("svg:svg", { class: "live-chart", viewBox: "0 0 260 170", role: "img", "aria-label": label });

  Object.assign((globalThis.LiveExhibits ??= {}), {
    el,
    powerOfTen,
    digits,
    percent,
    drawPixels,
    drawImage,
    drawMagnitude,
    drawSigned,
    outline,
    drawChart,
    chart,
  });
})();
