"use strict";
(() => {
  // ---- tables ----
  const sorted = { paging: false, info: false, searching: false, order: [], autoWidth: false, layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null } };
  const wide = new DataTable("#wide", { ...sorted, searching: true });
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
  const text = (cell) => [...cell.querySelectorAll("span, small")].map((part) => part.textContent).join(" ").replace(/\s+/g, " ").trim() || cell.textContent.trim();
  const shown = () => {
    const columns = wide.columns(":visible").indexes().toArray().filter((index) => wide.column(index).header().offsetWidth > 0);
    const titles = columns.map((index) => wide.column(index).header().querySelector(".dt-column-title").textContent.trim());
    const rows = wide.rows({ search: "applied", order: "applied" }).indexes().toArray()
      .map((row) => columns.map((column) => text(wide.cell(row, column).node())));
    return [titles, ...rows];
  };
  const escaped = (cell, characters) => [...cell].map((one) => characters[one] ?? one).join("");
  const forMarkdown = Object.fromEntries([..."\\|*`<~_[]"].map((one) => [one, `\\${one}`]));
  const commands = JSON.parse(document.getElementById("latex").textContent);
  const unknown = (one) => `[U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`;
  const forLatex = (cell) => [...cell.normalize("NFC")].map((one) => commands[one] ?? (/[ -~]/.test(one) ? one : unknown(one))).join("");
  const formats = {
    markdown: ([titles, ...rows]) => [titles, titles.map(() => "---"), ...rows]
      .map((row, number) => `| ${row.map((cell) => (number === 1 ? cell : escaped(cell, forMarkdown))).join(" | ")} |`).join("\n"),
    latex: (rows) => {
      const [titles, ...lines] = rows.map((row) => `${row.map(forLatex).join(" & ")} \\\\`);
      const align = rows[0].map((title) => (["Model", "Judge"].includes(title) ? "l" : "r")).join("");
      return [`\\begin{tabular}{${align}}`, "\\toprule", titles, "\\midrule", ...lines, "\\bottomrule", "\\end{tabular}"].join("\n");
    },
    csv: (rows) => rows.map((row) => row.map((cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",")).join("\n"),
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
  const hide = () => { definition.hidden = true; };
  const explain = (event) => {
    const heading = event.target.closest?.("[data-definition]");
    if (!heading) return event.target.closest?.("#definition") ? undefined : hide();
    definition.textContent = heading.dataset.definition;
    definition.hidden = false;
    const around = heading.getBoundingClientRect();
    const left = Math.max(8, Math.min(around.left, innerWidth - definition.offsetWidth - 8));
    const below = around.bottom + 4;
    const top = below + definition.offsetHeight > innerHeight ? around.top - definition.offsetHeight - 4 : below;
    definition.style.left = `${left}px`;
    definition.style.top = `${Math.max(4, top)}px`;
    return undefined;
  };
  document.addEventListener("mouseover", explain);
  document.addEventListener("focusin", explain);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  addEventListener("scroll", hide, { passive: true, capture: true });
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
