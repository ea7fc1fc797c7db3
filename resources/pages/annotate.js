const data = JSON.parse(document.getElementById("data").textContent);
const TITLES = {
  describe: "How many differences are there?",
  same: "Are the two pictures the same?",
  different: "Are the two pictures different?",
};
const FORMAT = "spd-faith-annotations-1";
const $ = (id) => document.getElementById(id);
const itemsById = new Map(data.items.map((item) => [item.id, item]));

let work = null; // what is saved: {format, draw, annotator, items: {id: {claims, done}}}
let current = 0; // position in data.items
let chosen = {}; // by question: [start, end] of the selected text in UTF-16 units

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const nameOf = ({ label, error_type }) => (error_type ?? label).replaceAll("_", " ");
const quotesOf = (claim) => claim.quotes.map((quote) => make("q", { textContent: quote.text, dir: "auto" }));
const item = () => data.items[current];
const marked = () => work.items[item().id] ?? { claims: [], done: false };
const isDone = (id) => Boolean(work.items[id]?.done);

function say(text, isError = false) {
  $("message").textContent = text;
  $("message").className = isError ? "error" : "";
}

function change(update) {
  const entry = marked();
  update(entry);
  work.items[item().id] = entry;
  store();
  showWork();
}

// ---- what is kept in the browser and in the file

const storageKey = () => `spd-faith ${data.kind} ${data.draw} ${work.annotator}`;

function store() {
  try {
    localStorage.setItem(storageKey(), JSON.stringify(work));
  } catch {
    say("This browser keeps nothing: save the file before you close the page.", true);
  }
}

function begin(annotator) {
  work = { format: FORMAT, draw: data.draw, annotator, items: {} };
  try {
    work = JSON.parse(localStorage.getItem(storageKey())) ?? work;
  } catch {
    // nothing kept, or not readable: start again
  }
  $("start").hidden = true;
  document.querySelector("main").hidden = false;
  $("goto").replaceChildren(...data.items.map((one) => make("option", { value: one.id })));
  go(Math.max(0, data.items.findIndex((one) => !isDone(one.id))));
}

function saveFile() {
  const name = `${data.kind}_${work.annotator.replace(/[^A-Za-z0-9._-]+/g, "_")}.json`;
  const url = URL.createObjectURL(new Blob([JSON.stringify(work, null, 1)], { type: "application/json" }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
  say(`Saved as ${name}.`);
}

async function openFile(file) {
  try {
    const found = JSON.parse(await file.text());
    if (found.format !== FORMAT || found.draw !== data.draw) throw new Error("it belongs to another page");
    const ids = Object.keys(found.items);
    if (!ids.every((id) => itemsById.has(id))) throw new Error("it has unknown answers");
    if (!confirm(`Replace the work in this page by the ${ids.length} answers in ${file.name}?`)) return;
    work = found;
    store();
    go(current);
    say(`Opened ${file.name}.`);
  } catch (error) {
    say(`${file.name} cannot be used: ${error.message}.`, true);
  }
}

// ---- the pair and the answers

function go(position) {
  current = (position + data.items.length) % data.items.length;
  const { pair, metric, answers } = item();
  showPair(data.pairs[pair]);
  $("truth-note").hidden = metric !== "cr";
  for (const part of document.querySelectorAll("#guideline [data-metric]")) {
    part.hidden = part.dataset.metric !== metric;
  }
  const boxes = Object.keys(answers).flatMap((task) => [make("h2", { textContent: TITLES[task] }), answerBox(task)]);
  $("answers").replaceChildren(...boxes);
  $("labels").replaceChildren(...data.choices[metric].map(labelButton));
  showOthers();
  dropSelection();
  say("");
  showWork();
  scrollTo(0, 0);
}

function showOthers() {
  const people = data.marked[item().id] ?? [];
  $("others").hidden = !people.length;
  $("people").replaceChildren(...people.map((claims, k) => {
    const entries = claims.map((claim) => make("li", { className: claim.label }, ...quotesOf(claim), nameOf(claim)));
    const list = entries.length ? make("ol", {}, ...entries) : "No claims";
    return make("div", {}, make("h3", { textContent: `Person ${k + 1}` }), list);
  }));
}

function showPair({ truth, images }) {
  $("truth").replaceChildren(...truth.map((line) => make("li", { textContent: line, dir: "auto" })));
  $("images").replaceChildren(...Object.entries(images).map(([name, { source, boxes }]) => {
    const image = make("img", { src: source, alt: name === "original" ? "The first image" : "The second image" });
    const frame = make("div", { className: "frame" }, image);
    image.onload = () => {
      for (const [x, y, w, h] of boxes) {
        const box = make("div", { className: "box", hidden: !$("boxes").checked });
        const { naturalWidth: width, naturalHeight: height } = image; // boxes are in pixels of the image
        const parts = { left: x / width, width: w / width, top: y / height, height: h / height };
        for (const [side, part] of Object.entries(parts)) box.style[side] = `${100 * part}%`;
        frame.append(box);
      }
    };
    return make("figure", {}, frame, make("figcaption", { textContent: name === "original" ? "first" : "second" }));
  }));
}

// Editable for the caret only, so that text can be selected by keyboard; nothing can be typed.
function answerBox(task) {
  const box = make("div", {
    className: "answer",
    contentEditable: "true",
    dir: "auto",
    spellcheck: false,
    tabIndex: 0,
    inputMode: "none",
    role: "textbox",
    ariaMultiLine: "true",
    ariaReadOnly: "true",
    ariaLabel: TITLES[task],
  });
  box.dataset.task = task;
  for (const name of ["beforeinput", "paste", "cut", "drop", "dragstart"]) {
    box.addEventListener(name, (event) => event.preventDefault());
  }
  box.addEventListener("input", () => showAnswer(box)); // what cannot be prevented, such as an input method
  return box;
}

function labelButton(choice, k) {
  const button = make("button", { className: choice.label }, make("kbd", { textContent: k + 1 }), ` ${nameOf(choice)}`);
  button.addEventListener("mousedown", (event) => event.preventDefault()); // keeps the selection
  button.addEventListener("click", () => addClaim(choice));
  return button;
}

function showAnswer(box) {
  const text = item().answers[box.dataset.task];
  const quotes = marked().claims.flatMap((claim, number) => claim.quotes
    .filter((quote) => quote.answer === box.dataset.task)
    .map((quote) => ({ claim, number, span: [toUnits(text, quote.start), toUnits(text, quote.end)] })));
  box.replaceChildren(...segments(text.length, quotes.map((quote) => quote.span)).map(({ start, end, covering }) => {
    const part = text.slice(start, end);
    if (!covering.length) return part;
    const over = covering.map((k) => quotes[k]);
    const title = over.map(({ number }) => `claim ${number + 1}`).join(", ");
    const mark = make("mark", { textContent: part, className: over[0].claim.label, title });
    mark.classList.toggle("several", over.length > 1);
    mark.dataset.claims = over.map(({ number }) => number).join(" ");
    return mark;
  }));
}

// ---- selecting

const unitOf = (box, node, offset) => {
  const range = document.createRange();
  range.selectNodeContents(box);
  range.setEnd(node, offset);
  return range.toString().length;
};

function readSelection() {
  const selection = getSelection();
  if (!work || !selection.rangeCount) return;
  const range = selection.getRangeAt(0);
  for (const box of document.querySelectorAll(".answer")) {
    const task = box.dataset.task;
    const text = item().answers[task];
    const [starts, ends] = [box.contains(range.startContainer), box.contains(range.endContainer)];
    if (selection.isCollapsed ? !starts : !range.intersectsNode(box)) continue;
    const start = starts ? unitOf(box, range.startContainer, range.startOffset) : 0;
    const end = ends ? unitOf(box, range.endContainer, range.endOffset) : text.length;
    const span = trimmed(text, start, end);
    if (span) chosen[task] = span;
    else delete chosen[task];
  }
  showChosen();
}

function dropSelection() {
  chosen = {};
  getSelection().removeAllRanges();
  showChosen();
}

function showChosen() {
  const texts = Object.entries(chosen).flatMap(([task, span], k) => [
    k ? " and " : "Selected: ",
    make("bdi", { textContent: `“${item().answers[task].slice(...span)}”` }),
  ]);
  $("chosen").replaceChildren(...(texts.length ? texts : ["Select the words of a claim, then choose its label."]));
  for (const button of $("labels").children) button.disabled = !texts.length;
  if (!window.Highlight) return;
  const boxOf = (task) => document.querySelector(`.answer[data-task="${task}"]`);
  const ranges = Object.entries(chosen).map(([task, span]) => rangeOf(boxOf(task), span));
  CSS.highlights.set("chosen", new Highlight(...ranges));
}

function rangeOf(box, [start, end]) {
  const range = document.createRange();
  const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
  for (let at = 0, node; (node = walker.nextNode()); at += node.length) {
    if (at <= start && start < at + node.length) range.setStart(node, start - at);
    if (at < end && end <= at + node.length) range.setEnd(node, end - at);
  }
  return range;
}

// ---- claims

function addClaim({ label, error_type }) {
  const quotes = Object.keys(item().answers).filter((task) => chosen[task]).map((task) => {
    const text = item().answers[task];
    const [start, end] = chosen[task];
    return { answer: task, start: toPoints(text, start), end: toPoints(text, end), text: text.slice(start, end) };
  });
  if (!quotes.length) return;
  const same = (claim) => JSON.stringify(claim.quotes) === JSON.stringify(quotes);
  if (marked().claims.some(same)) {
    say("These words are marked already: change the label in the list, or select other words.", true);
    return;
  }
  change((entry) => {
    entry.claims.push({ quotes, label, error_type });
    const place = ({ quotes: [first] }) => Object.keys(item().answers).indexOf(first.answer) * 1e9 + first.start;
    entry.claims.sort((one, other) => place(one) - place(other));
  });
  say("");
  dropSelection();
}

function claimEntry(claim, number) {
  const choices = data.choices[item().metric];
  const options = choices.map((choice) => make("option", { value: choice.name, textContent: nameOf(choice) }));
  const select = make("select", { ariaLabel: `Label of claim ${number + 1}` }, ...options);
  select.value = claim.error_type ?? claim.label;
  select.onchange = () => change((entry) => {
    const { label, error_type } = choices.find((choice) => choice.name === select.value);
    Object.assign(entry.claims[number], { label, error_type });
  });
  const remove = make("button", { textContent: "Delete", ariaLabel: `Delete claim ${number + 1}` });
  remove.onclick = () => change((entry) => entry.claims.splice(number, 1));
  const controls = make("div", { className: "controls" }, select, remove);
  const entry = make("li", { className: claim.label }, ...quotesOf(claim), controls);
  const point = (on) => {
    for (const mark of document.querySelectorAll("mark")) {
      mark.classList.toggle("here", on && mark.dataset.claims.split(" ").includes(String(number)));
    }
  };
  entry.onmouseenter = entry.onfocusin = () => point(true);
  entry.onmouseleave = entry.onfocusout = () => point(false);
  return entry;
}

function finish() {
  change((entry) => { entry.done = true; });
  const order = data.items.map((_, k) => (current + 1 + k) % data.items.length);
  const next = order.find((k) => !isDone(data.items[k].id));
  if (next === undefined) say("All answers are done. Save the file and send it to whoever asked you.");
  else {
    go(next);
    document.querySelector(".answer").focus({ preventScroll: true }); // away from the button
  }
}

function showWork() {
  const { claims, done } = marked();
  for (const box of document.querySelectorAll(".answer")) showAnswer(box);
  $("claims").replaceChildren(...claims.map(claimEntry));
  const none = item().metric === "cr" ? "No claims besides the verdicts, next" : "No claims, next";
  $("done").textContent = claims.length ? "Done, next" : none;
  $("state").textContent = done ? "✓ done" : "";
  const count = data.items.filter((one) => isDone(one.id)).length;
  $("progress").max = data.items.length;
  $("progress").value = count;
  $("count").textContent = `${count} of ${data.items.length} done`;
  for (const option of $("goto").options) option.textContent = `${isDone(option.value) ? "✓" : "○"} ${option.value}`;
  $("goto").value = item().id;
}

// ---- events

$("start").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("name").value.trim();
  if (name) begin(name);
});
$("save").onclick = saveFile;
$("open").onclick = () => $("file").click();
$("file").onchange = () => { openFile($("file").files[0]); };
$("previous").onclick = () => go(current - 1);
$("next").onclick = () => go(current + 1);
$("goto").onchange = () => go(data.items.findIndex((one) => one.id === $("goto").value));
$("done").onclick = (event) => { if (event.detail < 2) finish(); }; // a double click finishes one answer, not two
$("boxes").onchange = () => {
  for (const box of document.querySelectorAll(".box")) box.hidden = !$("boxes").checked;
};
$("large").onchange = () => $("images").classList.toggle("large", $("large").checked);
document.addEventListener("selectionchange", readSelection);
document.addEventListener("keydown", (event) => {
  if (!work || event.ctrlKey || event.metaKey || event.altKey) return;
  if (["INPUT", "SELECT"].includes(event.target.tagName)) return;
  readSelection(); // the browser reports a change later than a quick next key
  const choice = data.choices[item().metric][Number(event.key) - 1];
  const actions = { n: () => go(current + 1), p: () => go(current - 1), Escape: dropSelection };
  if (marked().claims.length) actions.d = finish; // "no claims" takes a click
  const action = choice ? () => addClaim(choice) : actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});
