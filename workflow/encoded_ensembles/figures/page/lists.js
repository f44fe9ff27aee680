// Lists: the grid of samples, the ranking of units, the search, and the samples of a unit.

const PAGE = 20;

// A table of one page of rows, with buttons for other pages. `row` returns the table row of an entry.
function paged(place, entries, start, head, row, named) {
  const total = entries.length;
  const turn = (to, kind) => {
    paged(place, entries, to, head, row, named);
    const same = place.querySelector(`button.${kind}:enabled`);
    (same || place.querySelector(to > start ? "button.previous" : "button.next")).focus();
  };
  const rows = entries.slice(start, start + PAGE).map(row);
  const table = el("table", { class: "list" },
    el("caption", { class: "hidden" }, named),
    el("thead", {}, el("tr", {}, ...head.map((each) => el("th", { scope: "col", class: each === "z" ? "z" : null }, each)))),
    el("tbody", {}, ...rows));
  const last = Math.floor((total - 1) / PAGE) * PAGE;
  const step = (kind, label, to) => el("button", {
    type: "button", class: kind, disabled: to === start || to < 0 || to > last, onclick: () => turn(to, kind),
  }, label);
  const pages = total > PAGE && el("div", { class: "pages", role: "group", "aria-label": `Pages of ${named}` },
    step("first", "First", 0), step("previous", "Previous", start - PAGE),
    el("span", { "aria-live": "polite" }, `${(start + 1).toLocaleString("en")}–${Math.min(start + PAGE, total).toLocaleString("en")} of ${total.toLocaleString("en")}`),
    step("next", "Next", start + PAGE), step("last", "Last", last));
  fill(place, total ? el("div", { class: "scroll" }, table) : el("p", { class: "quiet" }, "None."), pages || null);
}

// The four numbers of a statistic, as the same cells in every list.
const NUMBERS = ["value", "z", "p", "q"];
function cells(run, pair, by) {
  const { arrays } = run;
  return [
    el("td", {}, number(arrays[by][pair])),
    ...["z", "p", "q"].map((each) =>
      el("td", { class: each === "z" ? "z" : null }, number(arrays[`${by}_${each}`][pair], 2))),
  ];
}

// Only with the numbers of the attributing statistic: q belongs to the statistic that orders the list.
function flag(run, pair, by) {
  const shown = by === attributing(run) && run.arrays.pair_attributed[pair];
  return shown ? el("span", { class: "flag" }, "attributed") : null;
}

// A hint in lists by another statistic.
function attributedBy(run, by, many) {
  const by_what = attributing(run);
  return by === by_what || !many ? "" : ` Units are attributed by ${by_what}: order by it to see which.`;
}

function showTiles(run, place, choose) {
  run.facts.samples.forEach(({ attributed, answer }, sample) => {
    const input = el("input", { type: "radio", name: "sample", value: sample,
      onchange: () => choose({ sample, unit: null }) });
    place.append(el("label", { class: attributed || answer ? "tile attributed" : "tile", title: promptOf(run, sample) || null }, input,
      canvas(picture(run.arrays.samples, sample)),
      el("span", {}, el("span", { class: "hidden" }, "Sample "), sample, el("span", { class: "hidden" }, ", ")),
      el("span", { class: "state" }, attributed ? count(attributed, "unit") : answer ? `one of ${answer}` : "unattributable")));
  });
}

function showSample(run, state) {
  const [title, said] = verdictOf(run, state.sample);
  const verdict = document.getElementById("verdict");
  const prompt = promptOf(run, state.sample);
  fill(document.getElementById("sample-title"), `Sample ${state.sample}`, prompt ? el("span", { class: "said" }, prompt) : null);
  verdict.classList.toggle("attributed", run.facts.samples[state.sample].attributed + run.facts.samples[state.sample].answer > 0);
  fill(verdict, el("p", {}, el("strong", {}, `${title}. `), said[0]),
    el("ul", {}, ...said.slice(1).map((each) => el("li", {}, each))));
}

// Shows the page with the chosen unit, or else the first page.
function showRanking(run, place, state, choose, top) {
  const { arrays, facts } = run;
  const order = ranked(run, state.sample, state.by);
  const rank = arrays[`${state.by}_rank`];
  const at = top ? 0 : order.findIndex((pair) => arrays.pair_unit[pair] === state.unit);
  const row = (pair) => {
    const unit = arrays.pair_unit[pair];
    return el("tr", { "data-unit": unit, class: unit === state.unit ? "chosen" : null },
      el("td", {}, rank[pair].toLocaleString("en")),
      el("th", { scope: "row" }, unitButton(run, unit, unit === state.unit, () => choose({ unit })), flag(run, pair, state.by)),
      ...cells(run, pair, state.by));
  };
  paged(place, order, Math.max(0, Math.floor(at / PAGE) * PAGE), ["rank", "unit", ...NUMBERS], row,
    `units of sample ${state.sample} by ${state.by}`);
  if (order.length < facts.all.units) {
    place.append(el("p", { class: "quiet" }, `${count(order.length, "unit")} of ${facts.all.units.toLocaleString("en")} are in this page: all down to rank ${facts.depth.toLocaleString("en")} by any statistic. The others are in influence/influence.csv.`));
  }
}

function unitButton(run, unit, chosen, onclick) {
  return el("button", { type: "button", class: "unit", "aria-current": String(chosen), onclick },
    canvas(picture(run.arrays.images, run.arrays.unit_images[unit])),
    el("span", { class: "name" }, run.facts.units[unit], captionOf(run, unit)));
}

// The captions of a unit's images, null without.
function captionOf(run, unit) {
  const said = run.facts.captions[unit];
  return said ? el("span", { class: "said" }, said) : null;
}

function search(run, query) {
  const wanted = fold(query);
  const found = [];
  run.folded.forEach((name, unit) => { if (name.includes(wanted)) found.push(unit); });
  return found;
}

function showResults(run, state, choose) {
  const { arrays, byUnit, facts } = run;
  const found = search(run, state.query);
  const row = (unit) => {
    const many = byUnit[unit].filter((pair) => arrays.pair_attributed[pair]).length;
    return el("tr", { "data-unit": unit, class: unit === state.unit ? "chosen" : null },
      el("th", { scope: "row" }, unitButton(run, unit, unit === state.unit, () => choose({ unit }))),
      el("td", {}, arrays.unit_size[unit].toLocaleString("en")),
      el("td", {}, many ? el("span", { class: "flag" }, count(many, "sample")) : "none"));
  };
  const missing = facts.all.units - facts.units.length;
  document.getElementById("found").textContent = `${count(found.length, "unit")} of ${facts.units.length.toLocaleString("en")} in this page`
    + (missing ? `; ${count(missing, "other")} of low rank everywhere are in influence/influence.csv only` : "");
  const at = Math.floor(found.indexOf(state.unit) / PAGE) * PAGE;
  paged(document.getElementById("results"), found, Math.max(0, at), ["unit", "images", "attributed for"], row, "units found");
}

function showUnit(run, place, state, choose) {
  const { arrays, facts, byUnit } = run;
  const { unit, by } = state;
  if (unit === null) return fill(place, el("p", { class: "quiet" }, "Choose a unit to see the samples it influenced."));
  const z = arrays[`${by}_z`], value = arrays[by];
  // As the ranks: by z, except the joint score, whose z is too low for strong units (naming.py).
  const strength = (pair) => (by !== "joint" && Number.isFinite(z[pair]) ? z[pair] : value[pair]);
  const pairs = [...byUnit[unit]].sort((a, b) => strength(b) - strength(a));
  const named = pairs.filter((pair) => arrays.pair_attributed[pair]).map((pair) => arrays.pair_sample[pair]);
  const out = dropped(run, unit);
  const row = (pair) => {
    const sample = arrays.pair_sample[pair];
    return el("tr", {},
      el("th", { scope: "row" }, el("button", { type: "button", class: "unit", onclick: () => choose({ view: "samples", sample, unit }) },
        canvas(picture(arrays.samples, sample)), el("span", {}, `sample ${sample}`)), flag(run, pair, by)),
      ...cells(run, pair, by),
      el("td", {}, arrays[`${by}_rank`][pair].toLocaleString("en")));
  };
  const list = el("div", {});
  paged(list, pairs, 0, ["sample", ...NUMBERS, "rank"], row, "samples of this unit");
  const digest = [...arrays.unit_sha256.subarray(32 * unit, 32 * unit + 32)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  fill(place,
    el("h2", { tabindex: "-1", id: "unit-title" }, "Unit ", el("span", { class: "name" }, facts.units[unit]), captionOf(run, unit)),
    el("div", { class: named.length ? "verdict attributed" : "verdict" }, el("p", {},
      el("strong", {}, named.length ? `${count(named.length, "sample")} attributed to it. ` : "No sample is attributed to it. "),
      named.length
        ? `Attributed by joint score, q at most ${number(facts.level)}: sample ${listed(named.sort((a, b) => a - b))}.`
        : `For none of ${count(facts.samples.length, "sample")} is the q of its joint score at most ${number(facts.level)}. This is a result: the evidence does not separate its effect from chance.`)),
    unitImages(run, unit, 8, count(arrays.unit_size[unit], "image")),
    el("div", { class: "bar" }, el("label", { for: "unit-by" }, "Most influenced samples by"),
      el("select", { id: "unit-by", onchange: (event) => choose({ by: event.target.value }) },
        ...facts.statistics.map(({ name }) => el("option", { value: name, selected: name === by }, describe(name).label)))),
    el("p", { class: "quiet" }, describe(by).means + attributedBy(run, by, named.length)),
    list,
    pairs.length < facts.samples.length
      ? el("p", { class: "quiet" }, `${pairs.length} of ${count(facts.samples.length, "sample")}: those where it has a high rank by some statistic. The others are in influence/influence.csv.`) : null,
    codeWord(out, out.flatMap((saw, m) => (saw ? [] : [m]))),
    el("p", { class: "quiet digest" }, `Unit ${arrays.unit_number[unit]} of the code; sha256 of its images: ${digest}`));
}
