// The answers of a model about a sample, and what the judges say of them.

function answersOf(sample, record) {
  const label = data.models[modelNumber.get(here.model)].label;
  const judged = record.j?.[judgeHere()];
  const claims = { drf: judged?.drf?.[2] ?? [], cr: judged?.cr?.[2] ?? [] };
  return [
    make("div", { className: "answers-head" }, make("h4", {}, `Answers of ${label}`), judgeChoice()),
    answerCard(record, 0, "drf", claims.drf), listedEntries(record), judgement("drf", judged, claims.drf, record),
    answerCard(record, 1, "cr", claims.cr), answerCard(record, 2, "cr", claims.cr),
    judgement("cr", judged, claims.cr, record), judgesOf(record),
  ];
}

function judgeChoice() {
  if (data.judges.length < 2) return "";
  const options = data.judges.map(({ key, label }) => make("option", { value: key, textContent: label }));
  const select = make("select", {}, options);
  select.onchange = () => { location.hash = linkTo({ ...here, judge: select.value }); };
  select.value = data.judges[judgeHere()].key;
  return make("label", {}, "Judge ", select);
}

function answerCard(record, task, metric, claims) {
  const answer = answerOf(record.a[task], data.texts);
  const question = QUESTIONS[TASKS[task]];
  const title = make("h5", {}, question);
  if (!answer) return section(question, title, note("Not asked."));
  if (answer.failure === "not_asked") return section(question, title, note(`Not asked: ${visible(answer.error)}.`));
  const box = make("div", { className: "answer", dir: "auto" });
  fillAnswer(box, answer.text, ANSWER, task, metric, claims);
  return section(question, title, answerFacts(answer), thought(answer.reasoning), box);
}

function answerFacts(answer) {
  const { verdict, failure, parse_status: parsed, finish_reason: end, tokens, language, error } = answer;
  const failed = { model: "the model gave no answer", transport: "no server replied" }[failure];
  const facts = [
    parsed && `parsed: ${plain(parsed)}`,
    end && end !== "stop" && `ended by: ${plain(end)}`,
    tokens && `${tokens.toLocaleString("en")} token${tokens === 1 ? "" : "s"}`,
    language && language !== "en" && `language: ${language}`,
  ];
  return make("p", { className: "facts" },
    failed ? chip("bad", failed) : "",
    verdict ? chip(verdict === "unclear" ? "open" : "", `verdict: ${VERDICTS[verdict]}`) : "",
    facts.filter(Boolean).map((fact) => quiet(fact)),
    error ? make("span", { className: "error", dir: "auto" }, visible(error.slice(0, 1000))) : "");
}

function thought(reasoning) {
  if (!reasoning) return "";
  const length = reasoning.length.toLocaleString("en");
  const details = make("details", {}, make("summary", {}, `Reasoning (${length} characters), not judged`));
  details.addEventListener("toggle", () => {
    if (details.children.length > 1) return;
    details.append(make("div", { className: "answer", dir: "auto" }, visible(reasoning)));
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

const LISTED = 30; // entries of a list

function listedEntries(record) {
  if (!record.p) return "";
  const [count, entries] = record.p;
  const words = entries.slice(0, LISTED).map((entry) => entry.map(text).filter(Boolean).join(" ") || "(no words)");
  const more = entries.length > LISTED ? `, and ${entries.length - LISTED} more` : "";
  return make("p", { className: "read" }, quiet("Read from it: "), `count ${count ?? "not stated"}; `,
    words.length ? make("span", { dir: "auto" }, `list: ${words.join(", ")}${more}`) : "no list");
}

// ---- what the judge says

const METRICS = { drf: ["DRF", "Claims about the differences"], cr: ["CR", "Claims of both yes/no answers"] };

function judgement(metric, judged, claims, record) {
  const [name, title] = METRICS[metric];
  if (!judged?.[metric]) return note(`${name}: not judged.`);
  const [score, status, , own, cut] = judged[metric];
  const state = text(status) === "ok" ? "" : quiet(` ${plain(text(status))}`);
  return section(title,
    make("h5", {}, `${title} `, chip("", `${name} ${percent(score)}${score === null ? "" : "%"}`), state),
    own === null || own === undefined ? "" : note(`The judge itself says ${own}.`),
    cut ? note(`${cut.toLocaleString("en")} characters were not shown to the judge.`) : "",
    claims.length ? claimList(claims, metric, record) : "");
}

const CLAIMS = 100; // claims that a list shows at first

function claimList(claims, metric, record) {
  const entries = (start, end) => claims.slice(start, end).map((claim, place) => claimEntry(claim, metric, start + place, record));
  const list = make("ol", { className: "claims" }, entries(0, CLAIMS));
  if (claims.length <= CLAIMS) return list;
  const more = make("button", { type: "button" }, `… show ${(claims.length - CLAIMS).toLocaleString("en")} more claims`);
  more.onclick = () => {
    list.append(...entries(CLAIMS));
    list.children[CLAIMS].querySelector("button").focus();
    more.remove();
  };
  return [list, more];
}

function claimEntry(claim, metric, place, record) {
  const label = text(claim.l);
  const sign = make("span", { ariaHidden: "true" }, `${SIGNS[label] ?? ""} `);
  const about = claim.d ?? [];
  const pointers = { claims: `${metric}${place}`, about: about.join(" ") };
  const button = make("button", { type: "button", className: "linked", dataset: pointers },
    make("span", { className: "label" }, sign, labelOf(claim)), quotesOf(claim, metric, record),
    about.length ? quiet(`about difference ${about.map((one) => numberOf(sampleHere(), one)).join(", ")}`) : "");
  const isLost = claim.q.every((quote) => !Array.isArray(quote));
  return make("li", { className: label }, button, reasonsOf(claim),
    isLost ? quiet("These words are not in the answer as they stand.") : "");
}

function reasonsOf(claim) {
  const votes = claim.v?.map((vote) => (vote === null ? "no reply" : plain(text(vote))));
  const reason = (...children) => make("p", { className: "reason", dir: "auto" }, ...children);
  return [
    claim.r === undefined ? "" : reason(quiet("Reason: "), visible(text(claim.r))),
    votes ? reason(quiet("Members: "), votes.join(", ")) : "",
    claim.z === undefined ? "" : reason(quiet("Judged repeatedly: "),
      `favourable in ${percent(claim.y)}%, standard deviation ${claim.z}`),
  ];
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
  const rows = data.judges.map(({ label }, place) => {
    const cells = ["drf", "cr"].map((metric) => {
      const [score, status] = record.j?.[place]?.[metric] ?? [null, null];
      const state = text(status);
      return scoreCell(percent(score), state && state !== "ok" ? quiet(` ${plain(state)}`) : "");
    });
    return make("tr", {}, rowHead(label), cells);
  });
  const most = record.d ? chip("open", `≠ up to ${percent(record.d)} points`) : "";
  return section("All judges", make("h5", {}, "All judges ", most),
    scrolled("Scores by judge", ["Judge", "DRF", "CR"].map((label) => head(label)), rows));
}
