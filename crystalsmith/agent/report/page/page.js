"use strict";
// Builds the page from the JSON block. Data only ever become text nodes, or text for Plotly that
// `plain` has made harmless.
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.getElementById("page");
  const config = { displaylogo: false, responsive: true };
  const pixels = 130; // about what the longest extent of a crystal takes on the screen
  const share = 0.45; // of its covalent radius that an atom is drawn with
  const waiting = [];

  function make(tag, text, className) {
    const element = document.createElement(tag);
    if (text !== undefined && text !== null) element.textContent = String(text);
    if (className) element.className = className;
    return element;
  }

  // Plotly reads a little HTML in its texts.
  function plain(text) {
    return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  }

  function rows(table, pairs) {
    for (const pair of pairs) {
      const row = table.insertRow();
      for (const text of pair) row.appendChild(make("td", text));
    }
    return table;
  }

  function section(title) {
    const part = make("section");
    part.appendChild(make("h2", title));
    return part;
  }

  function plot(parent, traces, layout, name) {
    const place = make("div", null, "plot");
    if (name) place.id = name;
    parent.appendChild(place);
    waiting.push(() => Plotly.newPlot(place, traces, layout, config));
  }

  // Plots are drawn once everything has its place, which decides how wide they are.
  function drawAll() {
    while (waiting.length) waiting.shift()();
  }

  function segments(pairs) {
    const line = { x: [], y: [], z: [] };
    for (const [start, end] of pairs) {
      line.x.push(start[0], end[0], null);
      line.y.push(start[1], end[1], null);
      line.z.push(start[2], end[2], null);
    }
    return line;
  }

  function crystal(place, candidate) {
    const view = candidate.view;
    const places = view.cell.flat();
    const extent = Math.max(...[0, 1, 2].map((axis) => {
      const values = places.map((point) => point[axis]);
      return Math.max(...values) - Math.min(...values);
    }));
    const size = (radius) => Math.max(6, (2 * share * radius * pixels) / extent);
    const traces = view.atoms.map((kind) => ({
      type: "scatter3d",
      mode: "markers",
      name: plain(kind.element),
      x: kind.points.map((p) => p[0]),
      y: kind.points.map((p) => p[1]),
      z: kind.points.map((p) => p[2]),
      marker: { size: size(kind.radius), color: kind.colour, line: { width: 1, color: "#444" } },
      hovertemplate: plain(kind.element) + " %{x:.2f}, %{y:.2f}, %{z:.2f} Å<extra></extra>",
    }));
    const line = (pairs, name, style) =>
      Object.assign(segments(pairs), {
        type: "scatter3d", mode: "lines", name: name, line: style, hoverinfo: "skip",
      });
    traces.push(line(view.bonds, "bonds", { width: 5, color: "#999" }));
    traces.push(line(view.cell, "cell", { width: 2, color: "#333" }));
    const hidden = { visible: false };
    const layout = {
      title: { text: plain(candidate.id + "  " + candidate.formula + ", " + candidate.group) },
      margin: { l: 0, r: 0, t: 40, b: 0 },
      legend: { orientation: "h" },
      scene: {
        aspectmode: "data", xaxis: hidden, yaxis: hidden, zaxis: hidden,
        camera: { projection: { type: "orthographic" }, eye: { x: 1.3, y: 0.9, z: 0.7 } },
      },
    };
    Plotly.react(place, traces, layout, config);
  }

  function figure(candidate, key) {
    const value = candidate.predictions[key];
    if (!value) return "–";
    const digits = Math.abs(value.mean) < 10 ? 2 : 0;
    return value.mean.toFixed(digits) + " ± " + value.std.toFixed(digits);
  }

  function columns(result) {
    const fixed = [
      ["id", (c) => c.id, (c) => c.id],
      ["formula", (c) => c.formula, (c) => c.formula],
      ["space group", (c) => c.group, (c) => c.number],
      ["atoms", (c) => c.atoms, (c) => c.atoms],
    ];
    const predicted = result.columns.map((column) => [
      column.title,
      (c) => figure(c, column.key),
      (c) => (c.predictions[column.key] ? c.predictions[column.key].mean : NaN),
    ]);
    const last = [
      ["asked, met", (c) => c.met, (c) => parseInt(c.met, 10)],
      ["score", (c) => c.score.toFixed(2), (c) => c.score],
    ];
    return fixed.concat(predicted, last);
  }

  function compare(a, b) {
    if (typeof a === "string") return a.localeCompare(b, "en", { numeric: true });
    if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1;
    return Number.isNaN(b) ? -1 : a - b;
  }

  function candidateTable(result, choose) {
    const table = make("table", null, "candidates");
    const shown = columns(result);
    const head = table.createTHead().insertRow();
    const body = table.createTBody();
    for (const candidate of result.candidates) {
      const row = body.insertRow();
      row.tabIndex = 0;
      row.candidate = candidate;
      for (const [title, text, key] of shown) {
        const cell = row.insertCell();
        cell.textContent = text(candidate);
        if (typeof key(candidate) === "number" && title !== "space group") cell.className = "number";
      }
      const pick = () => {
        for (const other of body.rows) other.classList.toggle("chosen", other === row);
        choose(candidate);
      };
      row.addEventListener("click", pick);
      row.addEventListener("keydown", (event) => {
        if (event.key === "Enter") pick();
      });
    }
    for (const [title, , key] of shown) {
      const cell = make("th");
      const button = make("button", title);
      cell.appendChild(button);
      head.appendChild(cell);
      button.addEventListener("click", () => {
        const up = cell.getAttribute("aria-sort") !== "ascending";
        for (const other of head.cells) other.removeAttribute("aria-sort");
        cell.setAttribute("aria-sort", up ? "ascending" : "descending");
        const sorted = Array.from(body.rows).sort(
          (a, b) => (up ? 1 : -1) * compare(key(a.candidate), key(b.candidate))
        );
        for (const row of sorted) body.appendChild(row);
      });
    }
    return table;
  }

  function clauseTable(candidate) {
    const table = make("table");
    const head = table.createTHead().insertRow();
    for (const title of ["verdict", "clause", "why"]) head.appendChild(make("th", title));
    const body = table.createTBody();
    for (const clause of candidate.clauses) {
      const row = body.insertRow();
      row.appendChild(make("td", clause.status, clause.status.replace(" ", "-")));
      row.appendChild(make("td", clause.wish));
      row.appendChild(make("td", clause.reason));
    }
    return table;
  }

  function gapAgainstEnergy(parent, result) {
    const groups = [[true, "satisfies everything", "#1c7c34"], [false, "falls short", "#b3261e"]];
    const traces = groups.map(([good, name, colour]) => {
      const own = result.candidates.filter(
        (c) => c.satisfied === good && c.predictions.band_gap && c.predictions.formation_energy
      );
      const values = (key, part) => own.map((c) => c.predictions[key][part]);
      const error = (key) => ({ type: "data", array: values(key, "std"), thickness: 1, width: 2 });
      return {
        type: "scatter", mode: "markers", name: name, marker: { color: colour, size: 9 },
        x: values("formation_energy", "mean"), y: values("band_gap", "mean"),
        error_x: error("formation_energy"), error_y: error("band_gap"),
        text: own.map((c) => plain(c.id + " " + c.formula)), hovertemplate: "%{text}<extra></extra>",
      };
    });
    const gap = result.target.band_gap, energy = result.target.formation_energy;
    const shapes = [];
    if (gap || energy) {
      const end = (range, index, far) => (range && range[index] !== null ? range[index] : far);
      shapes.push({
        type: "rect", layer: "below", line: { width: 0 }, fillcolor: "rgba(60,120,216,0.15)",
        xref: energy ? "x" : "paper", x0: energy ? end(energy, 0, -20) : 0,
        x1: energy ? end(energy, 1, 20) : 1,
        yref: gap ? "y" : "paper", y0: gap ? end(gap, 0, -1) : 0, y1: gap ? end(gap, 1, 30) : 1,
      });
    }
    const all = (key) =>
      result.candidates.filter((c) => c.predictions[key]).map((c) => c.predictions[key]);
    const range = (key, target) => {
      const low = all(key).map((p) => p.mean - p.std), high = all(key).map((p) => p.mean + p.std);
      const ends = (target || []).filter((value) => value !== null);
      const from = Math.min(...low, ...ends), to = Math.max(...high, ...ends);
      return [from - 0.3, to + 0.3];
    };
    plot(parent, traces, {
      title: { text: "Gap against formation energy; asked for: shaded" }, shapes: shapes,
      xaxis: { title: { text: "formation energy, eV/atom" }, range: range("formation_energy", energy) },
      yaxis: { title: { text: "band gap, eV" }, range: range("band_gap", gap) },
      legend: { orientation: "h", y: -0.25 },
    }, "gap-energy");
  }

  function searchTree(parent, result) {
    plot(parent, [{
      type: "icicle", ids: result.tree.map((n) => n.id), parents: result.tree.map((n) => n.parent),
      labels: result.tree.map((n) => plain(n.label)), text: result.tree.map((n) => plain(n.text)),
      textinfo: "label", hovertemplate: "%{label}<br>%{text}<extra></extra>",
      tiling: { orientation: "h" },
    }], {
      title: { text: "The search: formula, symmetry, crystal" }, margin: { t: 40, l: 5, r: 5, b: 5 },
    }, "tree");
    plot(parent, [{
      type: "funnel", y: result.looked_at.map((row) => plain(row[0])),
      x: result.looked_at.map((row) => row[1]),
    }], { title: { text: "Looked at" }, margin: { l: 130, t: 40, r: 20, b: 30 } }, "looked-at");
  }

  function show(result, place) {
    place.replaceChildren();
    const asked = section("Request");
    asked.appendChild(make("p", result.text));
    asked.appendChild(rows(make("table"), result.wishes.map((w) => [w.wish, w.words])));
    for (const remark of result.remarks) asked.appendChild(make("p", remark, "quiet"));
    place.appendChild(asked);

    const found = section("Candidates");
    const side = make("div", null, "side");
    const view = make("div", null, "plot");
    view.id = "crystal";
    const details = make("div");
    details.id = "details";
    const choose = (candidate) => {
      crystal(view, candidate);
      details.replaceChildren(
        clauseTable(candidate), make("p", candidate.origin, "quiet"), make("p", candidate.file, "quiet")
      );
    };
    const table = candidateTable(result, choose);
    found.appendChild(table);
    side.appendChild(view);
    side.appendChild(details);
    found.appendChild(side);
    place.appendChild(found);
    const plots = section("Plots");
    place.appendChild(plots);
    const pair = make("div", null, "side");
    plots.appendChild(pair);
    gapAgainstEnergy(pair, result);
    searchTree(pair, result);
    const run = section("Run");
    run.appendChild(rows(make("table"), result.run));
    place.appendChild(run);
    if (result.candidates.length) table.tBodies[0].rows[0].click();
    drawAll();
  }

  if (data.results.length) {
    const place = make("div");
    if (data.results.length > 1) {
      const choice = make("select");
      choice.id = "result";
      data.results.forEach((result, index) => {
        const option = make("option", result.name + ": " + result.text);
        option.value = String(index);
        choice.appendChild(option);
      });
      choice.addEventListener("change", () => show(data.results[Number(choice.value)], place));
      root.appendChild(choice);
    }
    root.appendChild(place);
    show(data.results[0], place);
  }
  for (const item of data.plots) {
    const part = section(item.title);
    root.appendChild(part);
    plot(part, item.data, item.layout);
  }
  drawAll();
})();
