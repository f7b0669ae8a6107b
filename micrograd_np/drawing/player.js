"use strict";
// The page holds the drawing and the steps; this walks through them. Words only ever become text, never markup.
const { nodes, edges, steps, note, g, glosses, program, output, lines } = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);
const computed = {}, arrived = {}, sent = {}; // the step at which the page knows a value, a gradient, a share
let at = 0, playing = null, entry = 0, scale = 1;
const SCALE = 1.1; // pixels for a point, as in the drawing
const score = { right: 0, asked: 0, on: false };

function load() {
  steps.forEach((step, i) => {
    if (step.pass === "forward") {
      computed[step.node] = i;
      step.edges = edges.flatMap((edge, number) => (edge.head === step.node ? [number] : []));
      step.inputs = [...new Set(step.edges.map((number) => edges[number].tail))];
    }
    if (step.start || step.sum) arrived[step.node] = i;
    for (const part of step.sends || []) { if (part.only) arrived[part.to] = i; sent[part.edge] = i; }
  });
  find("slider").max = steps.length - 1;
  for (const id in nodes) {
    const box = find(id);
    set(box, { tabindex: 0, role: "button", "aria-label": `${nodes[id].title}, ${nodes[id].kind}` });
    box.onclick = () => { stop(); visit(id); };
  }
}

function set(element, attributes) {
  for (const name in attributes) element.setAttribute(name, attributes[name]);
}

function make(tag, text = "", name = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (name) made.className = name;
  return made;
}

function table(array, whole = false) {
  const box = make("div", "", "scroll");
  const rows = box.appendChild(make("table"));
  (whole && array.full || array.cells).forEach((cells, i) => {
    const row = rows.appendChild(make("tr"));
    cells.forEach((text, j) => {
      const cell = row.appendChild(make("td", text || "\u00a0", `h${array.heat[i][j]}`));
      if (array.full) cell.onmouseenter = () => choose(i * cells.length + j);
      if (array.full) cell.title = array.full[i][j];
    });
  });
  if (array.line) box.appendChild(make("p", array.line, "dim"));
  return box;
}

function part(title, array, name, instead) {
  if (!array) return [make("h3", title, name), make("p", instead || "not known", "dim")];
  return [make("h3", `${title}  ${array.shape}`, name), table(array)];
}

// One entry of a rule with its numbers filled in, where the rule works entry by entry.
function filled(step, send) {
  const own = { [g]: nodes[step.node].gradient, ...Object.fromEntries(step.uses.map(([word, id]) => [word, nodes[id].value])) };
  const size = send.array && send.array.full ? send.array.full.flat().length : 0;
  if (!size || send.rule === g || /@|\.T|sum|reshape|\[|broadcast|zeros|…/.test(send.rule)) return null;
  const place = Math.min(entry, size - 1);
  const words = Object.keys(own).sort((a, b) => b.length - a.length).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  let known = true;
  const rule = send.rule.replace(new RegExp(`(?<![\\w.])(?:${words.join("|")})(?!\\w)`, "g"), (word) => {
    const all = own[word] && own[word].full ? own[word].cells.flat() : [];
    if (all.length !== size && all.length !== 1) known = false;
    const text = all[all.length === 1 ? 0 : place] || "";
    return text.startsWith("-") ? `(${text})` : text;
  });
  const where = size > 1 ? `entry ${place + 1}: ` : "";
  return known ? `${where}${rule.replaceAll(" * ", " × ")} = ${send.array.cells.flat()[place]}` : null;
}

function ratio(above, below) {
  const [a, b] = [above, below].map((word) => (/^[\w.[\]]+$/.test(word) ? word : `(${word})`));
  return `d ${a} / d ${b}`;
}

function choose(i) {
  entry = i;
  document.querySelectorAll(".filled").forEach((line) => { line.textContent = line.fill(); });
}

function withNumbers(step, send) {
  if (!filled(step, send)) return [];
  const line = make("p", "", "filled");
  line.fill = () => filled(step, send);
  line.textContent = line.fill();
  return [line];
}

// A number to predict before it is shown: of an array, its first entry.
function hidden(array, parts) {
  if (!score.on || !array || !array.full) return parts;
  const box = make("form", "", "predict");
  const answer = Number(array.full.flat()[0]);
  const asks = array.full.flat().length > 1 ? "the first entry" : "the number";
  box.append(make("label", `Predict ${asks}: `), make("button", "Show"));
  const field = box.firstChild.appendChild(make("input"));
  field.inputMode = "decimal";
  box.onsubmit = (event) => {
    event.preventDefault();
    const close = Math.abs(Number(field.value) - answer) <= 0.02 * Math.abs(answer) + 5e-4;
    if (field.value.trim()) { score.asked += 1; score.right += close; }
    const said = field.value.trim() ? (close ? "Right. " : "Not quite. ") : "";
    box.replaceWith(make("p", `${said}${score.right} of ${score.asked} predictions right`, "dim"), ...parts);
    uncover();
  };
  return [box];
}

// What one small step of an entry changes: as the gradient predicts, and in truth.
function nudges(id) {
  const { nudge, value } = nodes[id];
  if (!nudge) return [];
  const said = make("p", "Choose an entry to add 0.001 to it.", "nudge");
  const box = table(value);
  box.querySelectorAll("td").forEach((cell, i) => {
    cell.tabIndex = 0;
    cell.onclick = cell.onfocus = () => {
      said.textContent = `${nodes[id].title}, entry ${i + 1}, plus 0.001: ${output} changes by ${nudge[i][0]} (predicted: gradient × 0.001), in truth by ${nudge[i][1]}`;
    };
  });
  return [make("h3", "nudge"), box, said];
}

// Of a program, whose numbers come with each call: what goes in, by name.
function goingIn(step) {
  return step.inputs.length ? [make("p", `goes in: ${step.inputs.map((id) => nodes[id].title).join(", ")}`, "dim")] : [];
}

function forward(step) {
  const { text, title, value } = nodes[step.node];
  const inputs = step.inputs.flatMap((id) => part(nodes[id].title, nodes[id].value, "", nodes[id].several));
  const made = text && text !== title ? [make("p", `${title} = ${text}`)] : [];
  if (program) return [...made, ...goingIn(step)];
  return [...made, ...inputs.length ? [make("p", "goes in:", "dim")] : [], ...inputs,
    ...(value ? inputs.length ? hidden(value, part("comes out", value, "forward"))
      : part(nodes[step.node].kind, value, "forward") : []), ...nudges(step.node)];
}

function backward(step) {
  const { gradient, several } = nodes[step.node];
  const parts = part(`${g}, ${step.start ? "where the walk back starts" : "the gradient that has arrived"}`, gradient, "backward",
    several);
  for (const [word, id] of step.uses) {
    const same = word === nodes[id].title ? "" : `, which is ${nodes[id].title}`;
    parts.push(...part(`${word}${same}`, nodes[id].value, "forward", nodes[id].several));
  }
  for (const each of step.sends.filter((each) => each.rule || each.array)) {
    const [to, from] = [each.to, step.node].map((id) => nodes[id].title);
    parts.push(make("h3", `to ${to}:  ${each.rule}`, "backward"));
    for (const name in glosses) if (`${each.rule} ${nodes[step.node].op}(`.includes(`${name}(`)) parts.push(make("p", `${name}: ${glosses[name]}`, "dim"));
    parts.push(...hidden(each.array, [...each.array ? [table(each.array)] : [], ...withNumbers(step, each)]));
    parts.push(make("p", `${ratio(output, to)} = ${ratio(output, from)} · ${ratio(from, to)}`, "dim"));
  }
  return parts;
}

// A value that is used more than once: its gradient is the sum of what comes back from each use.
function sum(step) {
  const { title, gradient, rest, reason } = nodes[step.node];
  const terms = step.sum.map((each) => [`${each.rule || "a fold"}, from ${nodes[each.from].title}`, each.array]);
  if (reason) terms.push([reason, rest]);
  const line = make("p", "", "filled");
  line.fill = () => {
    const texts = [...terms.map(([, array]) => array), gradient].map((array) => {
      const all = array && array.full ? array.cells.flat() : [];
      return all.length ? all[Math.min(entry, all.length - 1)] : null;
    });
    if (texts.includes(null)) return "";
    const [total, ...shares] = [texts.pop(), ...texts];
    const where = gradient.full.flat().length > 1 ? `, entry ${Math.min(entry, gradient.full.flat().length - 1) + 1}` : "";
    return `grad of ${title}${where} = ${shares.map((text, i) => (i && text.startsWith("-") ? `(${text})` : text)).join(" + ")} = ${total}`;
  };
  line.textContent = line.fill();
  const names = terms.map((_, i) => `share ${i + 1}`).join(" + ");
  const shown = terms.flatMap(([from, array], i) => part(`share ${i + 1}: ${from}`, array, "backward"));
  return [make("p", `${title} is used ${step.sum.length === 1 ? "once" : `${step.sum.length} times`}, so what comes back is added up: grad of ${title} = ${names}`),
    ...shown, ...hidden(gradient, [...(line.textContent ? [line] : []), ...part(`grad of ${title}, the sum`, gradient, "backward")])];
}

function details(id) {
  const node = nodes[id];
  const parts = [make("h3", "the whole of it"), make("p", [node.kind, node.state].filter(Boolean).join(", "), "dim")];
  for (const [title, array] of [["value", node.value], ["gradient", node.gradient]])
    if (array) parts.push(make("p", `${title} ${array.shape}`, title === "value" ? "forward" : "backward"), table(array, true));
  return parts;
}

// Show in the drawing what is known at this step; what the panel still asks for is known at the next.
function uncover() {
  const known = find("panel").querySelector(".predict") ? at - 1 : at;
  for (const id in nodes) {
    find(`a_${id}_value`)?.classList.toggle("hidden", !(computed[id] <= known));
    find(`a_${id}_gradient`)?.classList.toggle("hidden", !(arrived[id] <= known));
  }
  edges.forEach((_, i) => find(`e${i}`)?.querySelectorAll("text").forEach((text) => text.classList.toggle("hidden", sent[i] > known)));
}

function show(i, asked = null) {
  at = Math.max(0, Math.min(steps.length - 1, i));
  const step = steps[at];
  const node = nodes[step.node];
  find("graph").className = `${find("graph").classList.contains("fit") ? "fit " : ""}${step.pass}-pass`;
  for (const id in nodes) {
    find(id).classList.toggle("waiting", !(computed[id] <= at));
    find(id).classList.toggle("lit", id === step.node);
  }
  const active = step.edges || [...step.sends, ...step.sum || []].map((each) => each.edge);
  edges.forEach((edge, i) => {
    const drawn = find(`e${i}`);
    if (!drawn) return; // its tail says how many arrows there was no room for
    drawn.classList.toggle("waiting", !(computed[edge.head] <= at));
    drawn.classList.toggle("lit", active.includes(i));
  });
  find("count").textContent = `${at + 1} of ${steps.length}, ${step.sum ? "sum" : step.pass}`;
  find("slider").value = at;
  const body = step.sum ? sum(step) : step.pass === "forward" ? forward(step) : backward(step);
  const where = node.where ? [make("p", node.where, "dim")] : [];
  const opening = at ? [] : [make("p", program ? "This page walks through a program, step by step." :
    `This page replays how ${output} was computed, box by box, and then how its gradient goes back, rule by rule. ` +
    "Press Next or the right arrow; choose a box or a line of source to go to it.")];
  document.querySelectorAll("#lines span").forEach((line, i) => line.classList.toggle("now", lines[i] === node.where));
  const last = (at === steps.length - 1 || (program && at === 0)) && note ? [make("p", note, "dim")] : [];
  find("panel").replaceChildren(...opening, make("h2", node.title, step.pass), ...where, ...body, ...last,
    ...(asked ? details(step.node) : []));
  uncover();
  const lit = find(step.node);
  const wide = lit.getBoundingClientRect().width > find("graph").clientWidth; // then its beginning is what to see
  bring(lit, wide);
}

// Bring a box to the middle of the drawing. `scrollIntoView` would also scroll the page that shows the player in a frame.
function bring(box, toItsBeginning) {
  const view = find("graph").getBoundingClientRect(), at = box.getBoundingClientRect();
  find("graph").scrollBy(toItsBeginning ? at.left - view.left - 8 : at.left + at.width / 2 - view.left - view.width / 2,
    at.top + at.height / 2 - view.top - view.height / 2);
}

function resize() {
  const { width, height } = find("graph").querySelector("svg").viewBox.baseVal;
  set(find("graph").querySelector("svg"), { width: width * SCALE * scale, height: height * SCALE * scale });
}

// On a narrow screen the drawing is as much smaller as its widest box needs, while it can still be read.
function narrow() {
  const widest = Math.max(...Object.keys(nodes).map((id) => find(id).getBoundingClientRect().width));
  scale = Math.max(0.6, Math.min(1, (find("graph").clientWidth - 16) / widest));
  resize();
}

function zoom(by) {
  find("graph").classList.remove("fit");
  scale *= by;
  resize();
  bring(find(steps[at].node), false);
}

function visit(id) {
  const passes = steps.map((step, i) => [step, i]).filter(([step]) => step.node === id);
  const same = passes.find(([step]) => step.pass === steps[at].pass) || passes[0];
  show(same[1], id);
}

function play() {
  if (playing) { stop(); return; }
  if (at === steps.length - 1) show(0);
  find("play").textContent = "Pause";
  playing = setInterval(() => { show(at + 1); if (at === steps.length - 1) stop(); }, 1200);
}

function stop() {
  clearInterval(playing);
  playing = null;
  find("play").textContent = "Play";
}

const go = (i) => { stop(); show(i); };
const fit = () => find("graph").classList.toggle("fit");
const KEYS = { ArrowRight: () => go(at + 1), ArrowLeft: () => go(at - 1), Home: () => go(0), End: () => go(steps.length - 1),
  " ": play, f: fit, "+": () => zoom(1.25), "-": () => zoom(0.8) };

find("previous").onclick = KEYS.ArrowLeft;
find("next").onclick = KEYS.ArrowRight;
find("play").onclick = play;
find("fit").onclick = fit;
find("larger").onclick = KEYS["+"];
find("smaller").onclick = KEYS["-"];
// A button that the mouse has pressed lets go of the keyboard, so that space plays; one that was reached by Tab does not.
find("controls").onclick = (event) => { if (event.detail && event.target.tagName === "BUTTON") event.target.blur(); };
find("slider").oninput = (event) => go(Number(event.target.value));
document.onkeydown = (event) => {
  const chooses = ["Enter", " "].includes(event.key) && event.target.closest(".node, #lines span");
  if (chooses) { event.preventDefault(); chooses.onclick(); return; }
  const chosen = KEYS[event.key];
  if (!chosen || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.tagName === "INPUT" && event.target.type !== "range") return; // a prediction is typed
  if (event.key === " " && event.target.tagName === "BUTTON") return;
  event.preventDefault();
  chosen();
};
const toLine = (line) => { stop(); const found = steps.findIndex((step) => nodes[step.node].where === line); show(found < 0 ? at : found); };
document.querySelectorAll("#lines span").forEach((line, i) => {
  line.onclick = () => toLine(lines[i]);
});
find("predict").onclick = () => {
  score.on = !score.on;
  find("predict").setAttribute("aria-pressed", score.on);
  show(at);
};
load();
narrow();
show(0);
