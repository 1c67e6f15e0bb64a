"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const [cellWidth, cellHeight] = data.cell;
  const slider = at("slider"), circuit = at("circuit"), rows = [];
  let now = 0, chosen = 0;
  // The readings of each node at the present moment, and those that it has made.
  let values = [], gradients = [], made = { values: {}, gradients: {} };

  // A moment has what has changed since the one before.
  function go(to) {
    now = Math.max(0, Math.min(data.frames.length - 1, to));
    values = []; gradients = [];
    for (let i = 0; i <= now; i++) {
      for (const [node, reading] of Object.entries(data.frames[i].values)) values[node] = reading;
      for (const [node, reading] of Object.entries(data.frames[i].gradients)) gradients[node] = reading;
    }
    made = now ? data.frames[now] : { values: {}, gradients: {} };
    const node = data.frames[now].node;
    if (node !== null && node < data.nodes.length) chosen = node;
    show();
  }

  function show() {
    const frame = data.frames[now];
    slider.value = now;
    slider.setAttribute("aria-valuetext", frame.status);
    at("status").textContent = frame.status;
    at("said").textContent = frame.said.join("\n");
    at("legend").textContent = frame.legend;
    draw(frame);
    data.nodes.forEach((node, i) => list(node, i, frame));
    detail();
    costs(frame);
  }

  // Every piece of a row is SVG that was made with the page, its texts escaped.
  function draw(frame) {
    const layout = data.layouts[frame.layout];
    const width = layout.width * cellWidth, height = layout.height * cellHeight;
    circuit.setAttribute("width", width);
    circuit.setAttribute("height", height);
    circuit.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const box = layout.boxes.find((found) => found[4].includes(chosen));
    const mark = box === undefined ? "" :
      `<rect x="${box[0] * cellWidth - 2}" y="${box[1] * cellHeight}" width="${box[2] * cellWidth + 4}" ` +
      `height="${box[3] * cellHeight}" rx="4" fill="none" stroke="currentColor" stroke-dasharray="3 3"/>`;
    if (box !== undefined) reveal(box);
    circuit.innerHTML = mark + frame.rows.map((row, y) =>
      `<g transform="translate(0 ${y * cellHeight})">${data.rows[row].map((piece) => data.pieces[piece]).join("")}</g>`).join("");
  }

  // Scroll the drawing only if the box is not in sight.
  function reveal(box) {
    const view = at("window"), [x, y, width, height] = box;
    const left = x * cellWidth, top = y * cellHeight, room = 8 * cellWidth;
    if (left - room < view.scrollLeft || left + width * cellWidth + room > view.scrollLeft + view.clientWidth) {
      view.scrollLeft = left - view.clientWidth / 3;
    }
    if (top < view.scrollTop || top + height * cellHeight + 2 * cellHeight > view.scrollTop + view.clientHeight) {
      view.scrollTop = top - view.clientHeight / 3;
    }
  }

  function list(node, i, frame) {
    const row = rows[i];
    row.className = (i === frame.node ? "here " : "") + (i === chosen ? "chosen" : "");
    row.setAttribute("aria-selected", i === chosen);
    cell(row.cells[2], values[i], i in made.values);
    cell(row.cells[3], gradients[i], i in made.gradients);
  }

  function cell(target, reading, isNew) {
    const found = data.readings[reading];
    target.textContent = found.text + (found.bad ? " !" : "");
    target.className = (isNew ? "new " : "") + (found.bad ? "bad" : "");
  }

  function detail() {
    const node = data.nodes[chosen];
    at("chosen").textContent = node.name;
    const facts = [node.op];
    if (node.shape) facts.push("shape " + node.shape);
    if (node.trained) facts.push("trained");
    if (node.from.length) facts.push("of " + node.from.join(", "));
    if (node.made) facts.push(node.made);
    at("facts").textContent = facts.join(" ∙ ");
    at("value").textContent = data.readings[values[chosen]].lines.join("\n");
    at("gradient").textContent = data.readings[gradients[chosen]].lines.join("\n");
  }

  function costs(frame) {
    const known = data.costs.filter((cost) => cost !== null);
    if (!known.length) {
      at("cost").textContent = "no cost is known";
      return;
    }
    const low = Math.min(...known), high = Math.max(...known), last = Math.max(1, data.costs.length - 1);
    const x = (step) => 10 + 580 * step / last;
    const y = (cost) => high > low ? 150 - 140 * (cost - low) / (high - low) : 80;
    let line = "", joined = false;
    data.costs.forEach((cost, step) => {
      if (cost !== null) line += `${joined ? "L" : "M"}${x(step).toFixed(1)} ${y(cost).toFixed(1)}`;
      joined = cost !== null;
    });
    const here = data.costs[frame.step];
    const mark = here === null || here === undefined ? "" :
      `<circle cx="${x(frame.step)}" cy="${y(here)}" r="4" fill="none" stroke="currentColor" stroke-width="2"/>`;
    at("costs").innerHTML = `<path d="${line}" fill="none" stroke="#3a8f3a" stroke-width="1.5" stroke-linecap="round"/>${mark}`;
    const said = here === null || here === undefined ? "not known" : String(Number(here.toPrecision(6)));
    at("cost").textContent = `${data.step} ${frame.step}: ${said} ∙ lowest ${Number(low.toPrecision(6))}, ` +
      `highest ${Number(high.toPrecision(6))} of ${data.costs.length} ${data.costs.length === 1 ? "cost" : "costs"}`;
  }

  function choose(node) {
    chosen = Math.max(0, Math.min(data.nodes.length - 1, node));
    show();
    rows[chosen].scrollIntoView({ block: "nearest" });
  }

  at("name").textContent = data.name;
  for (const line of data.limits) {
    const paragraph = document.createElement("p");
    paragraph.textContent = line;
    at("limits").append(paragraph);
  }
  data.nodes.forEach((node, i) => {
    const row = document.createElement("tr");
    for (const text of [node.name + (node.trained ? " *" : ""), node.op, "", ""]) {
      const target = document.createElement("td");
      target.textContent = text;
      row.append(target);
    }
    row.addEventListener("click", () => choose(i));
    at("nodes").append(row);
    rows.push(row);
  });
  slider.max = data.frames.length - 1;
  slider.addEventListener("input", () => go(Number(slider.value)));
  at("back").addEventListener("click", () => go(now - 1));
  at("on").addEventListener("click", () => go(now + 1));
  circuit.addEventListener("click", (event) => {
    const frame = circuit.getBoundingClientRect();
    const x = (event.clientX - frame.left) / cellWidth, y = (event.clientY - frame.top) / cellHeight;
    const box = data.layouts[data.frames[now].layout].boxes.find((found) =>
      x >= found[0] && x < found[0] + found[2] && y >= found[1] && y < found[1] + found[3] + 1);
    if (box !== undefined && box[4].length) choose(box[4][box[4].length - 1]);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target === slider || event.altKey || event.ctrlKey || event.metaKey) return;
    const moves = { ArrowLeft: () => go(now - 1), ArrowRight: () => go(now + 1), ArrowUp: () => choose(chosen - 1), ArrowDown: () => choose(chosen + 1) };
    if (event.key in moves) {
      moves[event.key]();
      event.preventDefault();
    }
  });
  go(0);
})();
