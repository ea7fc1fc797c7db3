// Shows one sample at a time. Texts come from models and reach the document as text alone.

const { packed, images } = JSON.parse(document.getElementById("samples-data").textContent);
const data = await unpack(packed);
const $ = (id) => document.getElementById(id);
const text = (number) => (number === null || number === undefined ? null : data.texts[number]);
const plain = (name) => name.replaceAll("_", " ");
const placeOf = new Map(data.samples.map((sample, place) => [sample.id, place]));
const modelNumber = new Map(data.models.map(({ key }, number) => [key, String(number)]));
const controlsOf = Map.groupBy
  ? Map.groupBy(data.samples.filter((sample) => sample.base), (sample) => sample.base)
  : data.samples.filter((sample) => sample.base).reduce((groups, sample) => (
    groups.set(sample.base, [...(groups.get(sample.base) ?? []), sample])), new Map());

const QUESTIONS = {
  describe: "How many differences are there?", same: "Are the two pictures the same?",
  different: "Are the two pictures different?",
};
const CONTROLS = {
  none: "pairs of the dataset", identical: "the first image twice", blind: "both images grey",
  swapped: "images swapped", undone: "one difference undone", null_paste: "a part pasted where nothing differs",
};
const VERDICTS = { differs: "they differ", same: "they are the same", unclear: "unclear" };
const VIEWS = { pair: "Side by side", flicker: "Flicker", slider: "Slider" };
const SIGNS = {
  faithful: "✓", consistent: "✓", unfaithful: "✗", contradictory: "✗",
  unverifiable: "?", ambiguous: "?", invented: "∅",
};
const MARKS = { error: "✗", failure: "!", disagreement: "≠" };
const AT_ONCE = 50; // samples in the list
const ANSWER = 3000; // characters of an answer that are shown at first
const QUOTE = 300; // of a claim in a list
const FLICKER = 700; // milliseconds per image: less than three changes a second

let shown = []; // the samples that fit the filters
let page = 0; // of the list
let here = { sample: null, model: null, judge: null, view: "pair" };
let isLinked = false; // whether the sample here is the one of the link that opened the page
let hasBoxes = true;
let wordMap = null; // [task, word] of the activation map over the images
let pinned = null; // what was clicked stays lit, for touch screens
let timer = null;
let isMoving = !matchMedia("(prefers-reduced-motion: reduce)").matches; // whether the flicker view plays

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "dataset") Object.assign(element.dataset, value);
    else if (name in element) element[name] = value;
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const quiet = (...children) => make("span", { className: "quiet" }, ...children);
const note = (...children) => make("p", { className: "quiet" }, ...children);
const section = (label, ...children) => make("section", { ariaLabel: label }, ...children);
const head = (label, title) => make("th", { scope: "col", title }, label);
const rowHead = (...children) => make("th", { scope: "row" }, ...children);
const scoreCell = (...children) => make("td", { className: "number" }, ...children);
// A table that scrolls by itself where it is too wide.
function scrolled(label, heads, rows) {
  const table = make("table", {}, make("thead", {}, make("tr", {}, heads)), make("tbody", {}, rows));
  return make("div", { className: "scrolled", tabIndex: 0, role: "region", ariaLabel: label }, table);
}
const chip = (className, ...children) => make("span", { className: `chip ${className}` }, ...children);
const percent = (score) => (score === null || score === undefined ? "–" : (100 * score).toFixed(0));
const sampleHere = () => data.samples[placeOf.get(here.sample)];
const recordHere = () => sampleHere().models[modelNumber.get(here.model)];
const judgeHere = () => Math.max(0, data.judges.findIndex(({ key }) => key === here.judge));

// ---- finding

function filters() {
  const form = new FormData($("samples-filters"));
  const bits = ["error", "failure", "disagreement"].reduce((all, name) => all | Number(form.get(name) || 0), 0);
  const words = form.get("words").toLowerCase().split(/\s+/).filter(Boolean);
  return { ...Object.fromEntries(form), bits, words };
}

function find() {
  const wanted = filters();
  shown = filtered(data.samples, wanted, data.texts);
  if (wanted.order === "disagreement") {
    const by = new Map(shown.map((sample) => [sample, disagreement(sample, wanted.model)]));
    shown.sort((one, other) => by.get(other) - by.get(one));
  }
  page = 0;
  showList();
  if (here.sample) showSteps();
}

// The place of the model whose answers about a sample show what the filters ask for: the one here, if it does.
function modelFor(sample, wanted = filters()) {
  const fitting = modelsThatFit(sample, wanted);
  const number = modelNumber.get(here.model);
  return fitting.includes(number) || !fitting.length ? wanted.model || number : fitting[0];
}

// After a filter changed: the first sample that fits if the one here does not, with answers that fit.
function refine() {
  find();
  const fits = isLinked || shown.includes(sampleHere()) || !shown.length;
  const sample = fits ? here.sample : shown[0].id;
  if (!sample) return;
  const model = data.models[modelFor(data.samples[placeOf.get(sample)])]?.key ?? here.model;
  if ((sample === here.sample && model === here.model)) return;
  if (sample !== here.sample) isLinked = false;
  go({ ...here, sample, model });
  history.replaceState(null, "", linkTo(here));
}

function showList() {
  const pages = Math.max(1, Math.ceil(shown.length / AT_ONCE));
  const some = shown.slice(page * AT_ONCE, (page + 1) * AT_ONCE);
  const list = $("samples-list");
  const wanted = filters();
  list.replaceChildren(...some.map((sample) => listed(sample, wanted)));
  const current = list.querySelector("[aria-current]");
  list.scrollTop = current ? current.offsetTop - list.clientHeight / 3 : 0;
  const count = shown.length.toLocaleString("en");
  const total = data.samples.length;
  const whole = shown.length === total ? "" : ` of ${total.toLocaleString("en")}`;
  const noun = total === 1 ? "sample" : "samples";
  $("samples-count").textContent = shown.length ? `${count}${whole} ${noun}` : "No sample fits. Clear a filter.";
  $("samples-legend").textContent = legend();
  $("samples-page").textContent = `${page + 1} of ${pages}`;
  $("samples-earlier").disabled = page === 0;
  $("samples-later").disabled = page >= pages - 1;
  $("samples-earlier").parentElement.hidden = pages === 1;
}

function listed(sample, wanted) {
  const number = modelFor(sample, wanted);
  const record = sample.models[number];
  const what = sample.control ? CONTROLS[sample.control] ?? sample.control : countOf(sample);
  const link = make("a", { href: linkTo({ ...here, sample: sample.id, model: data.models[number]?.key }) },
    make("span", { className: "id" }, sample.id), " ", quiet(what), " ", record ? marksOf(record) : "");
  if (sample.id === here.sample) link.setAttribute("aria-current", "true");
  return make("li", {}, link);
}

// What the signs in the list say; nothing if no sample of the run has one.
function legend() {
  const words = { error: "errors (✗2: of two kinds)", failure: "failures", disagreement: "judges disagree" };
  const found = Object.keys(words).filter((group) => $("samples-filters").elements[group].options.length > 1);
  const signs = found.map((group) => `${MARKS[group]} ${words[group]}`).join(", ");
  const { bits, maps, model } = filters();
  const label = data.models[model || modelNumber.get(here.model)]?.label;
  const whose = !model && (bits || maps) ? "a model that fits the filters" : label;
  return signs && whose ? `In the answers of ${whose}: ${signs}` : "";
}

const countOf = ({ differences }) => `${differences.length} difference${differences.length === 1 ? "" : "s"}`;

// What is wrong in a record, in a few signs with their words as titles.
function marksOf(record) {
  const flags = data.flags.filter(({ marked }, bit) => marked && (record.f ?? 0) & (1 << bit));
  const groups = Object.keys(MARKS).map((group) => flags.filter((flag) => flag.group === group));
  return make("span", { className: "marks" }, groups.filter((group) => group.length).map((group) => {
    const words = group.map(({ label }) => label).join(", ");
    return make("span", { className: `mark-${group[0].group}`, title: words },
      make("span", { ariaHidden: "true" }, `${MARKS[group[0].group]}${group.length > 1 ? group.length : ""}`),
      make("span", { className: "hidden-visually" }, `${words}. `));
  }));
}

function fillFilters() {
  const form = $("samples-filters");
  const offer = (name, options) => {
    form.elements[name].append(...options.map(([value, label]) => make("option", { value, textContent: label })));
    form.elements[name].parentElement.hidden = !options.length;
  };
  const present = (values) => [...new Set(values)].sort();
  offer("model", data.models.length > 1 ? data.models.map(({ label }, number) => [number, label]) : []);
  const splits = present(data.samples.map(({ split }) => split));
  offer("split", splits.length > 1 ? splits.map((split) => [split, split]) : []);
  const types = present(data.samples.flatMap(({ differences }) => differences.map(({ type }) => type)));
  offer("type", types.map((type) => [type, type]));
  const controls = present(data.samples.map(({ control }) => control ?? "none"));
  offer("control", controls.length > 1 ? controls.map((control) => [control, CONTROLS[control] ?? control]) : []);
  const found = data.samples.reduce((all, { models }) => (
    Object.values(models).reduce((bits, record) => bits | (record.f ?? 0), all)), 0);
  for (const group of ["error", "failure", "disagreement"]) {
    const flags = data.flags.map((flag, bit) => ({ ...flag, bit })).filter((flag) => flag.group === group);
    offer(group, flags.filter(({ bit }) => found & (1 << bit)).map(({ bit, label }) => [1 << bit, label]));
  }
  const records = data.samples.flatMap(({ models }) => Object.values(models));
  offer("maps", records.some(hasMaps) ? [["1", "has activation maps"]] : []);
  form.elements.order.parentElement.hidden = data.judges.length < 2;
}

// ---- the sample

function go(place) {
  const sample = data.samples[placeOf.get(place.sample)];
  const isOther = place.sample !== here.sample || place.model !== here.model;
  if (!sample) {
    stopFlicker();
    here = { ...here, sample: null };
    $("sample").replaceChildren(titleOf(place.sample), missing(place.sample));
    showList();
    return;
  }
  const known = modelNumber.has(place.model) && sample.models[modelNumber.get(place.model)];
  const first = data.models.find((_, number) => sample.models[number]);
  here = { view: here.view, judge: here.judge, ...place, model: known ? place.model : first?.key ?? null };
  if (!Object.hasOwn(VIEWS, here.view)) here.view = "pair";
  if (isOther) [wordMap, pinned] = [null, null];
  showSample();
  const inList = shown.indexOf(sample);
  if (inList >= 0) page = Math.floor(inList / AT_ONCE);
  showList();
  const model = data.models[modelNumber.get(here.model)]?.label;
  $("sample-announced").textContent = `Shown: ${sample.id}${model ? `, answers of ${model}` : ""}`;
}

function missing(id) {
  const count = data.samples.length.toLocaleString("en");
  if (data.samples.length === data.total) return make("p", {}, `None of the ${count} samples of the run has this id.`);
  const command = `${data.draw} --sample ${shellWord(id)} --output samples.html`;
  const where = `This page has ${count} of the run's ${data.total.toLocaleString("en")} samples, and not this one. `;
  return make("p", {}, where, "If the run has it, this draws it: ", make("code", {}, command));
}

function showSample() {
  const sample = sampleHere();
  const record = recordHere();
  $("sample").replaceChildren(
    make("header", {}, titleOf(sample.id), make("div", { id: "sample-steps" })),
    about(sample),
    make("div", { className: "sample-columns" },
      make("div", { className: "sample-pair" },
        viewer(sample), truthOf(sample, record), record ? mapsOf(record) : "", versionsOf(sample), modelsOf(sample)),
      make("div", { id: "sample-answers" }, record ? answersOf(sample, record) : make("p", {}, "No model was asked."))),
    keys(),
  );
  showSteps();
  showView();
}

const titleOf = (id) => make("h3", { id: "sample-title", tabIndex: -1 }, id);

function about(sample) {
  const facts = [
    sample.split,
    sample.control ? `control: ${CONTROLS[sample.control] ?? sample.control}` : countOf(sample),
    sample.faithful === undefined ? null : `labelled ${sample.faithful ? "faithful" : "unfaithful"} in the data`,
  ];
  return make("p", { className: "quiet" }, facts.filter(Boolean).join(" · "),
    sample.question ? make("span", { dir: "auto" }, ` · asked in the data: ${sample.question}`) : "");
}

const RELATIONS = { "-1": "prev", 1: "next" };

function showSteps() {
  const place = shown.indexOf(sampleHere());
  const step = (by, label) => {
    const other = shown[place < 0 ? 0 : place + by];
    return other && other.id !== here.sample
      ? make("a", { className: "button", href: linkTo({ ...here, sample: other.id }), rel: RELATIONS[by] }, label)
      : make("span", { className: "button off" }, label);
  };
  const copy = make("button", { type: "button", onclick: copyLink }, "Copy link");
  const count = place < 0 ? "not in the list" : `${place + 1} of ${shown.length}`;
  $("sample-steps").replaceChildren(step(-1, "Previous"), quiet(count), step(1, "Next"), copy);
}

async function copyLink(event) {
  const button = event.currentTarget;
  const address = `${location.href.split("#")[0]}${linkTo(here)}`;
  try {
    await navigator.clipboard.writeText(address);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy link"; }, 2000);
  } catch { // not allowed here: the address bar has it
    location.hash = linkTo(here);
    button.textContent = "See the address bar";
  }
}

// ---- the truth, the versions of the pair, the models

function truthOf(sample, record) {
  const base = data.samples[placeOf.get(sample.base ?? sample.id)];
  const isNumbered = sample.control !== "swapped"; // its differences are the base pair's, so are their numbers
  const entries = sample.differences.map((one, difference) => {
    const value = numberOf(sample, difference);
    const named = isNumbered && record?.n?.length === base?.differences.length ? record.n[value - 1] : null;
    const said = { true: ["good", "✓ named"], false: ["bad", "✗ not named"] }[named];
    return make("li", { value }, make("button", { type: "button", className: "linked", dataset: { difference } },
      make("b", {}, `${one.type} ${one.category}`), one.description ? make("bdi", {}, `: ${one.description}`) : "",
      one.box || one.after ? "" : quiet(" (no box)")), " ", said ? chip(...said) : "");
  });
  const undone = base?.differences[sample.undone];
  if (undone) {
    const said = [undone.type, undone.category].join(" ");
    const entry = make("li", { value: sample.undone + 1 }, quiet("undone here: ", said, " – ", undoneHere(sample, base)));
    entries.splice(sample.undone, 0, entry);
  }
  const none = sample.control ? "The pair is made so that nothing differs." : "No difference is known.";
  return make("section", { ariaLabel: "True differences" }, make("h4", {}, "True differences"),
    entries.length ? make("ol", { className: "differences" }, entries) : make("p", {}, none));
}

function versionsOf(sample) {
  const base = data.samples[placeOf.get(sample.base ?? sample.id)];
  const versions = [base, ...(controlsOf.get(sample.base ?? sample.id) ?? [])].filter(Boolean);
  if (versions.length < 2) return "";
  return make("section", { ariaLabel: "Versions of this pair" }, make("h4", {}, "Versions of this pair"),
    make("ul", { className: "versions" }, versions.map((one) => {
      const link = make("a", { href: linkTo({ ...here, sample: one.id }) }, versionName(one, base));
      if (one === sample) link.setAttribute("aria-current", "true");
      return make("li", {}, link, " ", quiet(versionAnswer(one, base)));
    })));
}

function versionName(sample, base) {
  if (!sample.control) return "the pair itself";
  const undone = base?.differences[sample.undone];
  if (sample.control === "undone" && undone) return `difference ${sample.undone + 1} undone (${undone.category})`;
  return CONTROLS[sample.control] ?? sample.control;
}

function undoneHere(sample, base) {
  const [before, now] = [base, sample].map(({ models }) => models[modelNumber.get(here.model)]?.n?.[sample.undone]);
  return undoneAnswer(before, now);
}

// What the model that is looked at says about a version.
function versionAnswer(sample, base) {
  const record = sample.models[modelNumber.get(here.model)];
  if (!record) return "";
  const verdicts = ["same", "different"].flatMap((task) => {
    const { verdict } = answerOf(record.a[TASKS.indexOf(task)], data.texts) ?? {};
    return verdict ? [VERDICTS[verdict]] : [];
  });
  const said = [...new Set(verdicts)].join(" / ");
  const named = record.n?.length === base?.differences.length && record.n.length
    ? `names ${record.n.filter(Boolean).length} of ${record.n.length}` : "";
  const undone = base && sample.control === "undone" ? undoneHere(sample, base) : "";
  return [said, undone || named].filter(Boolean).join("; ");
}

function modelsOf(sample) {
  const rows = data.models.map(({ key, label }, place) => {
    const record = sample.models[place];
    if (!record) return make("tr", {}, rowHead(label), make("td", { colSpan: data.scores.length + 1 }, "not asked"));
    const link = make("a", { href: linkTo({ ...here, model: key }) }, label);
    if (key === here.model) link.setAttribute("aria-current", "true");
    const of = record.j?.[judgeHere()]?.s ?? [];
    const verdicts = [1, 2].map((task) => answerOf(record.a[task], data.texts)?.verdict ?? "–");
    return make("tr", {}, rowHead(link, " ", marksOf(record)), make("td", {}, verdicts.join(" / ")),
      data.scores.map((_, score) => scoreCell(percent(of[score]))));
  });
  const heads = [head("Model"), head("Verdicts", "Of the answers to “the same?” and “different?”"),
    ...data.scores.map(({ label, title }) => head(label, title))];
  const judge = data.judges.length > 1 ? ` by ${data.judges[judgeHere()].label}` : "";
  return section("All models about this pair", make("h4", {}, "All models about this pair"),
    scrolled("Scores of all models, in percent", heads, rows), note(`Scores of this pair in percent${judge}.`));
}

// ---- claims and differences point at each other

const POINTING = "[data-claims], [data-difference]";
const split = (value) => (value ? value.split(" ") : []);

function lightUp(target) {
  const from = target?.closest?.(POINTING);
  const claims = new Set(split(from?.dataset.claims));
  const differences = new Set(from?.dataset.difference === undefined ? [] : [from.dataset.difference]);
  const entries = [...document.querySelectorAll("#sample li > [data-claims]")];
  if (claims.size) {
    for (const entry of entries.filter((one) => claims.has(one.dataset.claims))) {
      for (const one of split(entry.dataset.about)) differences.add(one);
    }
  } else {
    const isAbout = (entry) => split(entry.dataset.about).some((one) => differences.has(one));
    for (const entry of entries.filter(isAbout)) claims.add(entry.dataset.claims);
  }
  for (const one of document.querySelectorAll("#sample [data-claims]")) {
    one.classList.toggle("lit", split(one.dataset.claims).some((name) => claims.has(name)));
  }
  for (const one of document.querySelectorAll("#sample [data-difference]")) {
    one.classList.toggle("lit", differences.has(one.dataset.difference));
  }
}

for (const name of ["mouseover", "focusin"]) {
  $("sample").addEventListener(name, ({ target }) => lightUp(target.closest(POINTING) ?? pinned));
}
for (const name of ["mouseleave", "focusout"]) $("sample").addEventListener(name, () => lightUp(pinned));
$("sample").addEventListener("click", (event) => {
  const target = event.target.closest(POINTING);
  if (!target && event.target.closest("button, a, input, select, summary")) return;
  pinned = target === pinned ? null : target;
  lightUp(pinned);
});

// ---- keys

function keys() {
  const rows = [
    ["n, p", "next, previous sample"], ["b", "true boxes"], ["1, 2, 3", "side by side, flicker, slider"],
    ["x", "flip the images of the flicker view"],
  ];
  return make("details", { className: "keys" }, make("summary", {}, "Keys"),
    make("p", {}, "While the focus is in the sample:"),
    make("ul", {}, rows.map(([key, what]) => make("li", {}, make("kbd", {}, key), ` ${what}`))));
}

$("sample").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !here.sample) return;
  if (event.target.matches("select, input:not([type=checkbox], [type=range])")) return;
  const step = (rel) => () => document.querySelector(`#sample-steps [rel=${rel}]`)?.click();
  const views = Object.keys(VIEWS);
  const actions = {
    n: step("next"), p: step("prev"), b: () => setBoxes(!hasBoxes),
    1: () => setView(views[0]), 2: () => setView(views[1]), 3: () => setView(views[2]),
    x: () => { if (here.view === "flicker") turnOver(); },
  };
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
});

// ---- starting, and the fragment of the address

function follow() {
  const place = readLink(location.hash);
  if (!place) return false;
  isLinked &&= place.sample === here.sample;
  const hadFocus = $("sample").contains(document.activeElement);
  go(place);
  if (hadFocus) $("sample-title").focus({ preventScroll: true });
  return true;
}

function bringIntoView() {
  const { top } = $("sample").getBoundingClientRect();
  if (top < 0 || top > innerHeight / 2) $("sample").scrollIntoView();
}

$("samples-filters").addEventListener("input", refine);
$("samples-filters").addEventListener("submit", (event) => event.preventDefault());
$("samples-filters").addEventListener("reset", () => setTimeout(refine));
$("samples-earlier").onclick = () => { page -= 1; showList(); };
$("samples-later").onclick = () => { page += 1; showList(); };
addEventListener("hashchange", () => { if (follow()) bringIntoView(); });

fillFilters();
find();
if (follow()) {
  isLinked = true;
  $("sample").scrollIntoView();
  $("sample-title").focus({ preventScroll: true });
} else if (data.samples.length) go({ sample: data.samples[0].id });
