// The state of the page, stored in its address so that a view can be shared, and its parts.

const VIEWS = ["samples", "units", "queries", "help"];

function start(run) {
  const { facts } = run;
  const names = facts.statistics.map(({ name }) => name);
  const state = { view: "samples", sample: 0, unit: null, by: names[0], query: "" };
  const at = (id) => document.getElementById(id);

  function read() {
    const given = new URLSearchParams(location.hash.slice(1));
    const whole = (key, below) => {
      const value = Number.parseInt(given.get(key), 10);
      return value >= 0 && value < below ? value : null;
    };
    state.view = VIEWS.includes(given.get("view")) ? given.get("view") : "samples";
    state.sample = whole("sample", facts.samples.length) ?? 0;
    const unit = run.arrays.unit_number.indexOf(whole("unit", facts.all.units) ?? -1);
    state.unit = unit < 0 ? null : unit;
    state.by = names.includes(given.get("by")) ? given.get("by") : names[0];
  }

  function write() {
    const kept = new URLSearchParams({ view: state.view, sample: state.sample, by: state.by });
    if (state.unit !== null) kept.set("unit", run.arrays.unit_number[state.unit]);
    try {
      history.replaceState(null, "", `#${kept}`);
    } catch {
      // inside another page, such as Snakemake's report, the address cannot be changed
    }
  }

  function draw(top = false) {
    VIEWS.forEach((view) => {
      at(view).hidden = view !== state.view;
      at(`to-${view}`).setAttribute("aria-current", view === state.view ? "page" : "false");
    });
    if (state.view === "samples") {
      if (state.unit === null) state.unit = run.arrays.pair_unit[ranked(run, state.sample, state.by)[0]];
      document.querySelector(`input[name=sample][value="${state.sample}"]`).checked = true;
      at("by").value = state.by;
      at("by-means").textContent = describe(state.by).means
        + attributedBy(run, state.by, facts.samples[state.sample].attributed);
      showSample(run, state);
      showRanking(run, at("ranking"), state, choose, top);
      showPair(run, at("pair"), state, choose);
    } else if (state.view === "units") {
      showResults(run, state, choose);
      showUnit(run, at("unit"), state, choose);
    }
    write();
  }

  // Another unit of the same list: the list is not drawn again, so the focus stays.
  function turnTo(unit) {
    state.unit = unit;
    document.querySelectorAll(`#${state.view} tr[data-unit]`).forEach((row) => {
      const chosen = Number(row.dataset.unit) === unit;
      row.classList.toggle("chosen", chosen);
      row.querySelector("button").setAttribute("aria-current", chosen);
    });
    if (state.view === "samples") showPair(run, at("pair"), state, choose);
    else showUnit(run, at("unit"), state, choose);
    write();
    if (matchMedia("(max-width: 60rem)").matches) {
      at(state.view === "samples" ? "pair" : "unit").scrollIntoView({ block: "start" });
    }
  }

  function choose(change) {
    if (Object.keys(change).join() === "unit") return turnTo(change.unit);
    const from = state.view;
    const focused = document.activeElement?.id;
    Object.assign(state, change);
    draw("by" in change);
    if (from !== state.view) at(state.view === "samples" ? "pair-title" : "unit-title")?.focus();
    else if (focused) at(focused)?.focus({ preventScroll: true });
  }

  read();
  if (facts.captions.length) document.querySelector("label[for=query]").textContent = "Search a unit by name or caption";
  document.title = `Gallery of the run ${facts.run}`;
  at("facts").textContent = `Run ${facts.run}: ${count(facts.all.samples, "sample")} of an ensemble of ${count(facts.members, "member")}, trained on ${count(facts.all.units, "unit")}, each seen by ${facts.weight} of them.`;
  facts.warnings.forEach((warning) => at("main").before(el("p", { class: "verdict name" }, `Warning: ${warning}`)));
  names.forEach((name) => at("by").append(el("option", { value: name }, describe(name).label)));
  at("by").addEventListener("change", () => choose({ by: at("by").value }));
  at("query").addEventListener("input", () => {
    state.query = at("query").value;
    showResults(run, state, choose);
  });
  VIEWS.forEach((view) => at(`to-${view}`).addEventListener("click", () => { state.view = view; draw(); }));
  addEventListener("hashchange", () => { read(); draw(); });
  showTiles(run, at("tiles"), choose);
  showQueries(run, at("queries"), choose);
  showHelp(run, at("help"));
  draw();
  document.documentElement.dataset.ready = "true";
}

if (typeof DecompressionStream === "undefined") {
  document.getElementById("facts").textContent = "This page needs a browser of 2023 or later.";
} else {
  unpack(document.getElementById("data").textContent)
    .then((content) => start(indexed(content)))
    .catch((error) => {
      document.getElementById("facts").textContent = `This file is damaged (${error.message}); make it again with snakemake.`;
    });
}
