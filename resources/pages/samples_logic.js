"use strict";
// What the samples show, without the document. The data's fields: spd_faith/leaderboard/html/{samples,answers}.py

const TASKS = ["describe", "same", "different"];
const ANSWER_FIELDS = [
  "text", "parse_status", "verdict", "failure", "error", "finish_reason", "reasoning", "tokens", "language",
];
const NUMBERS = new Set(["tokens"]);

// An answer of the data by the names of its fields, with texts in place of their numbers; null if there is none.
function answerOf(values, texts) {
  if (!values) return null;
  return Object.fromEntries(ANSWER_FIELDS.map((name, place) => {
    const value = values[place] ?? null;
    return [name, value === null || NUMBERS.has(name) ? value : texts[value]];
  }));
}

// The data that leaderboard/html/packed.py packed.
async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed), (one) => one.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(stream).text());
}

// ---- links

const LINKED = ["sample", "model", "judge", "view"];

// {sample, model?, judge?, view?} of a fragment; null if it names no sample.
function readLink(fragment) {
  const found = new URLSearchParams(fragment.replace(/^#/, ""));
  if (!found.get("sample")) return null;
  return Object.fromEntries(LINKED.filter((name) => found.get(name)).map((name) => [name, found.get(name)]));
}

function linkTo(place) {
  const escaped = (value) => encodeURIComponent(value).replaceAll("%2F", "/");
  return `#${LINKED.filter((name) => place[name]).map((name) => `${name}=${escaped(place[name])}`).join("&")}`;
}

// ---- search and filters

// The numbers of the texts that contain each of the words, by word.
function textsWith(words, texts) {
  const lower = texts.map((text) => text.toLowerCase());
  return words.map((word) => new Set(lower.flatMap((text, number) => (text.includes(word) ? [number] : []))));
}

function describes(sample, word) {
  const told = sample.differences.flatMap((one) => [one.type, one.category, one.description ?? ""]);
  return [sample.id, sample.question ?? "", ...told].some((text) => text.toLowerCase().includes(word));
}

// The samples that fit. Filters: model (its place), split, type, control, words; bits (of FLAGS) and maps of one record.
function filtered(samples, filters, texts) {
  const found = textsWith(filters.words, texts);
  return samples.filter((sample) => {
    if (filters.split && sample.split !== filters.split) return false;
    if (filters.control && (sample.control ?? "none") !== filters.control) return false;
    if (filters.type && !sample.differences.some((one) => one.type === filters.type)) return false;
    const flagged = modelsThatFit(sample, filters).map((number) => sample.models[number]);
    if ((filters.model || filters.bits || filters.maps) && !flagged.length) return false;
    const answers = new Set(flagged.flatMap((record) => record.a.flatMap((answer) => (answer ? [answer[0]] : []))));
    return filters.words.every((word, number) => (
      describes(sample, word) || [...answers].some((answer) => found[number].has(answer))));
  });
}

const hasMaps = (record) => typeof record.m === "object"; // a text says why they are left out

// The places of the models whose record of a sample fits the filters that are about records.
function modelsThatFit({ models }, { model, bits, maps }) {
  return Object.keys(models).filter((number) => (
    (!model || number === model) && ((models[number].f ?? 0) & bits) === bits && (!maps || hasMaps(models[number]))));
}

// The largest difference between two judges' scores of an answer of the model, or of any model.
function disagreement(sample, model) {
  const records = Object.entries(sample.models).filter(([number]) => !model || number === model);
  return Math.max(0, ...records.map(([, record]) => record.d ?? 0));
}

// ---- versions of a pair

// What the base pair calls a difference of a sample: an undone difference leaves its number free.
const numberOf = ({ undone }, difference) => difference + (difference < (undone ?? Infinity) ? 1 : 2);

// What undoing a difference changes: whether the model named it before, and whether it does now; null if unknown.
function undoneAnswer(before, now) {
  if (typeof now !== "boolean") return "";
  if (typeof before !== "boolean") return now ? "still named" : "not named";
  if (before) return `was named → ${now ? "still" : "no longer"} named`;
  return `was not named before${now ? " → named now" : ""}`;
}

// A word of a shell's command, with odd characters visible, in quotes where it needs them.
function shellWord(word) {
  return /^[\w/.@%+=:,][\w/.@%+=:,-]*$/.test(word) ? word : `'${visible(word).replaceAll("'", "'\\''")}'`;
}

// ---- answers

// Control characters as their visible symbols, one for one, so that places in the text stay.
function visible(text) {
  return text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/g, (character) => (
    character === "\x7f" ? "\u2421" : String.fromCharCode(0x2400 + character.charCodeAt(0))));
}

// Where a text is cut so that it has about `length` units: never inside of a character.
function cutAt(text, length) {
  if (text.length <= 1.3 * length) return text.length;
  const unit = text.charCodeAt(length - 1);
  return unit >= 0xd800 && unit <= 0xdbff ? length - 1 : length;
}

// The parts of the first `length` units of an answer: each with the numbers of the claims that quote it.
function quotedParts(length, claims, task) {
  const quotes = claims.flatMap(({ q }, claim) => q
    .filter((quote) => Array.isArray(quote) && quote[0] === task && quote[1] < length)
    .map(([, start, end]) => ({ claim, span: [start, Math.min(end, length)] })));
  const parts = segments(length, quotes.map(({ span }) => span));
  return parts.map(({ start, end, covering }) => ({ start, end, claims: covering.map((one) => quotes[one].claim) }));
}

// ---- activation maps

// [left, top, width, height, strength] of the tokens of a grid that have a strength; in fractions of the image.
function cells(grid, values) {
  const found = [];
  for (let row = 0; row < grid.rows; row += 1) {
    for (let column = 0; column < grid.columns; column += 1) {
      const value = values[grid.first + row * grid.stride + column] ?? 0;
      if (value) found.push([grid.x + column * grid.dx, grid.y + row * grid.dy, grid.dx, grid.dy, value / 255]);
    }
  }
  return found;
}

const COLORS = [[255, 255, 178], [254, 204, 92], [253, 141, 60], [240, 59, 32], [189, 0, 38]]; // YlOrRd

function heat(strength) {
  const at = Math.min(Math.max(strength, 0), 1) * (COLORS.length - 1);
  const low = Math.min(Math.floor(at), COLORS.length - 2);
  const mix = (value, channel) => Math.round(value + (COLORS[low + 1][channel] - value) * (at - low));
  const mixed = COLORS[low].map(mix);
  return `rgb(${mixed.join(" ")} / ${(0.15 + 0.45 * strength).toFixed(2)})`;
}
