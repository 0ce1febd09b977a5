// The table of trials: of ten thousand rows, only the rows in view are in the page.

const ROW_HEIGHT = 30; // The style sheet says the same.
const SPARE_ROWS = 6;

/**
 * The commands of all trials. An entry is a text, or the words that differ from the previous command, as
 * `[place, word, place, word, …]`: written out, ten thousand commands would be most of the page.
 */
function commandsOf(trials) {
  let before = [];
  return list(trials.command).map(entry => {
    if (typeof entry === "string") before = entry.split(" ");
    else {
      before = [...before];
      for (let at = 0; at + 1 < list(entry).length; at += 2) before[entry[at]] = entry[at + 1];
    }
    return before.join(" ");
  });
}

function trialRows(data) {
  const trials = data.trials || {};
  const workloads = list(data.workloads);
  const specs = workloads.map(workload => new Map(entriesOf(workload).map(entry => [entry.arm, entry.spec])));
  const commands = commandsOf(trials);
  const statuses = list(trials.statuses);
  return list(trials.workload).map((place, number) => {
    const arm = list(trials.arm)[number];
    const status = list(trials.status)[number];
    return {
      number: number + 1,
      arm,
      workload: workloads[place] || { name: String(place) },
      spec: specs[place]?.get(arm) || armLabel(arm),
      stage: list(trials.stage)[number] === 0 ? "tuning" : "final",
      seed: list(trials.seed)[number],
      status: statuses[status] ?? String(status ?? ""),
      metric: list(trials.metric)[number],
      steps: list(trials.steps)[number],
      seconds: list(trials.seconds)[number],
      reason: (trials.reason || {})[number] || "",
      command: commands[number] ? (trials.prefix || "") + commands[number] : "",
    };
  });
}

const haystack = row =>
  `${row.workload.name} ${armLabel(row.arm)} ${row.stage} ${row.status} ${row.reason} seed ${row.seed} ${row.command || row.spec}`.toLowerCase();

const TRIAL_COLUMNS = [
  { key: "number", text: "#", value: row => row.number, cell: row => short(row.number), width: "3.6rem" },
  {
    key: "workload",
    text: "workload",
    isText: true,
    value: row => row.workload.name,
    cell: row => row.workload.name,
    width: "8.4rem",
  },
  {
    key: "arm",
    text: "optimizer",
    isText: true,
    value: row => row.spec,
    cell: row => [swatch(row.arm, true), " ", row.spec],
    width: "13rem",
  },
  {
    key: "stage",
    text: "stage",
    isText: true,
    value: row => row.stage,
    cell: row => row.stage,
    width: "4.2rem",
  },
  {
    key: "seed",
    text: "seed",
    value: row => row.seed,
    cell: row => (isNumber(row.seed) ? String(row.seed) : "\u2013"),
    width: "3.8rem",
  },
  {
    key: "status",
    text: "outcome",
    isText: true,
    value: row => row.status,
    cell: row => outcomeCell(row),
    width: "9.6rem",
  },
  {
    key: "metric",
    text: "metric",
    value: row => row.metric,
    cell: row => withUnit(row.workload, metricText(row.workload, row.metric)),
    width: "5.6rem",
  },
  { key: "steps", text: "steps", value: row => row.steps, cell: row => short(row.steps), width: "4.4rem" },
  {
    key: "seconds",
    text: "seconds",
    value: row => row.seconds,
    cell: row => significant(row.seconds, 3),
    width: "5rem",
  },
  {
    key: "command",
    text: "command to repeat it",
    isText: true,
    isFixed: true,
    cell: row => commandCell(row),
    width: "24rem",
  },
];

const outcomeCell = row => [
  html("span", { class: row.status === "completed" ? "" : "lost" }, row.status),
  row.reason && html("span", { class: "faint" }, ` ${row.reason}`),
];

const commandCell = row =>
  row.command
    ? [copyButton(row.command, `the command of trial ${row.number}`), html("code", {}, row.command)]
    : "\u2013";

function trialsTable(data) {
  const rows = trialRows(data);
  if (!rows.length) return [html("p", { class: "empty" }, "This page holds no trials.")];
  const texts = new Map();
  const textOf = row => texts.get(row) || (texts.set(row, haystack(row)), texts.get(row));
  const state = { key: "number", isDescending: false };
  let shown = rows;
  let drawn = "";
  const body = html("tbody");
  const head = sortHead(TRIAL_COLUMNS, state, () => arrange());
  const table = html(
    "table",
    { id: "trials" },
    html("caption", { class: "spoken" }, "All trials"),
    html(
      "colgroup",
      {},
      TRIAL_COLUMNS.map(column => html("col", { style: `width:${column.width}` })),
    ),
    head,
    body,
  );
  const box = html(
    "div",
    {
      class: "scroll trials-box",
      tabindex: 0,
      role: "region",
      "aria-label": "All trials, a scrolling table",
    },
    table,
  );
  const field = html("input", {
    type: "search",
    id: "filter",
    placeholder: "digits-cnn adamw diverged",
    autocomplete: "off",
    spellcheck: "false",
  });
  const count = html("output", { for: "filter", class: "count" });
  const draw = () => {
    const from = Math.max(0, Math.min(shown.length - 1, Math.floor(box.scrollTop / ROW_HEIGHT)) - SPARE_ROWS);
    const to = Math.min(
      shown.length,
      from + Math.ceil((box.clientHeight || 480) / ROW_HEIGHT) + 2 * SPARE_ROWS,
    );
    // Scrolling within the spare rows changes nothing.
    if (`${from} ${to}` === drawn) return;
    drawn = `${from} ${to}`;
    body.replaceChildren(
      spacer(from),
      ...shown.slice(from, to).map((row, place) => trialRow(row, from + place)),
      spacer(shown.length - to),
    );
  };
  const arrange = () => {
    const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const column = TRIAL_COLUMNS.find(one => one.key === state.key);
    shown = sorted(
      rows.filter(row => wanted.every(word => textOf(row).includes(word))),
      column.value,
      state.isDescending,
    );
    count.textContent =
      shown.length === rows.length
        ? counted(rows.length, "trial")
        : `${short(shown.length)} of ${counted(rows.length, "trial")}`;
    table.setAttribute("aria-rowcount", shown.length + 1);
    box.scrollTop = 0;
    drawn = "";
    draw();
  };
  field.addEventListener("input", arrange);
  box.addEventListener("scroll", draw, { passive: true });
  arrange();
  return [
    html("div", { class: "filter" }, html("label", { for: "filter" }, "Filter"), field, count),
    box,
    html(
      "p",
      { class: "hint" },
      "Shows rows that contain all words: workload, optimizer, stage, outcome, “seed 3” or a part of the command.",
    ),
    html("p", { class: "only-print" }, `The ${counted(rows.length, "trial")} are left out in print.`),
  ];
}

// An empty row in place of the rows above or below the view; two of them keep the stripes aligned.
const spacer = count =>
  html(
    "tr",
    { class: "spacer", "aria-hidden": "true" },
    html("td", { colspan: TRIAL_COLUMNS.length, style: `height:${count * ROW_HEIGHT}px` }),
  );

function trialRow(row, place) {
  return html(
    "tr",
    { "data-arm": row.arm, "aria-rowindex": place + 2, class: place % 2 ? "odd" : "" },
    TRIAL_COLUMNS.map(column =>
      html(
        "td",
        {
          class: column.isText ? "" : "number",
          title: column.key === "status" ? row.reason : column.key === "arm" ? row.spec : null,
        },
        column.cell(row),
      ),
    ),
  );
}
