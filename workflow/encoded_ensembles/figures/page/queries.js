// Pictures that the ensemble did not sample: what training on each unit does to their denoising.

const KINDS = {
  given: "given picture",
  training: "training image: it should name itself",
  heldout: "held-out image: made from no unit",
};

function answerOf({ answer, units }) {
  if (answer === "units") return `Attributed to ${count(units, "unit")}`;
  if (answer === "group") return `Attributed to one or more of the ${units} most alike`;
  return "Unattributable";
}

function showQueries(run, place, choose) {
  const { queries, level } = run.facts;
  const trained = queries.filter(({ kind }) => kind === "training");
  const row = (query, number) => el("tr", { class: "query" },
    el("th", { scope: "row" }, canvas(picture(run.arrays.queries, number)), el("p", { class: "name" }, query.name),
      el("p", { class: "quiet" }, KINDS[query.kind])),
    el("td", {}, el("strong", {}, answerOf(query)),
      el("p", { class: "quiet" }, query.close)),
    ...query.top.map((unit, i) => el("td", {},
      unitButton(run, unit, false, () => choose({ view: "units", unit, query: "" })),
      query.attributed[i] ? el("span", { class: "flag" }, "attributed") : null,
      el("p", { class: "quiet" }, `q = ${number2(query.q[i])}, effect reached by ${number2(100 * query.share[i])} % of held-out images`))));
  const most = Math.max(0, ...queries.map(({ top }) => top.length));
  const list = el("div", {});
  paged(list, queries.map((query, number) => [query, number]), 0,
    ["picture", "answer", ...Array.from({ length: most }, (_, i) => `unit ${i + 1} by joint score`)],
    ([query, number]) => row(query, number), "pictures that the ensemble did not sample");
  fill(place, el("div", { class: "column" },
    el("h2", {}, "Pictures that the ensemble did not sample"),
    el("p", {}, `Each picture is noised to several levels and denoised by every member; no picture is sampled, and there is no counterfactual. A unit is attributed if members that saw it denoise the picture differently (q at most ${number2(level)}). That does not say that the picture was made from it: held-out images, which were made from no unit, have attributed units too. A picture is close to a unit if the effect exceeds the largest effects on held-out images.`),
    el("p", {}, `Positive control: ${trained.filter(({ own }) => own).length} of ${count(trained.length, "training image")} shown here name themselves. If few do, the members have learnt little about single units.`),
    list));
}

function number2(value) {
  return number(value, 2);
}
