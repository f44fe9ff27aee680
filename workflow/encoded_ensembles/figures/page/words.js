// Names and meanings of the statistics, for readers who are not statisticians.

const STATISTICS = {
  joint: {
    label: "joint: effect after all other units",
    means: "How well the unit's code word explains what members do to the picture, after the effects of the other likely units are taken out. This statistic decides attribution.",
  },
  undirected: {
    label: "undirected: any difference of members",
    means: "How much the members that saw the unit differ from the others, in any direction: it finds an influence that does not look like the unit.",
  },
  contrast: {
    label: "contrast: pull of members that saw it",
    means: "How much more the members that saw the unit pull the picture towards it than the members that did not.",
  },
  distance: {
    label: "distance: how far the picture moves",
    means: "How far the picture moves, pixel by pixel, when the members that saw the unit are left out. Leaving out the same number of other members moves it too: compare the null.",
  },
  ssim: {
    label: "ssim: change of structure",
    means: "1 minus the structural similarity of the picture with and without the unit: change of edges and contrast rather than of brightness.",
  },
  features: {
    label: "features: change of content",
    means: "How far the picture moves in the features of a network that judges images.",
  },
  matched: {
    label: "matched: change specific to it",
    means: "How far the picture without the unit lies from the mean of all ablated pictures: the effect of leaving out just these members.",
  },
  directional: {
    label: "directional: moves away from it",
    means: "How much farther from the unit's own images the picture lies when the unit's members are left out.",
  },
  lpips: { label: "lpips: perceptual change", means: "Perceptual distance (LPIPS) of the picture with and without the unit." },
  stlpips: { label: "stlpips: change as people judge it", means: "Shift-tolerant LPIPS between the picture with and without the unit, a distance that was fitted to people's judgements." },
  openclip: { label: "openclip: change of meaning", means: "Distance in OpenCLIP's features of the picture with and without the unit." },
  dinov2: { label: "dinov2: change of content", means: "Distance in DINOv2's features of the picture with and without the unit." },
};
const AXES = {
  value: "value",
  z: "z: standard deviations above the null's mean",
  p: "p: small values, at the left, are evidence for an influence",
};

function describe(name) {
  return STATISTICS[name] || { label: name, means: "" };
}

function number(value, digits = 3) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e5)) return value.toExponential(1).replace("-", "−");
  return Number(value.toPrecision(digits)).toString().replace("-", "−");
}

function count(many, one, more = `${one}s`) {
  return `${many.toLocaleString("en")} ${many === 1 ? one : more}`;
}

function listed(numbers) {
  return numbers.length ? numbers.join(", ") : "none";
}

// The verdict on a sample: [heading, sentences]
function verdictOf(run, sample) {
  const { attributed, answer, rate, least_q: q, radius, null_radius: chance, sets } = run.facts.samples[sample];
  const { all, level, members } = run.facts;
  const said = [];
  if (attributed) {
    said.push(`Among ${count(all.units, "unit")} the joint score of ${attributed} stands out from the null: on average at most ${number(100 * level)} % of the units named for a sample are named by chance (false discovery rate; q weighted by likeness).`);
  } else if (answer) {
    said.push(`No single unit can be named, but the ${count(answer, "unit")} most alike to it together can: at most ${number(100 * level)} % of samples without any influence would be given such a group (p = ${number(rate)}).`);
  } else {
    said.push(`No single unit stands out from the null: the smallest q is ${number(q, 2)}, and ${number(level)} is allowed. This is a result: the evidence of ${count(members, "member")} does not support naming any of ${count(all.units, "unit")}.`);
  }
  for (const [size, p, null_p] of sets.filter(([size]) => size === 1 || size === 10)) {
    const which = size === 1 ? "The training unit nearest to it" : `The ${size} nearest units together`;
    said.push(`${which}: p = ${number(p)} (under null code words: ${number(null_p)}).`);
  }
  said.push(
    chance === null
      ? `Leaving out a unit moves it by ${number(radius)} at most (counterfactual radius); this code leaves no null code word to compare with.`
      : `Leaving out a unit moves it by ${number(radius)} at most (counterfactual radius); a null code word by up to ${number(chance)}.`,
  );
  const title = attributed ? `Attributed to ${count(attributed, "unit")}`
    : answer ? `Attributed to one or more of ${count(answer, "unit")}` : "Unattributable";
  return [title, said];
}

// The null of one pair: how many null code words reach its value.
function against({ words }, p) {
  if (!words) return "this code leaves no null code words; there is nothing to compare with, so nothing can be attributed.";
  const reach = Math.round(p * (words + 1)) - 1;
  const who = reach === 0 ? "none" : reach === words ? "all" : reach.toLocaleString("en");
  return `of ${words.toLocaleString("en")} null code words ${who} give the same value or more: p = ${number(p, 2)}.`;
}

// How to read the page, and what it leaves out.
function showHelp(run, place) {
  const { facts, arrays } = run;
  const terms = [
    ["unit", "What a sample is attributed to: a training image, or all images that belong together."],
    ["member", `One of ${facts.members} models. Each saw a different share of the units; ${facts.weight} members saw each unit. Together they sample the picture.`],
    ["factual", "The picture sampled with all members."],
    ["counterfactual", "The picture sampled from the same noise with the members that never saw the unit. It cannot depend on the unit, since no member that saw it took part. This is exact and does not depend on any statistic."],
    ["code word", "Which members saw the unit. No two units have the same code word, unless the run was configured so."],
    ["null", "Values under null code words, which belong to no unit. Leaving out any members changes a picture; only a larger change is evidence for an influence of the unit."],
    ["z", "How far above the null's mean a value lies, in standard deviations of the null."],
    ["p", "The share of null code words that give the same value or more, with the unit's own code word counted among them. If the unit has no effect, p is 0.05 or less in one of twenty cases."],
    ["q", `Among many units some p are small by chance. Of all units with q at most this value, on average at most this share is wrong. By the joint score, the contrast and the undirected change, units that are alike to the sample get more of the allowed error than others; the q of Benjamini and Hochberg, which divides it evenly, is in contrast/contrast.csv. Attributed: q of the joint score at most ${number(facts.level)}.`],
    ["rank", "1 is the unit of highest z for the sample."],
    ["group", "If no single unit can be named, the units most alike to the sample are tested together: 30, then 10, 5, 3, 2 and 1 of them. The smallest group down to which all these tests succeed is named: at least one unit in it has an influence."],
    ["unattributable", "Neither a unit nor a group can be named. This means that the evidence does not identify a unit, not that no unit has an influence."],
  ];
  const left = [];
  if (facts.all.samples > facts.samples.length) left.push(`The page shows the first ${facts.samples.length} of ${facts.all.samples.toLocaleString("en")} samples (gallery.samples).`);
  if (facts.all.pairs > arrays.pair_sample.length) left.push(`Of ${facts.all.pairs.toLocaleString("en")} pairs of sample and unit ${arrays.pair_sample.length.toLocaleString("en")} are here: all down to rank ${facts.depth.toLocaleString("en")} by any statistic, and the best sample of every unit if it fits.`);
  const pictures = arrays.pictures.shape[0];
  if (facts.all.pairs > pictures) left.push(`Pictures without a unit are here for ${count(pictures, "pair")}: all down to rank ${facts.pictures.toLocaleString("en")} by any statistic (gallery.pictures, or what fits).`);
  if (facts.side > arrays.samples.shape[1]) left.push(`Pictures of ${facts.side} pixels are shrunk to ${arrays.samples.shape[1]}.`);
  if (arrays.images.shape[1] < arrays.samples.shape[1]) left.push(`Training images are shrunk to ${arrays.images.shape[1]} pixels.`);
  fill(place, el("div", { class: "column" },
    el("h2", {}, "How to read this"),
    el("p", {}, "Choose a sample, then a unit. Point at the picture, press it, or move the slider to see the sample without the unit. Always compare a value with its null: the landscape shows both."),
    el("dl", {}, ...terms.flatMap(([term, means]) => [el("dt", {}, term), el("dd", {}, means)])),
    el("h2", {}, "The statistics"),
    el("dl", {}, ...facts.statistics.flatMap(({ name }) => [el("dt", {}, name), el("dd", {}, describe(name).means)])),
    el("h2", {}, "What is left out"),
    left.length ? el("ul", {}, ...left.map((each) => el("li", {}, each)))
      : el("p", {}, "Nothing: every unit, every sample and every counterfactual of the run is in this page."),
    el("p", {}, "Pictures have 8 bits here; the whole landscape is in landscape/, all numbers in influence/influence.csv, and the record of the run, with digests, in run.json, next to this page.")));
}
