"use strict";
// The page works without this: tables and charts stand as they are. It adds the choice of light or dark, sorting, and
// the list of problems, whose texts are unpacked only when they are looked at. Whatever a model wrote is set as
// text, never as markup.
(() => {
  const PAGE = 50;
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);
  root.classList.add("js");

  const make = (tag, name = "", text = "") => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    if (text !== "") node.textContent = text;
    return node;
  };

  // Light, dark, or as the system has it.
  const themes = ["auto", "light", "dark"];
  $("theme").addEventListener("click", () => {
    const next = themes[(themes.indexOf(root.dataset.theme || "auto") + 1) % themes.length];
    if (next === "auto") delete root.dataset.theme; else root.dataset.theme = next;
    $("theme").textContent = "theme: " + next;
  });

  // A table sorts by the column whose heading is pressed: best first, then worst first, names from A on. What has no
  // figure comes last.
  for (const button of document.querySelectorAll("table.sortable th button")) {
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const table = head.closest("table");
      const place = Number(head.dataset.column);
      const words = head.dataset.words === "1";
      const up = head.getAttribute("aria-sort") === (words ? null : "descending");
      for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = (row) => row.cells[place].dataset.value ?? "";
      const compare = (a, b) => {
        if (value(a) === "" || value(b) === "") return (value(a) === "") - (value(b) === "");
        const order = words ? value(a).localeCompare(value(b), "en") : Number(value(a)) - Number(value(b));
        return up ? order : -order;
      };
      const body = table.tBodies[0];
      body.append(...[...body.rows].sort(compare));
    });
  }

  if (!$("bench")) return;
  if (typeof DecompressionStream === "undefined") {
    $("count").textContent = "This browser is too old to unpack the problems; the tables above are whole.";
    return;
  }

  const names = JSON.parse($("names").textContent);
  const unpack = async (id) => {
    const bytes = Uint8Array.from(atob($(id).textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  };
  const once = new Map(); // element id -> promise of its content
  const content = (id) => {
    if (!once.has(id)) once.set(id, unpack(id));
    return once.get(id);
  };

  let column = null; // index of the benchmark chosen
  let number = 0; // and its number
  let found = []; // places of the problems that the filters leave
  let first = 0; // of them, the first on this page
  let turn = 0; // counts the filterings, so that a slow one gives way to a later one

  const mean = (row, place) => {
    const values = column.outcomes[row][place].map((each) => each[1]).filter((value) => value !== null);
    return values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;
  };
  const chunkOf = (place) => {
    let low = 0;
    let high = column.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (column.starts[middle] <= place) low = middle; else high = middle - 1;
    }
    return low;
  };
  const textOf = async (place) => {
    const chunk = chunkOf(place);
    return (await content(`texts-${number}-${chunk}`))[place - column.starts[chunk]];
  };

  // --- The filters
  const options = (select, pairs) => {
    select.replaceChildren(...pairs.map(([value, text]) => {
      const option = make("option", "", text);
      option.value = value;
      return option;
    }));
    select.closest("label").hidden = pairs.length < 2;
  };

  const choose = async () => {
    const wanted = Number($("bench").value);
    const index = await content(`index-${wanted}`);
    number = wanted;
    column = index;
    const runs = column.rows.map((row, place) => [String(place), names[row]]);
    const share = column.unit === "share";
    $("better-label").textContent = share ? "solved by" : "higher for";
    $("worse-label").textContent = share ? "not solved by" : "lower for";
    options($("status"), [["", "any outcome"], ...column.statuses.map((word, place) => [String(place), word])]);
    options($("whose"), [["", "by anyone"], ...runs]);
    options($("better"), [["", share ? "anyone or none" : "any"], ...runs]);
    options($("worse"), [["", share ? "anyone or none" : "any"], ...runs]);
    const topics = [...new Set(column.topics.flat())].sort();
    options($("topic"), [["", "all topics"], ...(topics.length > 1 ? topics.map((topic) => [topic, topic]) : [])]);
    if (runs.length < 2) $("whose").closest("label").hidden = true;
    const heads = [make("span", "", "problem"), ...runs.map(([, name]) => make("bdi", "", name))];
    $("heads").replaceChildren(...heads);
    $("list").style.setProperty("--runs", runs.length);
    $("list").classList.toggle("many", runs.length > 5);
    await filter();
  };

  const matches = (place) => {
    const [status, whose, better, worse, topic] = ["status", "whose", "better", "worse", "topic"].map((id) => $(id).value);
    if (topic !== "" && !column.topics[place].includes(topic)) return false;
    if (status !== "" || whose !== "") {
      const rows = whose === "" ? column.rows.keys() : [Number(whose)];
      const hit = (row) => column.outcomes[row][place].some((each) => status === "" || each[0] === Number(status));
      if (![...rows].some(hit)) return false;
    }
    const a = better === "" ? undefined : mean(Number(better), place);
    const b = worse === "" ? undefined : mean(Number(worse), place);
    if (a === null || b === null) return false;
    if (column.unit === "share") return (a === undefined || a >= 0.5) && (b === undefined || b < 0.5);
    return a === undefined || b === undefined || a > b;
  };

  const says = (place, words) => {
    const told = [column.ids[place], ...column.topics[place]];
    for (const outcomes of column.outcomes) for (const each of outcomes[place]) told.push(each[2]);
    return told.some((text) => text.toLowerCase().includes(words));
  };
  const strings = (value) => typeof value === "string" ? value
    : value && typeof value === "object" ? Object.values(value).map(strings).join("\n") : "";

  const filter = async () => {
    const mine = ++turn;
    const words = $("search").value.trim().toLowerCase();
    const left = [...column.ids.keys()].filter(matches);
    let kept = left;
    if (words) {
      kept = [];
      for (const place of left) {
        if (says(place, words)) kept.push(place);
        else if ($("texts").checked && strings(await textOf(place)).toLowerCase().includes(words)) kept.push(place);
        if (mine !== turn) return;
      }
    }
    found = kept;
    first = 0;
    show();
  };

  // --- The list
  const show = () => {
    const last = Math.min(first + PAGE, found.length);
    $("count").textContent = found.length
      ? `${(first + 1).toLocaleString("en")} to ${last.toLocaleString("en")} of ${found.length.toLocaleString("en")} ` +
        (found.length < column.ids.length ? `found, of ${column.ids.length.toLocaleString("en")} problems` : "problems")
      : "no problem is so";
    $("previous").disabled = first === 0;
    $("next").disabled = last >= found.length;
    $("rows").replaceChildren($("heads"), ...found.slice(first, last).map(line));
  };

  const dot = (status) => {
    const node = make("span", "dot");
    node.style.background = `var(--s-${status}, var(--other-${[...status].reduce((a, c) => a + c.charCodeAt(0), 0) % 4}))`;
    return node;
  };

  const outcome = (row, place) => {
    const samples = column.outcomes[row][place];
    const node = make("span", "outcome");
    node.append(make("bdi", "name", names[column.rows[row]] + ": "));
    if (!samples.length) {
      node.append(make("span", "soft", "no sample"));
      return node;
    }
    const [status, value, why] = samples[0];
    const word = column.statuses[status];
    if (samples.length > 1) {
      for (const each of samples.slice(0, 20)) node.append(dot(column.statuses[each[0]]));
      const passed = samples.filter((each) => column.statuses[each[0]] === "passed").length;
      const average = mean(row, place);
      node.append(column.unit === "share" ? `${passed} of ${samples.length} passed`
        : average === null ? word : average.toFixed(column.digits));
    } else {
      node.append(dot(word), column.unit === "share" || value === null ? word : value.toFixed(column.digits));
    }
    if (why && samples.length === 1) node.append(make("span", "why", why));
    node.title = why;
    return node;
  };

  const line = (place) => {
    const node = make("details", "problem");
    const head = make("summary");
    const id = make("span", "id", column.ids[place]);
    id.append(make("span", "soft", " " + column.topics[place].join(", ").replaceAll("_", " ")));
    head.append(id, ...column.rows.map((_, row) => outcome(row, place)));
    node.append(head);
    node.addEventListener("toggle", async () => {
      if (!node.open || node.children.length > 1) return;
      const body = make("div", "text");
      node.append(body);
      fill(body, await textOf(place), place);
    });
    return node;
  };

  // --- One problem, opened
  const block = (text, name = "") => {
    const node = make("pre", name, text);
    node.dir = "auto";
    node.tabIndex = 0;
    return node;
  };
  const folded = (title, node, open = false) => {
    const fold = make("details");
    fold.open = open;
    fold.append(make("summary", "soft", title), node);
    return fold;
  };
  const program = (text, marked) => {
    const node = make("pre", "program");
    node.dir = "ltr";
    node.tabIndex = 0;
    text.replace(/\n$/, "").split("\n").forEach((row, place) => {
      node.append(make("span", marked.has(place + 1) ? "at" : "", row + "\n"));
    });
    return node;
  };
  const facts = (pairs) => {
    const list = make("dl");
    for (const [name, value, code] of pairs) {
      if (value === undefined || value === "") continue;
      const said = make("dd");
      said.append(make(code ? "code" : "span", "", value));
      list.append(make("dt", "", name), said);
    }
    return list;
  };

  const fill = (body, text, place) => {
    if (text.prompt) body.append(make("h4", "", "Prompt"), block(text.prompt));
    if (text.reference) body.append(folded("reference answer", block(text.reference)));
    column.rows.forEach((row, at) => {
      const part = make("section");
      part.append(make("h4", "", names[row]));
      const samples = text.runs[row] || [];
      for (const each of samples) part.append(sample(each, column.outcomes[at][place], samples.length));
      const hidden = column.outcomes[at][place].length - samples.length;
      if (!column.outcomes[at][place].length) part.append(make("p", "soft", "no sample"));
      if (hidden > 0) part.append(make("p", "soft", `and ${hidden} more, which are counted but not shown`));
      body.append(part);
    });
  };

  const sample = (told, outcomes, count) => {
    const node = make("div", "samples");
    const which = outcomes[told.place];
    const word = column.statuses[which[0]];
    const verdict = told.verdict || {};
    const failure = verdict.failure || {};
    const head = make("div");
    head.append(dot(word), make("b", "", word + (count > 1 ? `, sample ${told.index}` : "")));
    if (column.unit !== "share" && which[1] !== null) head.append(` ${which[1].toFixed(column.digits)}`);
    const cpu = verdict.cpu_s === undefined ? "" : `${(1000 * verdict.cpu_s).toFixed(1)} ms CPU`;
    const memory = verdict.memory_mb === undefined ? "" : `${verdict.memory_mb.toFixed(0)} MB`;
    const groups = Object.entries(verdict.groups || {}).map(([name, [passed, run]]) => `${name} ${passed} of ${run}`);
    const metrics = Object.entries(told.metrics || {}).map(([name, value]) => `${name} ${Number(value).toFixed(3)}`);
    const reading = told.strict && told.strict !== told.lenient
      ? `strict: ${told.strict}, lenient: ${told.lenient}` + (told.how ? ` (${told.how})` : "") : "";
    node.append(head, facts([
      ["why", which[2]],
      ["error", told.error],
      ["read as", told.answer, true],
      ["log-probabilities", (told.logprobs || []).join(", ")],
      ["metrics", metrics.join(", ")],
      ["tests", [verdict.tests, ...groups, verdict.stage && `stage: ${verdict.stage}`, cpu, memory].filter(Boolean).join(", ")],
      ["failing test", failure.test, true],
      ["call", failure.call, true],
      ["expected", failure.expected, true],
      ["returned", failure.actual, true],
      ["readings", reading],
      ["reply", told.truncated ? "cut off at the longest length allowed" : ""],
    ]));
    const said = verdict.diagnostics || [];
    if (said.length) {
      node.append(facts(said.map((each) => [
        each.severity + (each.line ? `, line ${each.line}` : "") + (each.column ? `:${each.column}` : ""), each.message, true,
      ])));
    }
    const marked = new Set(said.map((each) => each.line));
    if (told.program) node.append(folded(`program (${told.reading} reading)`, program(told.program, marked), true));
    if (told.other) node.append(folded(`program in the ${told.reading === "strict" ? "lenient" : "strict"} reading`, program(told.other, new Set())));
    (told.turns || []).forEach((text, turn) => node.append(folded(`reply, turn ${turn + 1}`, block(text), true)));
    if (told.reply && !told.turns) node.append(folded("reply", block(told.reply), !told.program));
    (told.ratings || []).forEach((text, turn) => node.append(folded(`rating ${turn + 1}`, block(text))));
    if (verdict.output) node.append(folded("output", block(verdict.output)));
    return node;
  };

  // --- What the reader does
  let waiting = 0;
  $("search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 150);
  });
  for (const id of ["status", "whose", "better", "worse", "topic", "texts"]) $(id).addEventListener("change", filter);
  $("bench").addEventListener("change", choose);
  $("previous").addEventListener("click", () => { first -= PAGE; show(); });
  $("next").addEventListener("click", () => { first += PAGE; show(); });
  choose();
})();
