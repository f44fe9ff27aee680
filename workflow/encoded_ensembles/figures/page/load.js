"use strict";
// Unpacking: one block of base64 and zlib holds the facts and all arrays (gallery.py, pack).

const TYPES = {
  uint8: Uint8Array, int32: Int32Array, float32: Float32Array,
};

async function unpack(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const content = await new Response(stream).arrayBuffer();
  const length = Number(new DataView(content).getBigUint64(0, true));
  const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(content, 8, length)));
  const arrays = {};
  for (const [name, { type, shape, at }] of Object.entries(facts.arrays)) {
    const count = shape.reduce((a, b) => a * b, 1);
    arrays[name] = Object.assign(new TYPES[type](content, 8 + length + at, count), { shape });
  }
  return { facts, arrays };
}

// Indexes of the pairs by sample and by unit.
function indexed({ facts, arrays }) {
  const bySample = facts.samples.map(() => []);
  const byUnit = facts.units.map(() => []);
  arrays.pair_sample.forEach((sample, pair) => {
    bySample[sample].push(pair);
    byUnit[arrays.pair_unit[pair]].push(pair);
  });
  return { facts, arrays, bySample, byUnit, folded: facts.units.map((name, unit) => fold(`${name} ${facts.captions[unit] || ""}`)), orders: new Map() };
}

// The prompt that a sample was drawn with, "" without.
function promptOf(run, sample) {
  const { prompts } = run.facts;
  return prompts.length ? prompts[sample % prompts.length] : "";
}

// A name in its form for search: without accents, in lower case.
function fold(name) {
  return name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

// The attributing statistic comes first (gallery.py, statistics_of).
function attributing(run) {
  return run.facts.statistics[0].name;
}

// The pairs of a sample by a statistic, best first; sorted once.
function ranked(run, sample, name) {
  const key = `${sample} ${name}`;
  if (!run.orders.has(key)) {
    const rank = run.arrays[`${name}_rank`];
    run.orders.set(key, [...run.bySample[sample]].sort((a, b) => rank[a] - rank[b]));
  }
  return run.orders.get(key);
}

function pairOf(run, sample, unit) {
  return run.byUnit[unit].find((pair) => run.arrays.pair_sample[pair] === sample);
}

function dropped(run, unit) {
  const width = run.arrays.unit_word.shape[1];
  const word = run.arrays.unit_word.subarray(unit * width, (unit + 1) * width);
  return Array.from({ length: run.facts.members }, (_, m) => (word[m >> 3] >> (m & 7)) & 1);
}

function picture(array, number) {
  const [, height, width, channels] = array.shape;
  const size = height * width * channels;
  return { pixels: array.subarray(number * size, (number + 1) * size), height, width, channels };
}
