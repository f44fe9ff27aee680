// One pair: a sample with and without a unit, and the evidence.

function showPair(run, place, state, choose) {
  const { sample, unit } = state;
  if (unit === null) return fill(place);
  const pair = pairOf(run, sample, unit);
  const name = run.facts.units[unit];
  const out = dropped(run, unit);
  const stay = out.flatMap((saw, m) => (saw ? [] : [m]));
  const heading = el("h2", { tabindex: "-1", id: "pair-title" },
    `Sample ${sample} without `, el("span", { class: "name" }, name));
  if (pair === undefined) {
    return fill(place, heading, el("p", { class: "verdict" },
      `This pair is not in the page: by no statistic is the unit among the ${run.facts.depth} of highest z of this sample. Its row is in influence/influence.csv.`));
  }
  fill(place, heading,
    el("div", { class: "pictures" },
      unitImages(run, unit, 1, "training image"),
      ...viewer(run, pair, stay.length)),
    verdictOfPair(run, pair, state.by),
    landscapeFigure(run, pair, state.by),
    statisticsTable(run, pair, state.by),
    codeWord(out, stay),
    el("p", {}, el("button", { type: "button", class: "link", onclick: () => choose({ view: "units", unit, query: "" }) },
      "All samples of this unit")));
}

function verdictOfPair(run, pair, by) {
  const { arrays, facts } = run;
  const held = arrays.pair_attributed[pair];
  const q = number(arrays.joint_q[pair]);
  const statistic = facts.statistics.find(({ name }) => name === by);
  return el("div", { class: held ? "verdict attributed" : "verdict" },
    el("p", {}, el("strong", {}, held ? "Attributed. " : "Not attributed. "),
      held
        ? `The sample is attributed to this unit by its joint score: q = ${q}, at most ${number(facts.level)}.`
        : `By its joint score q = ${q}, above ${number(facts.level)}: the difference of the members that saw it may be chance.`),
    el("p", {}, `By ${by}, ${against(statistic, arrays[`${by}_p`][pair])}`));
}

function unitImages(run, unit, most, caption) {
  const [from, to] = run.arrays.unit_images.subarray(unit, unit + 2);
  const size = run.arrays.unit_size[unit];
  const shown = Array.from({ length: Math.min(most, to - from) }, (_, i) =>
    canvas(picture(run.arrays.images, from + i), `Training image ${i + 1} of the unit`));
  const rest = size > shown.length ? `, ${shown.length} of ${size.toLocaleString("en")}` : "";
  return el("figure", { class: "images" }, el("div", { class: "frame" }, ...shown), el("figcaption", {}, caption + rest));
}

// Factual below, counterfactual above and clipped: slider, button, hover and keyboard move the clip.
function viewer(run, pair, stay) {
  const { arrays, facts } = run;
  const sample = arrays.pair_sample[pair];
  const factual = picture(arrays.samples, sample);
  if (arrays.pair_picture[pair] < 0) {
    return [el("figure", {}, el("div", { class: "frame" }, canvas(factual, `Sample ${sample}`)), el("figcaption", {}, "with all members")),
      el("p", { class: "quiet" }, !arrays.pair_exact[pair] ? "This unit was not ablated for this sample: the landscape is screened, and its distance is predicted." : `The picture without the unit is left out of the page: those of the ${facts.pictures} units of highest z by each statistic are in it. All are in landscape/.`)];
  }
  const without = picture(arrays.pictures, arrays.pair_picture[pair]);
  const over = el("div", { class: "over" }, canvas(without));
  const edge = el("div", { class: "edge" });
  const button = el("button", { type: "button", class: "frame toggle", "aria-pressed": "false" },
    canvas(factual), over, edge, el("span", { class: "hidden" }, "Show the counterfactual"));
  const slider = el("input", { type: "range", id: "wipe", min: 0, max: 100, value: 0 });
  const said = el("figcaption", { "aria-live": "polite" });
  let share = 0;
  let peek = false;
  const show = () => {
    const seen = peek ? 100 : share;
    over.style.clipPath = `inset(0 ${100 - seen}% 0 0)`;
    over.classList.toggle("partly", seen > 0 && seen < 100);
    edge.style.left = `${seen}%`;
    edge.hidden = seen === 0 || seen === 100;
    button.setAttribute("aria-pressed", share === 100);
    slider.value = share;
    slider.setAttribute("aria-valuetext", `${share} % counterfactual`);
    said.textContent = seen === 0
      ? `factual: all ${facts.members} members. Point at it or press it to leave the unit out.`
      : seen === 100 ? `counterfactual: the ${count(stay, "member")} that never saw it`
        : "left: counterfactual, right: factual";
  };
  button.addEventListener("pointerenter", (event) => { peek = event.pointerType === "mouse"; show(); });
  button.addEventListener("pointerleave", () => { peek = false; show(); });
  button.addEventListener("click", () => { peek = false; share = share === 100 ? 0 : 100; show(); });
  slider.addEventListener("input", () => { peek = false; share = Number(slider.value); show(); });
  show();
  return [
    el("figure", { class: "viewer" }, button, said,
      slider, el("label", { for: "wipe", class: "quiet ends" }, el("span", {}, "factual"), el("span", {}, "counterfactual"))),
    changeFigure(run, sample, factual, without),
  ];
}

// All counterfactuals of a sample share one scale, so that their differences can be compared.
function changeFigure(run, sample, factual, without) {
  const bound = run.arrays.bound[sample] || 1;
  const values = difference(factual, without);
  const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const scale = el("div", { class: "scale", "aria-hidden": "true" },
    el("span", {}, "darker"), el("span", {}, "lighter"));
  return el("figure", {},
    el("div", { class: "frame" }, changeCanvas(values, factual, bound,
      `Difference, counterfactual minus factual; the largest change of a pixel is ${number((100 * most) / 255, 2)} % of the range`)),
    el("figcaption", {}, `difference; colours end at ±${number((100 * bound) / 255, 2)} % of the range`), scale);
}

function statisticsTable(run, pair, by) {
  const { arrays, facts } = run;
  const rows = facts.statistics.map(({ name }) =>
    el("tr", { class: name === by ? "chosen" : null },
      el("th", { scope: "row" }, name),
      el("td", {}, number(arrays[name][pair])),
      ...["z", "p", "q"].map((each) =>
        el("td", { class: each === "z" ? "z" : null }, number(arrays[`${name}_${each}`][pair], 2))),
      el("td", {}, `${arrays[`${name}_rank`][pair].toLocaleString("en")}`)));
  const expected = ["expected", "low", "high", "prior"].map((each) => number(arrays[`expected_${each}`][pair], 2));
  return el("div", {},
    el("div", { class: "scroll" }, el("table", {}, el("caption", {}, `Every statistic of this pair; rank among ${count(facts.all.units, "unit")}`),
      el("thead", {}, el("tr", {}, ...["statistic", "value", "z", "p", "q", "rank"].map((head) =>
        el("th", { scope: "col", class: head === "z" ? "z" : null }, head)))),
      el("tbody", {}, ...rows))),
    el("p", { class: "quiet" }, `Expected contrast, given all evidence of the run: ${expected[0]}, 95 % interval ${expected[1]} to ${expected[2]} (from similarity alone: ${expected[3]}).`));
}

function landscapeFigure(run, pair, by) {
  const { arrays, facts } = run;
  const place = facts.statistics.findIndex(({ name }) => name === by);
  const { axis, words } = facts.statistics[place];
  const column = arrays[axis === "value" ? by : `${by}_${axis}`];
  const sample = arrays.pair_sample[pair];
  const all = run.bySample[sample];
  const marks = all.length > 500 ? [] : all.map((each) => column[each]).filter(Number.isFinite);
  const none = !words && axis !== "p";
  const null_is = axis === "p"
    ? "without any influence they would be uniform (grey)"
    : none ? "this code leaves no null code words" : `grey: the null, ${words.toLocaleString("en")} null code words`;
  return el("figure", { class: "landscape" },
    el("figcaption", {}, el("strong", {}, `The landscape of sample ${sample} by ${by}`), ` – outline: ${count(facts.all.units, "unit")}; ${null_is}; marked: this unit at ${number(column[pair])}`),
    landscapeChart(run, sample, place, column[pair], marks),
    el("p", { class: "quiet axis-name" }, AXES[axis]));
}

function codeWord(out, stay) {
  return el("section", { class: "word", "aria-label": "Code word" },
    el("h3", {}, "Its code word: which members stay"),
    el("ul", {}, ...out.map((saw, m) =>
      el("li", { class: saw ? "drops" : "stays" }, el("span", {}, m), el("span", {}, saw ? "drops" : "stays")))),
    el("p", { class: "quiet" }, `Members that saw the unit are dropped; ${stay.length} of ${out.length} stay and sample the counterfactual: ${listed(stay)}.`));
}
