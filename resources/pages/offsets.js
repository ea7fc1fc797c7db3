"use strict";
// Saved offsets count Unicode characters (code points), as Python does; JavaScript's strings count UTF-16 units.

const toPoints = (text, unit) => Array.from(text.slice(0, unit)).length;

const toUnits = (text, point) => Array.from(text).slice(0, point).join("").length;

// [start, end] in whole characters, without white space at its ends; null if nothing is left.
function trimmed(text, start, end) {
  const splits = (unit) => unit > 0 && unit < text.length && text.codePointAt(unit - 1) > 0xffff;
  if (splits(start)) start -= 1;
  if (splits(end)) end += 1;
  while (start < end && /\s/.test(text[start])) start += 1;
  while (start < end && /\s/.test(text[end - 1])) end -= 1;
  return start < end ? [start, end] : null;
}

// Cuts a text of this length at the ends of the spans: each part with the numbers of the spans that cover it.
function segments(length, spans) {
  const cuts = [...new Set([0, length, ...spans.flat()])].sort((a, b) => a - b);
  return cuts.slice(0, -1).map((start, k) => {
    const end = cuts[k + 1];
    const covering = spans.flatMap(([from, to], number) => (from <= start && end <= to ? [number] : []));
    return { start, end, covering };
  });
}
