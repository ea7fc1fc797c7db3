"use strict";
(() => {
  // ---- tables ----
  const sorted = { paging: false, info: false, searching: false, order: [], autoWidth: false, layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null } };
  // Most columns are better where they are higher, so their first click puts the highest on top
  const wide = new DataTable("#wide", { ...sorted, searching: true, columnDefs: [
    { targets: [0, 1, 2], orderSequence: ["asc", "desc", ""] }, { targets: "_all", orderSequence: ["desc", "asc", ""] },
  ] });
  for (const table of document.querySelectorAll("table.sortable")) {
    if (table.tBodies[0].rows.length > 1) new DataTable(table, sorted);
  }
  document.getElementById("filter").addEventListener("input", (event) => wide.search(event.target.value).draw());

  // Groups of columns: the first is shown, the others on demand
  const columnsOf = (group) => wide.columns().indexes().toArray().filter((index) => wide.column(index).header().dataset.of === group);
  for (const button of document.querySelectorAll("[data-group]")) {
    const show = (visible) => {
      button.setAttribute("aria-pressed", String(visible));
      wide.columns(columnsOf(button.dataset.group)).visible(visible);
    };
    show(button.getAttribute("aria-pressed") === "true");
    button.addEventListener("click", () => show(button.getAttribute("aria-pressed") !== "true"));
  }

  // Colors of differences
  for (const cell of document.querySelectorAll("[data-tone]")) {
    const tone = Number(cell.dataset.tone);
    cell.style.setProperty("--tone", tone > 0 ? "var(--accent)" : "var(--open)");
    cell.style.setProperty("--strength", `${Math.round(45 * Math.abs(tone))}%`);
  }

  // ---- copying the table as it is shown ----
  // A cell of the wide table: its value, its interval and what else belongs to it, and whether it is bold
  const read = (cell) => {
    const value = cell.querySelector("span");
    const detail = cell.querySelector("small")?.textContent ?? "";
    const [, low = "", high = "", rest = detail] = detail.match(/^\[(\S+), (\S+)\](?:, )?(.*)$/) ?? [];
    return { text: (value ?? cell).textContent.replace(/\s+/g, " ").trim(), detail, low, high, rest, bold: value?.className === "best" };
  };
  const shown = () => {
    const columns = wide.columns(":visible").indexes().toArray().filter((index) => wide.column(index).header().offsetWidth > 0);
    const titles = columns.map((index) => wide.column(index).header().querySelector(".dt-column-title").textContent.trim());
    const rows = wide.rows({ search: "applied", order: "applied" }).indexes().toArray()
      .map((row) => columns.map((column) => read(wide.cell(row, column).node())));
    return { titles, rows };
  };
  const forMarkdown = (text) => text.replace(/[\\|*`<~_[\]]/g, "\\$&");
  const commands = JSON.parse(document.getElementById("latex").textContent);
  const unknown = (one) => `[U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`;
  const forLatex = (text) => [...text.normalize("NFC")].map((one) => commands[one] ?? (/[ -~]/.test(one) ? one : unknown(one))).join("");
  const latexCell = ({ text, detail, bold }) => {
    const value = bold ? `\\textbf{${forLatex(text)}}` : forLatex(text);
    return detail ? `\\shortstack[r]{${value}\\\\{\\scriptsize ${forLatex(detail)}}}` : value;
  };
  // A spreadsheet must not take a name for a formula
  const csvCell = (text) => {
    const plain = /^[=+@\t\r]|^-(?![\d.])/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
  };
  const number = (text) => text.replace("−", "-");
  const formats = {
    markdown: ({ titles, rows }) => {
      const cell = ({ text, detail, bold }) => [bold ? `**${forMarkdown(text)}**` : forMarkdown(text), forMarkdown(detail)].filter(Boolean).join(" ");
      return [titles.map(forMarkdown), titles.map(() => "---"), ...rows.map((row) => row.map(cell))].map((row) => `| ${row.join(" | ")} |`).join("\n");
    },
    latex: ({ titles, rows }) => {
      const align = titles.map((title) => (["Model", "Judge"].includes(title) ? "l" : "r")).join("");
      const lines = [titles.map(forLatex), ...rows.map((row) => row.map(latexCell))].map((row) => `${row.join(" & ")} \\\\`);
      return ["% \\usepackage{booktabs}", `\\begin{tabular}{@{}${align}@{}}`, "\\toprule", lines[0], "\\midrule", ...lines.slice(1), "\\bottomrule", "\\end{tabular}"].join("\n");
    },
    // A column for each number: the value, the ends of its interval, and a note where some cell has one
    csv: ({ titles, rows }) => {
      const parts = [["text", ""], ["low", " low"], ["high", " high"], ["rest", " note"]];
      const columns = titles.flatMap((title, place) => parts
        .filter(([part]) => part === "text" || rows.some((row) => row[place][part]))
        .map(([part, suffix]) => [title + suffix, ...rows.map((row) => number(row[place][part]))]));
      return [titles, ...rows].map((_, line) => columns.map((column) => csvCell(column[line])).join(",")).join("\n");
    },
  };
  const dialog = document.getElementById("copy-by-hand");
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const content = `${formats[button.dataset.copy](shown())}\n`;
      try {
        await navigator.clipboard.writeText(content);
        document.getElementById("copied").textContent = `${button.textContent.replace("Copy as ", "")} is in the clipboard.`;
      } catch {
        const area = dialog.querySelector("textarea");
        area.value = content;
        dialog.showModal();
        area.select();
      }
    });
  }

  // ---- definitions: on hover and on focus, away with Escape ----
  const definition = document.getElementById("definition");
  let explained = null;
  const hide = () => {
    explained = null;
    definition.hidden = true;
  };
  const place = () => {
    const around = explained.getBoundingClientRect();
    if (around.bottom < 0 || around.top > innerHeight) return hide();
    const left = Math.max(8, Math.min(around.left, innerWidth - definition.offsetWidth - 8));
    const below = around.bottom + 4;
    const top = below + definition.offsetHeight > innerHeight ? around.top - definition.offsetHeight - 4 : below;
    definition.style.left = `${left}px`;
    definition.style.top = `${Math.max(4, top)}px`;
    return undefined;
  };
  const explain = (event) => {
    // A tap on a heading focuses what it is in
    if (event.target.closest?.("#definition") || (explained && event.type === "focusin" && event.target.contains(explained))) return;
    explained = event.target.closest?.("[data-definition]") ?? null;
    definition.hidden = explained === null;
    if (explained === null) return;
    definition.textContent = explained.dataset.definition;
    place();
  };
  document.addEventListener("mouseover", explain);
  document.addEventListener("focusin", explain);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  addEventListener("scroll", () => { if (explained) place(); }, { passive: true, capture: true });
  document.querySelectorAll("[data-definition]").forEach((heading, number) => {
    const hidden = document.createElement("span");
    hidden.id = `definition-${number}`;
    hidden.hidden = true;
    hidden.textContent = heading.dataset.definition;
    document.body.append(hidden);
    (heading.querySelector("[role=button]") ?? heading).setAttribute("aria-describedby", hidden.id);
  });

  // ---- charts: drawn when they come into view ----
  const specs = JSON.parse(document.getElementById("charts").textContent);
  const views = new Map();
  const draw = async (target) => {
    const name = target.dataset.chart;
    const label = target.getAttribute("aria-label");
    const result = await vegaEmbed(target, specs[name], { actions: false, ast: true, renderer: "svg", defaultStyle: false, tooltip: { disableDefaultStyle: true } });
    // To a screen reader a chart is an image with our label, in place of Vega's names of marks; a table says the same
    for (const [attribute, value] of [["role", "img"], ["aria-label", label], ["aria-roledescription", "chart"]]) {
      target.setAttribute(attribute, value);
    }
    target.querySelector("svg").setAttribute("aria-hidden", "true");
    views.set(name, result.view);
    const menu = target.closest(".charts").querySelector("select");
    if (menu) choose(result.view, menu.value);
  };
  const choose = (view, value) => view.signal("chosen", value).runAsync();
  const observer = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      observer.unobserve(target);
      draw(target);
    }
  }, { rootMargin: "400px" });
  document.querySelectorAll("[data-chart]").forEach((target) => observer.observe(target));
  const drawAll = () => {
    for (const target of document.querySelectorAll("[data-chart]:empty")) {
      observer.unobserve(target);
      draw(target);
    }
  };
  addEventListener("beforeprint", drawAll);
  for (const charts of document.querySelectorAll(".charts")) {
    charts.querySelector("select")?.addEventListener("change", (event) => {
      for (const target of charts.querySelectorAll("[data-chart]")) {
        const view = views.get(target.dataset.chart);
        if (view) choose(view, event.target.value);
      }
    });
  }

  // ---- figures of the probes may be missing ----
  document.addEventListener("error", ({ target }) => {
    if (!target.matches?.("details.figures img")) return;
    const said = document.createElement("p");
    said.className = "missing";
    said.textContent = `Not drawn: ${target.getAttribute("src")}`;
    target.closest("a").replaceWith(said);
  }, true);
})();
