// Drawing: elements, pictures on canvases, and the landscape as SVG. Text is never parsed as HTML.

function el(tag, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "text", "g"].includes(tag);
  const made = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

function fill(place, ...children) {
  place.replaceChildren(...children.filter((child) => child != null));
}

function canvas({ pixels, height, width, channels }, label) {
  const made = el("canvas", { width, height, class: width < 200 ? "pixels" : null });
  if (label) made.append(label);
  made.setAttribute(label ? "role" : "aria-hidden", label ? "img" : "true");
  if (label) made.setAttribute("aria-label", label);
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) {
      image.data[4 * i + c] = pixels[i * channels + (channels === 3 ? c : 0)];
    }
    image.data[4 * i + 3] = 255;
  }
  made.getContext("2d").putImageData(image, 0, 0);
  return made;
}

// Mean over channels of counterfactual minus factual, each pixel -255..255.
function difference(one, other) {
  const { height, width, channels } = one;
  return Float32Array.from({ length: height * width }, (_, i) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) {
      sum += other.pixels[i * channels + c] - one.pixels[i * channels + c];
    }
    return sum / channels;
  });
}

// Blue for darker, white for the same, orange for lighter: distinguishable by colour-blind people.
const DARKER = [0, 84, 147];
const SAME = [245, 245, 245];
const LIGHTER = [200, 82, 0];

function tint(share) {
  const end = share < 0 ? DARKER : LIGHTER;
  return SAME.map((from, c) => Math.round(from + (end[c] - from) * Math.min(1, Math.abs(share))));
}

function changeCanvas(values, { height, width }, bound, label) {
  const pixels = Uint8Array.from([...values].flatMap((value) => tint(value / bound)));
  return canvas({ pixels, height, width, channels: 3 }, label);
}

const WIDE = 640, HIGH = 190, LEFT = 6, RIGHT = 634, BASE = 150, TOP = 26;

// The landscape: units as an outline over their null, the chosen unit as a line.
function landscapeChart(run, sample, place, mark, marks) {
  const bins = run.arrays.landscape_units.shape[2];
  const row = (sample * run.facts.statistics.length + place) * bins;
  const units = share(run.arrays.landscape_units.subarray(row, row + bins));
  const chance = share(run.arrays.landscape_null.subarray(row, row + bins));
  const [low, high] = run.arrays.landscape_range.subarray(2 * (row / bins), 2 * (row / bins) + 2);
  const tallest = Math.max(...units, ...chance) || 1;
  const x = (value) => LEFT + ((value - low) / (high - low)) * (RIGHT - LEFT);
  const y = (part) => BASE - (part / tallest) * (BASE - TOP);
  const steps = (parts) =>
    parts.map((part, i) => `L${x(low + (i * (high - low)) / bins)} ${y(part)}H${x(low + ((i + 1) * (high - low)) / bins)}`).join("");
  const at = Math.min(RIGHT, Math.max(LEFT, x(mark)));
  const chart = el("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, "aria-hidden": "true", focusable: "false" },
    el("path", { class: "null", d: `M${LEFT} ${BASE}${steps(chance)}V${BASE}Z` }),
    el("path", { class: "units", d: `M${LEFT} ${BASE}${steps(units)}V${BASE}` }),
    el("path", { class: "rug", d: marks.map((value) => `M${x(value)} ${BASE + 3}v8`).join("") }),
    el("line", { class: "axis", x1: LEFT, x2: RIGHT, y1: BASE, y2: BASE }),
  );
  if (Number.isFinite(mark)) {
    chart.append(
      el("line", { class: "mark", x1: at, x2: at, y1: TOP - 6, y2: BASE + 12 }),
      el("path", { class: "mark", d: `M${at} ${TOP + 2}l-8 -12h16Z` }),
    );
  }
  for (const value of ticks(low, high)) {
    const anchor = x(value) < LEFT + 25 ? "start" : x(value) > RIGHT - 25 ? "end" : "middle";
    chart.append(
      el("line", { class: "axis", x1: x(value), x2: x(value), y1: BASE, y2: BASE + 5 }),
      el("text", { x: x(value), y: HIGH - 8, "text-anchor": anchor }, number(value)));
  }
  return chart;
}

// Three to six round numbers from low to high.
function ticks(low, high) {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const first = Math.ceil(low / step);
  const last = Math.floor(high / step);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

function share(counts) {
  const total = counts.reduce((a, b) => a + b, 0) || 1;
  return Array.from(counts, (each) => each / total);
}
