// The images of a sample: views, true boxes, activation maps.

function viewer(sample) {
  const button = (view, label) => make("button", {
    type: "button", ariaPressed: String(here.view === view), dataset: { view }, onclick: () => setView(view),
  }, label);
  const boxes = make("input", { type: "checkbox", checked: hasBoxes });
  boxes.onchange = () => setBoxes(boxes.checked);
  const range = make("input", { type: "range", id: "sample-range", min: 0, max: 100, value: 50 });
  range.ariaLabel = "How much of the first image is shown, in percent";
  range.oninput = showView;
  const views = Object.entries(VIEWS).map((one) => button(...one));
  return make("div", { className: "viewer" },
    make("div", { className: "toolbar" },
      make("div", { role: "group", ariaLabel: "View of the images" }, views),
      make("label", { hidden: !hasAnyBox(sample) }, boxes, " True boxes"),
      make("span", { id: "sample-flicker" },
        make("button", { type: "button", id: "sample-play", onclick: playOrPause }, "Play"),
        make("button", { type: "button", onclick: turnOver }, "Flip"),
        quiet(make("span", { id: "sample-turn" })))),
    make("div", { className: "stage", id: "sample-stage" }, layer(sample, 0), layer(sample, 1)),
    make("p", { className: "quiet", id: "sample-stretched" },
      "The images differ in size: the second is stretched over the first."),
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
  image.src = images[sample.images[number]];
  return make("figure", { className: "layer", dataset: { layer: number } }, frame, caption);
}

// Solid around the object; dotted at the same place of the image that it is not in.
function boxesOf(sample, number, { naturalWidth: width, naturalHeight: height }) {
  return sample.differences.flatMap((one, difference) => ["box", "after"].flatMap((side, of) => {
    if (!one[side]) return [];
    const [x, y, w, h] = one[side];
    const box = make("div", {
      className: `box${of === number ? "" : " ghost"}`, dataset: { difference, box: "" },
    }, make("span", {}, String(numberOf(sample, difference))));
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
  else if (timer === null && isMoving) startFlicker();
  $("sample-play").textContent = timer === null ? "Play" : "Pause";
  $("sample-turn").textContent = turn ? "second image" : "first image";
}

function showStretch() {
  const [first, second] = document.querySelectorAll("#sample-stage img");
  const differ = first.naturalWidth !== second.naturalWidth || first.naturalHeight !== second.naturalHeight;
  const areLoaded = first.naturalWidth && second.naturalWidth;
  const ratios = [first, second].map((image) => image.naturalHeight / (image.naturalWidth || 1));
  $("sample-stage").parentElement.style.setProperty("--ratio", Math.max(...ratios) || 1);
  $("sample-stretched").hidden = here.view === "pair" || !areLoaded || !differ;
}

const flip = () => { turn = 1 - turn; };

function turnOver() {
  isMoving = false;
  stopFlicker();
  flip();
  showView();
}

function startFlicker() {
  stopFlicker();
  timer = setInterval(() => { flip(); showView(); }, FLICKER);
}

function stopFlicker() {
  clearInterval(timer);
  timer = null;
}

function playOrPause() {
  isMoving = timer === null;
  stopFlicker();
  showView();
}

// ---- activation maps

function mapsOf(record) {
  if (!record.m) return "";
  const title = make("h5", {}, "Activation maps");
  if (record.m === "left out") return section("Activation maps", title, note("Left out: draw_overlays.py has them."));
  return section("Activation maps", title,
    note("Which parts of the images activate a word of the answer. Choose a word to see its map over the images."),
    scale(),
    Object.entries(record.m).map(([task, { words, more }]) => make("div", {},
      note(QUESTIONS[TASKS[task]]),
      make("div", { className: "words" }, words.map(([word, highest], place) => mapButton(task, place, word, highest))),
      more ? quiet(`and ${more} more words`) : "")));
}

function scale() {
  const bar = make("span", { className: "colors" });
  bar.style.background = `linear-gradient(to right, ${[0, 0.25, 0.5, 0.75, 1].map(heat).join(", ")})`;
  return make("p", { className: "quiet scale" }, "weak", bar, "the word's strongest (the number beside it)");
}

function mapButton(task, place, word, highest) {
  const properties = { type: "button", ariaPressed: "false", disabled: highest === null };
  const button = make("button", { ...properties, dataset: { word: `${task} ${place}` } },
    make("bdi", {}, visible(word)), " ", quiet(highest === null ? "no value" : highest.toFixed(2)));
  button.onclick = () => toggleMap(task, place);
  return button;
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
