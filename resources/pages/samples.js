// Shows one sample at a time. Texts come from models and reach the document as text alone.

const data = JSON.parse(document.getElementById("samples-data").textContent);
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
  faithful: "✓", consistent: "✓", unfaithful: "✗", contradictory: "✗", unverifiable: "?", ambiguous: "?", invented: "∅",
};
const AT_ONCE = 50; // samples in the list
const ANSWER = 3000; // characters of an answer that are shown at first
const QUOTE = 300; // of a claim in a list
const FLICKER = 700; // milliseconds per image: less than three changes a second

let shown = []; // the samples that fit the filters
let page = 0; // of the list
let here = { sample: null, model: null, judge: null, view: "pair" };
let hasBoxes = true;
let wordMap = null; // [task, word] of the activation map over the images
let timer = null;
const wantsStill = matchMedia("(prefers-reduced-motion: reduce)");

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

function showList() {
  const pages = Math.max(1, Math.ceil(shown.length / AT_ONCE));
  const some = shown.slice(page * AT_ONCE, (page + 1) * AT_ONCE);
  const list = $("samples-list");
  list.replaceChildren(...some.map(listed));
  const current = list.querySelector("[aria-current]");
  list.scrollTop = current ? current.offsetTop - list.clientHeight / 3 : 0;
  const count = shown.length.toLocaleString("en");
  const whole = shown.length === data.samples.length ? "" : ` of ${data.samples.length.toLocaleString("en")}`;
  $("samples-count").textContent = shown.length ? `${count}${whole} samples` : "No sample fits. Clear a filter.";
  $("samples-page").textContent = `${page + 1} of ${pages}`;
  $("samples-earlier").disabled = page === 0;
  $("samples-later").disabled = page >= pages - 1;
  $("samples-earlier").parentElement.hidden = pages === 1;
}

function listed(sample) {
  const number = filters().model || modelNumber.get(here.model);
  const record = sample.models[number];
  const what = sample.control ? CONTROLS[sample.control] ?? sample.control : countOf(sample);
  const link = make("a", { href: linkTo({ ...here, sample: sample.id, model: data.models[number]?.key }) },
    make("span", { className: "id" }, sample.id), " ", quiet(what), " ", record ? marksOf(record) : "");
  if (sample.id === here.sample) link.setAttribute("aria-current", "true");
  return make("li", {}, link);
}

const countOf = ({ differences }) => `${differences.length} difference${differences.length === 1 ? "" : "s"}`;

// What is wrong in a record, in a few signs with their words as titles.
function marksOf(record) {
  const flags = data.flags.filter((_, bit) => (record.f ?? 0) & (1 << bit));
  const signs = { error: "✗", failure: "!", disagreement: "≠" };
  const groups = Object.keys(signs).map((group) => flags.filter((flag) => flag.group === group)).filter((one) => one.length);
  return make("span", { className: "marks" }, groups.map((group) => {
    const words = group.map(({ label }) => label).join(", ");
    return make("span", { className: `mark-${group[0].group}`, title: words },
      make("span", { ariaHidden: "true" }, `${signs[group[0].group]}${group.length > 1 ? group.length : ""}`),
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
  offer("split", splits.length > 1 ? splits.map((split) => [split, plain(split)]) : []);
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
  form.elements.order.parentElement.hidden = data.judges.length < 2;
}

// ---- the sample

function go(place) {
  const sample = data.samples[placeOf.get(place.sample)];
  const isOther = place.sample !== here.sample || place.model !== here.model;
  if (!sample) {
    stopFlicker();
    here = { ...here, sample: null };
    $("sample").replaceChildren(make("h3", { id: "sample-title", tabIndex: -1 }, place.sample),
      make("p", {}, `This sample is not among the ${data.samples.length} of this page. To see it: `,
        make("code", {}, `workflow_scripts/draw_samples.py --results … --sample ${place.sample} --output samples.html`)));
    showList();
    return;
  }
  const known = modelNumber.has(place.model) && sample.models[modelNumber.get(place.model)];
  const first = data.models.find((_, number) => sample.models[number]);
  here = { view: here.view, judge: here.judge, ...place, model: known ? place.model : first?.key ?? null };
  if (!(here.view in VIEWS)) here.view = "pair";
  if (isOther) wordMap = null;
  showSample();
  const inList = shown.indexOf(sample);
  if (inList >= 0) page = Math.floor(inList / AT_ONCE);
  showList();
  const model = data.models[modelNumber.get(here.model)]?.label;
  $("sample-announced").textContent = `Shown: ${sample.id}${model ? `, answers of ${model}` : ""}`;
}

function showSample() {
  const sample = sampleHere();
  const record = recordHere();
  $("sample").replaceChildren(
    make("header", {}, make("h3", { id: "sample-title", tabIndex: -1 }, sample.id), make("div", { id: "sample-steps" })),
    about(sample),
    make("div", { className: "sample-columns" },
      make("div", { className: "sample-pair" }, viewer(sample), truthOf(sample, record), versionsOf(sample), modelsOf(sample)),
      make("div", { id: "sample-answers" }, record ? answersOf(sample, record) : make("p", {}, "No model was asked."))),
    keys(),
  );
  showSteps();
  showView();
}

function about(sample) {
  const facts = [
    plain(sample.split),
    sample.control ? `control: ${CONTROLS[sample.control] ?? sample.control}` : countOf(sample),
    sample.faithful === undefined ? null : `labelled ${sample.faithful ? "faithful" : "unfaithful"} in the data`,
  ];
  return make("p", { className: "quiet" }, facts.filter(Boolean).join(" · "),
    sample.question ? make("span", { dir: "auto" }, ` · asked in the data: ${sample.question}`) : "");
}

function showSteps() {
  const place = shown.indexOf(sampleHere());
  const step = (by, label) => {
    const other = shown[place < 0 ? 0 : place + by];
    return other && other.id !== here.sample
      ? make("a", { className: "button", href: linkTo({ ...here, sample: other.id }), rel: by < 0 ? "prev" : "next" }, label)
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

// ---- the images

function viewer(sample) {
  const button = (view, label) => make("button", {
    type: "button", ariaPressed: String(here.view === view), dataset: { view }, onclick: () => setView(view),
  }, label);
  const boxes = make("input", { type: "checkbox", checked: hasBoxes, onchange: (event) => setBoxes(event.target.checked) });
  const range = make("input", { type: "range", id: "sample-range", min: 0, max: 100, value: 50, ariaLabel: "How much of the first image is shown, in percent" });
  range.oninput = showView;
  return make("div", { className: "viewer" },
    make("div", { className: "toolbar" },
      make("div", { role: "group", ariaLabel: "View of the images" }, Object.entries(VIEWS).map((one) => button(...one))),
      make("label", { hidden: !hasAnyBox(sample) }, boxes, " True boxes"),
      make("span", { id: "sample-flicker" },
        make("button", { type: "button", id: "sample-play", onclick: playOrPause }, "Play"),
        make("button", { type: "button", onclick: () => { stopFlicker(); flip(); showView(); } }, "Flip"),
        quiet(make("span", { id: "sample-turn" })))),
    make("div", { className: "stage", id: "sample-stage" }, layer(sample, 0), layer(sample, 1)),
    make("p", { className: "quiet", id: "sample-stretched" }, "The images differ in size: the second is stretched over the first."),
    make("div", { className: "slide", id: "sample-slide" }, range, quiet("left: first"), quiet("right: second")));
}

const hasAnyBox = ({ differences }) => differences.some(({ box, after }) => box || after);

function layer(sample, number) {
  const name = number ? "second" : "first";
  const image = make("img", { alt: `The ${name} image of ${sample.id}`, decoding: "async" });
  const canvas = make("canvas", { hidden: true });
  const frame = make("div", { className: "frame" }, image, canvas);
  const caption = make("figcaption", {}, name);
  image.onload = () => {
    caption.textContent = `${name}, ${image.naturalWidth} × ${image.naturalHeight} pixels`;
    frame.append(...boxesOf(sample, number, image));
    showBoxes();
    showStretch();
    if (wordMap) showMap();
  };
  image.onerror = () => frame.append(make("p", { className: "quiet" }, `The ${name} image cannot be shown.`));
  image.src = data.images[sample.images[number]];
  return make("figure", { className: "layer", dataset: { layer: number } }, frame, caption);
}

// Solid around the object; dotted at the same place of the image that it is not in.
function boxesOf(sample, number, { naturalWidth: width, naturalHeight: height }) {
  return sample.differences.flatMap((one, difference) => ["box", "after"].flatMap((side, of) => {
    if (!one[side]) return [];
    const [x, y, w, h] = one[side];
    const box = make("div", {
      className: `box${of === number ? "" : " ghost"}`, dataset: { difference, box: "" },
    }, make("span", {}, String(difference + 1)));
    const parts = { left: x / width, top: y / height, width: w / width, height: h / height };
    for (const [name, part] of Object.entries(parts)) box.style[name] = `${100 * part}%`;
    return [box];
  }));
}

function setBoxes(on) {
  hasBoxes = on;
  for (const box of document.querySelectorAll(".viewer input[type=checkbox]")) box.checked = on;
  showBoxes();
}

function showBoxes() {
  for (const box of document.querySelectorAll("#sample-stage .box")) box.hidden = !hasBoxes;
}

function setView(view) {
  here.view = view;
  history.replaceState(null, "", linkTo(here));
  showView();
}

let turn = 0; // which image the flicker shows

function showView() {
  const stage = $("sample-stage");
  const [first, second] = stage.children;
  stage.className = `stage ${here.view === "pair" ? "" : "stacked"}`;
  for (const button of document.querySelectorAll(".viewer [data-view]")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === here.view));
  }
  $("sample-flicker").hidden = here.view !== "flicker";
  $("sample-slide").hidden = here.view !== "slider";
  first.style.visibility = here.view === "flicker" && turn ? "hidden" : "";
  second.style.visibility = here.view === "flicker" && !turn ? "hidden" : "";
  second.style.clipPath = here.view === "slider" ? `inset(0 0 0 ${$("sample-range").value}%)` : "";
  stage.style.setProperty("--at", `${$("sample-range").value}%`);
  stage.classList.toggle("sliding", here.view === "slider");
  showStretch();
  if (here.view !== "flicker") stopFlicker();
  else if (timer === null && !stage.dataset.still) {
    stage.dataset.still = "asked"; // starts by itself once per sample
    if (!wantsStill.matches) startFlicker();
  }
  $("sample-play").textContent = timer === null ? "Play" : "Pause";
  $("sample-turn").textContent = turn ? "second image" : "first image";
}

function showStretch() {
  const [first, second] = document.querySelectorAll("#sample-stage img");
  const differ = first.naturalWidth !== second.naturalWidth || first.naturalHeight !== second.naturalHeight;
  const areLoaded = first.naturalWidth && second.naturalWidth;
  $("sample-stretched").hidden = here.view === "pair" || !areLoaded || !differ;
}

const flip = () => { turn = 1 - turn; };

function startFlicker() {
  stopFlicker();
  timer = setInterval(() => { flip(); showView(); }, FLICKER);
}

function stopFlicker() {
  clearInterval(timer);
  timer = null;
}

function playOrPause() {
  if (timer === null) startFlicker();
  else stopFlicker();
  showView();
}

// ---- the truth, the versions of the pair, the models

function truthOf(sample, record) {
  const entries = sample.differences.map((one, difference) => {
    const named = !sample.control && record?.n?.length === sample.differences.length ? record.n[difference] : null;
    const said = { true: ["good", "✓ named"], false: ["bad", "✗ not named"] }[named];
    return make("li", {}, make("button", { type: "button", className: "linked", dataset: { difference } },
      make("b", {}, `${one.type} ${one.category}`), one.description ? make("bdi", {}, `: ${one.description}`) : "",
      one.box || one.after ? "" : quiet(" (no box)")), " ", said ? chip(...said) : "");
  });
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
  const still = sample.control === "undone" && record.n?.[sample.undone] !== undefined
    ? `the undone one is ${record.n[sample.undone] ? "still" : "not"} named` : named;
  return [said, still].filter(Boolean).join("; ");
}

function modelsOf(sample) {
  const scores = data.scores.map(({ label, title }) => make("th", { scope: "col", title }, label));
  const rows = data.models.map(({ key, label }, number) => {
    const record = sample.models[number];
    if (!record) return make("tr", {}, make("th", { scope: "row" }, label), make("td", { colSpan: scores.length + 2 }, "not asked"));
    const link = make("a", { href: linkTo({ ...here, model: key }) }, label);
    if (key === here.model) link.setAttribute("aria-current", "true");
    const of = record.j?.[judgeHere()]?.s ?? [];
    const verdicts = ["same", "different"].map((task) => {
      const { verdict } = answerOf(record.a[TASKS.indexOf(task)], data.texts) ?? {};
      return verdict ?? "–";
    });
    return make("tr", {}, make("th", { scope: "row" }, link), make("td", {}, verdicts.join(" / ")),
      scores.map((_, place) => make("td", { className: "number" }, percent(of[place]))), make("td", {}, marksOf(record)));
  });
  const head = make("tr", {}, make("th", { scope: "col" }, "Model"),
    make("th", { scope: "col", title: "The verdicts of the answers to “the same?” and “different?”" }, "Verdicts"),
    scores, make("th", { scope: "col" }, make("span", { className: "hidden-visually" }, "Remarks")));
  return make("section", { ariaLabel: "All models about this pair" }, make("h4", {}, "All models about this pair"),
    make("div", { className: "scrolled", tabIndex: 0, role: "region", ariaLabel: "Scores of all models, in percent" },
      make("table", { className: "models" }, make("thead", {}, head), make("tbody", {}, rows))),
    make("p", { className: "quiet" }, "Scores of this pair in percent", data.judges.length > 1 ? ` by ${data.judges[judgeHere()].label}` : "", "."));
}

// ---- the answers

function answersOf(sample, record) {
  const label = data.models[modelNumber.get(here.model)].label;
  const judged = record.j?.[judgeHere()];
  const claims = { drf: judged?.drf?.[2] ?? [], cr: judged?.cr?.[2] ?? [] };
  return [
    make("div", { className: "answers-head" }, make("h4", {}, `Answers of ${label}`), judgeChoice()),
    answerCard(record, 0, "drf", claims.drf), listedEntries(record), judgement("drf", judged, claims.drf, record),
    answerCard(record, 1, "cr", claims.cr), answerCard(record, 2, "cr", claims.cr), judgement("cr", judged, claims.cr, record),
    judgesOf(record), mapsOf(record),
  ];
}

function judgeChoice() {
  if (data.judges.length < 2) return "";
  const options = data.judges.map(({ key, label }) => make("option", { value: key, textContent: label }));
  const select = make("select", { onchange: () => { location.hash = linkTo({ ...here, judge: select.value }); } }, options);
  select.value = data.judges[judgeHere()].key;
  return make("label", {}, "Judge ", select);
}

function answerCard(record, task, metric, claims) {
  const answer = answerOf(record.a[task], data.texts);
  const title = make("h5", {}, QUESTIONS[TASKS[task]]);
  if (!answer || answer.failure === "not_asked") return make("section", {}, title, make("p", { className: "quiet" }, "Not asked."));
  const box = make("div", { className: "answer", dir: "auto" });
  fillAnswer(box, answer.text, ANSWER, task, metric, claims);
  return make("section", { ariaLabel: QUESTIONS[TASKS[task]] }, title, answerFacts(answer), thought(answer.reasoning), box);
}

function answerFacts(answer) {
  const verdict = answer.verdict && chip(answer.verdict === "unclear" ? "open" : "", `verdict: ${VERDICTS[answer.verdict]}`);
  const failed = { model: "the model gave no answer", transport: "no server replied" }[answer.failure];
  return make("p", { className: "facts" },
    failed ? chip("bad", failed) : "", verdict,
    answer.parse_status ? quiet(`parsed: ${plain(answer.parse_status)}`) : "",
    answer.finish_reason && answer.finish_reason !== "stop" ? quiet(`ended by: ${plain(answer.finish_reason)}`) : "",
    answer.tokens ? quiet(`${answer.tokens.toLocaleString("en")} tokens`) : "",
    answer.language && answer.language !== "en" ? quiet(`language: ${answer.language}`) : "",
    answer.error ? make("span", { className: "error", dir: "auto" }, visible(answer.error.slice(0, 1000))) : "");
}

function thought(reasoning) {
  if (!reasoning) return "";
  const details = make("details", {}, make("summary", {}, `Reasoning (${reasoning.length.toLocaleString("en")} characters), not judged`));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(make("div", { className: "answer", dir: "auto" }, visible(reasoning)));
  });
  return details;
}

function fillAnswer(box, answer, length, task, metric, claims) {
  const end = cutAt(answer, length);
  const readable = visible(answer);
  box.replaceChildren(...quotedParts(end, claims, task).map((part) => {
    const words = readable.slice(part.start, part.end);
    return part.claims.length ? quoteMark(words, part.claims, metric, claims) : words;
  }));
  if (!answer) box.append(quiet("(empty)"));
  if (end < answer.length) {
    const left = (answer.length - end).toLocaleString("en");
    const more = make("button", { type: "button" }, `… show ${left} more characters`);
    more.onclick = () => {
      box.tabIndex = -1;
      fillAnswer(box, answer, Infinity, task, metric, claims);
      box.focus({ preventScroll: true });
    };
    box.append(more);
  }
}

// The words of an answer that claims quote. The list below says the same, for keyboards and screen readers.
function quoteMark(words, numbers, metric, claims) {
  const label = text(claims[numbers[0]].l);
  const said = numbers.map((number) => `claim ${number + 1}: ${labelOf(claims[number])}`).join("; ");
  return make("mark", {
    className: `${label}${numbers.length > 1 ? " several" : ""}`, title: said,
    dataset: { claims: numbers.map((number) => `${metric}${number}`).join(" ") },
  }, words);
}

function labelOf(claim) {
  const kind = text(claim.e);
  return plain(text(claim.l)) + (kind ? `: ${plain(kind)} (${data.severity[kind]})` : "");
}

function listedEntries(record) {
  if (!record.p) return "";
  const [count, entries] = record.p;
  const words = entries.map((entry) => entry.map(text).filter(Boolean).join(" ") || "(without words)");
  return make("p", { className: "read" }, quiet("Read from it: "), `count ${count ?? "not stated"}; `,
    words.length ? make("span", { dir: "auto" }, `list: ${words.slice(0, 30).join(", ")}${words.length > 30 ? `, and ${words.length - 30} more` : ""}`) : "no list");
}

// ---- what the judge says

const METRICS = { drf: ["DRF", "Claims about the differences"], cr: ["CR", "Claims of both yes/no answers"] };

function judgement(metric, judged, claims, record) {
  const [name, title] = METRICS[metric];
  if (!judged?.[metric]) return make("p", { className: "quiet" }, `${name}: not judged.`);
  const [score, status, , own, cut] = judged[metric];
  const state = text(status);
  return make("section", { className: "judgement", ariaLabel: title },
    make("h5", {}, `${title} `, chip("", `${name} ${percent(score)}${score === null ? "" : "%"}`), state === "ok" ? "" : quiet(` ${plain(state)}`)),
    own === null || own === undefined ? "" : make("p", { className: "quiet" }, `The judge itself says ${own}.`),
    cut ? make("p", { className: "quiet" }, `${cut.toLocaleString("en")} characters were not shown to the judge.`) : "",
    claims.length ? make("ol", { className: "claims" }, claims.map((claim, number) => claimEntry(claim, metric, number, record))) : "");
}

function claimEntry(claim, metric, number, record) {
  const label = text(claim.l);
  const quotes = quotesOf(claim, metric, record);
  const lost = claim.q.every((quote) => !Array.isArray(quote));
  const button = make("button", { type: "button", className: "linked", dataset: { claims: `${metric}${number}`, about: (claim.d ?? []).join(" ") } },
    make("span", { className: "label" }, make("span", { ariaHidden: "true" }, `${SIGNS[label] ?? ""} `), labelOf(claim)),
    quotes, claim.d ? quiet(`about difference ${claim.d.map((one) => one + 1).join(", ")}`) : "");
  return make("li", { className: label }, button,
    claim.r === undefined ? "" : make("p", { className: "reason", dir: "auto" }, quiet("Reason: "), visible(text(claim.r))),
    claim.v ? make("p", { className: "reason" }, quiet("Members: "), claim.v.map((vote) => (vote === null ? "no reply" : plain(text(vote)))).join(", ")) : "",
    claim.z === undefined ? "" : make("p", { className: "reason" }, quiet(`judged repeatedly: ${percent(claim.y)}% favourable, standard deviation ${claim.z}`)),
    lost ? quiet("These words are not in the answer as they stand.") : "");
}

// The quotes of a claim; of the yes/no answers with the question, and once if both say the same.
function quotesOf(claim, metric, record) {
  const words = claim.q.map((quote) => quoted(quote, record));
  const isTwice = words.length > 1 && words[0] === words[1];
  return (isTwice ? words.slice(0, 1) : words).map((quote, number) => {
    const task = Array.isArray(claim.q[number]) ? claim.q[number][0] : null;
    const from = metric === "drf" || task === null ? "" : isTwice ? "both: " : `${TASKS[task]}? `;
    return make("span", { className: "quote", dir: "auto" }, quiet(from), make("q", {}, quote));
  });
}

function quoted(quote, record) {
  const words = Array.isArray(quote) ? text(record.a[quote[0]][0]).slice(quote[1], quote[2]) : text(quote);
  const end = cutAt(words, QUOTE);
  return visible(words.slice(0, end)) + (end < words.length ? "…" : "");
}

function judgesOf(record) {
  if (data.judges.length < 2) return "";
  const rows = data.judges.map(({ label }, number) => {
    const judged = record.j?.[number];
    const cell = (metric) => {
      const [score, status] = judged?.[metric] ?? [null, null];
      const state = text(status);
      return make("td", { className: "number" }, percent(score), state && state !== "ok" ? quiet(` ${plain(state)}`) : "");
    };
    return make("tr", {}, make("th", { scope: "row" }, label), cell("drf"), cell("cr"));
  });
  return make("section", { ariaLabel: "All judges" }, make("h5", {}, "All judges ", record.d ? chip("open", `≠ up to ${percent(record.d)} points`) : ""),
    make("div", { className: "scrolled", tabIndex: 0, role: "region", ariaLabel: "Scores by judge" }, make("table", {},
      make("thead", {}, make("tr", {}, ["Judge", "DRF", "CR"].map((name) => make("th", { scope: "col" }, name)))), make("tbody", {}, rows))));
}

// ---- activation maps

function mapsOf(record) {
  if (!record.m) return "";
  if (record.m === "left out") return make("p", { className: "quiet" }, "The activation maps of these answers are left out for room: see draw_overlays.py.");
  const tasks = Object.entries(record.m).map(([task, { words, more }]) => make("div", {},
    make("p", { className: "quiet" }, QUESTIONS[TASKS[task]]),
    make("div", { className: "words" }, words.map(([word, highest], number) => make("button", {
      type: "button", ariaPressed: "false", disabled: highest === null, dataset: { word: `${task} ${number}` },
      onclick: () => toggleMap(task, number),
    }, make("bdi", {}, visible(word)), " ", quiet(highest === null ? "no value" : highest.toFixed(2))))),
    more ? quiet(`and ${more} more words`) : ""));
  return make("section", { className: "maps", ariaLabel: "Activation maps" }, make("h5", {}, "Activation maps"),
    make("p", { className: "quiet" }, "Which parts of the images activate a word of the answer. Colours run from 0 to the map's highest value, which is beside its word."),
    tasks);
}

function toggleMap(task, number) {
  const isShown = wordMap && wordMap[0] === task && wordMap[1] === number;
  wordMap = isShown ? null : [task, number];
  showMap();
}

function showMap() {
  const maps = recordHere()?.m;
  for (const button of document.querySelectorAll("[data-word]")) {
    button.setAttribute("aria-pressed", String(button.dataset.word === wordMap?.join(" ")));
  }
  $("sample-stage").classList.toggle("mapped", Boolean(wordMap));
  const found = wordMap && maps[wordMap[0]];
  const values = found && Uint8Array.from(atob(found.words[wordMap[1]][2]), (one) => one.charCodeAt(0));
  for (const canvas of document.querySelectorAll("#sample-stage canvas")) {
    canvas.hidden = !found;
    if (found) paint(canvas, data.grids[found.grids], values);
  }
}

function paint(canvas, grids, values) {
  const image = canvas.previousElementSibling;
  const number = Number(canvas.closest("[data-layer]").dataset.layer);
  canvas.width = 640;
  canvas.height = Math.max(1, Math.round((640 * image.naturalHeight) / (image.naturalWidth || 1)));
  const context = canvas.getContext("2d");
  for (const grid of grids.filter((one) => one.image === number)) {
    for (const [x, y, w, h, strength] of cells(grid, values)) {
      context.fillStyle = heat(strength);
      const [left, top] = [Math.round(x * canvas.width), Math.round(y * canvas.height)];
      context.fillRect(left, top, Math.round((x + w) * canvas.width) - left, Math.round((y + h) * canvas.height) - top);
    }
  }
}

// ---- claims and differences point at each other

const split = (value) => (value ? value.split(" ") : []);

function lightUp(target) {
  const from = target?.closest?.("[data-claims], [data-difference]");
  const claims = new Set(split(from?.dataset.claims));
  const differences = new Set(from?.dataset.difference === undefined ? [] : [from.dataset.difference]);
  const entries = [...document.querySelectorAll("#sample li > [data-claims]")];
  if (claims.size) {
    for (const entry of entries.filter((one) => claims.has(one.dataset.claims))) {
      for (const one of split(entry.dataset.about)) differences.add(one);
    }
  } else {
    for (const entry of entries) if (split(entry.dataset.about).some((one) => differences.has(one))) claims.add(entry.dataset.claims);
  }
  for (const one of document.querySelectorAll("#sample [data-claims]")) {
    one.classList.toggle("lit", split(one.dataset.claims).some((name) => claims.has(name)));
  }
  for (const one of document.querySelectorAll("#sample [data-difference]")) {
    one.classList.toggle("lit", differences.has(one.dataset.difference));
  }
}

let pinned = null; // what was clicked stays lit, for touch screens

for (const name of ["mouseover", "focusin"]) $("sample").addEventListener(name, (event) => lightUp(event.target.closest("[data-claims], [data-difference]") ?? pinned));
for (const name of ["mouseleave", "focusout"]) $("sample").addEventListener(name, () => lightUp(pinned));
$("sample").addEventListener("click", (event) => {
  const target = event.target.closest("[data-claims], [data-difference]");
  if (!target && event.target.closest("button, a, input, select, summary")) return;
  pinned = target === pinned ? null : target;
  lightUp(pinned);
});

// ---- keys

function keys() {
  const rows = [["n, p", "next, previous sample"], ["b", "true boxes"], ["1, 2, 3", "side by side, flicker, slider"], ["x", "flip the images of the flicker view"]];
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
    x: () => { if (here.view === "flicker") { stopFlicker(); flip(); showView(); } },
  };
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
});

// ---- starting, and the fragment of the address

function follow() {
  const place = readLink(location.hash);
  if (!place) return false;
  const hadFocus = $("sample").contains(document.activeElement);
  go(place);
  if (hadFocus) $("sample-title").focus({ preventScroll: true });
  return true;
}

function bringIntoView() {
  const { top } = $("sample").getBoundingClientRect();
  if (top < 0 || top > innerHeight / 2) $("sample").scrollIntoView();
}

$("samples-filters").addEventListener("input", find);
$("samples-filters").addEventListener("submit", (event) => event.preventDefault());
$("samples-filters").addEventListener("reset", () => setTimeout(find));
$("samples-earlier").onclick = () => { page -= 1; showList(); };
$("samples-later").onclick = () => { page += 1; showList(); };
addEventListener("hashchange", () => { if (follow()) bringIntoView(); });

fillFilters();
find();
if (follow()) {
  $("sample").scrollIntoView();
  $("sample-title").focus({ preventScroll: true });
} else if (data.samples.length) go({ sample: data.samples[0].id });
