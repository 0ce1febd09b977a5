// Tables that sort by any column.

/** Sorts rows by a column's value; rows without one come last in both directions. */
function sorted(rows, value, isDescending) {
  const keyed = rows.map((row, place) => ({ row, place, key: value(row) }));
  const isMissing = key => key === null || key === undefined || key === "" || Number.isNaN(key);
  keyed.sort((a, b) => {
    const [noA, noB] = [isMissing(a.key), isMissing(b.key)];
    if (noA || noB) return noA - noB || a.place - b.place;
    const order =
      typeof a.key === "string" ? a.key.localeCompare(b.key, "en", { numeric: true }) : a.key - b.key;
    return (isDescending ? -order : order) || a.place - b.place;
  });
  return keyed.map(one => one.row);
}

/** A head whose buttons sort: `state` is `{key, isDescending}`. */
function sortHead(columns, state, onSort) {
  const cells = columns.map(column =>
    html(
      "th",
      { scope: "col", class: column.isText ? "" : "number", "aria-sort": "none", "data-column": column.key },
      column.isFixed
        ? column.text
        : html(
            "button",
            {
              type: "button",
              "data-sort": column.key,
              title: column.help,
              onclick: () => {
                state.isDescending = state.key === column.key && !state.isDescending;
                state.key = column.key;
                mark();
                onSort();
              },
            },
            column.text,
          ),
    ),
  );
  const mark = () => {
    for (const cell of cells)
      cell.setAttribute(
        "aria-sort",
        cell.dataset.column !== state.key ? "none" : state.isDescending ? "descending" : "ascending",
      );
  };
  mark();
  return html("thead", {}, html("tr", {}, cells));
}

/**
 * A table of `rows`. Columns are `{key, text, help, value(row), cell(row), isText, isHead, isFixed}`; `cell` is the
 * value's text where it is absent. Columns without a value in any row are left out.
 */
function sortTable({ attributes, caption, columns, rows, state }) {
  const body = html("tbody");
  const filled = columns.filter(
    column =>
      column.isFixed ||
      column.isHead ||
      rows.some(row => {
        const value = column.value(row);
        return value !== null && value !== undefined && value !== "";
      }),
  );
  const cellOf = (column, row) => {
    const content = column.cell ? column.cell(row) : (column.value(row) ?? "\u2013");
    return html(
      column.isHead ? "th" : "td",
      { scope: column.isHead ? "row" : null, class: column.isText || column.isHead ? "" : "number" },
      content,
    );
  };
  const draw = () => {
    const column = filled.find(one => one.key === state.key);
    const ordered = column ? sorted(rows, column.value, state.isDescending) : rows;
    body.replaceChildren(
      ...ordered.map(row =>
        html(
          "tr",
          { "data-arm": row.arm, class: isOn(row.arm) ? "" : "off" },
          filled.map(one => cellOf(one, row)),
        ),
      ),
    );
  };
  draw();
  return html(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    html("table", attributes, html("caption", {}, caption), sortHead(filled, state, draw), body),
  );
}

const VERDICTS = {
  better: ["▲", "better"],
  worse: ["▼", "worse"],
  not_shown: ["○", "not shown"],
  reference: ["●", "reference"],
};

function verdictCell(verdict) {
  const [sign, text] = VERDICTS[verdict] || ["", verdict ? String(verdict) : "\u2013"];
  return html(
    "span",
    { class: `verdict ${verdict in VERDICTS ? verdict : ""}` },
    html("span", { "aria-hidden": "true" }, sign),
    ` ${text}`,
  );
}

/** A dot with its interval, and the seeds behind it as fine strokes. */
function cellPlot(entry, x, width) {
  const height = 18;
  const inside = value => Math.min(width - 3, Math.max(3, x.at(value)));
  const [value, low, high] = list(entry.mean);
  const colour = colourClass(entry.arm);
  const seeds = list(entry.outcomes)
    .filter(isNumber)
    .map(seed => `M${inside(seed).toFixed(1)},4v${height - 8}`)
    .join("");
  return svg(
    "svg",
    { class: "cell-plot", width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    rule(0, height / 2, width, height / 2, "grid"),
    svg("path", { d: seeds, class: "seeds" }),
    isNumber(low) &&
      isNumber(high) &&
      rule(inside(low), height / 2, inside(high), height / 2, `interval ${colour}`),
    isNumber(value) && shape(entry.arm, inside(value), height / 2, 3.5),
  );
}

function plotScale(workload, width) {
  const entries = entriesOf(workload);
  const known = entries.flatMap(entry => [...list(entry.median), ...list(entry.outcomes)]).filter(isNumber);
  const { preferred } = metricScales(workload, known);
  const ends = [6, width - 6];
  return scaleOf(
    preferred,
    withoutFarOut(known, 3, preferred),
    workload.larger_is_better === false ? ends.reverse() : ends,
    0.02,
  );
}

const ARM_COLUMN = {
  key: "arm",
  text: "arm",
  isText: true,
  isHead: true,
  value: row => armLabel(row.arm),
  cell: row => named(row.arm),
};
const textColumn = (key, text = key) => ({ key, text, isText: true, value: row => row[key] });
const numberColumn = (key, text, help, digits = 3) => ({
  key,
  text,
  help,
  value: row => row[key],
  cell: row => significant(row[key], digits),
});
const COST_COLUMNS = [
  numberColumn("step_milliseconds", "ms/step", "Median milliseconds per step"),
  numberColumn("first_step_seconds", "first step, s", "Seconds to the end of the first step"),
  numberColumn("peak_memory_mib", "memory, MiB", "Peak memory"),
];

/** The columns of a workload's results; `isFull` adds the less important columns. */
function resultColumns(workload, isFull) {
  const width = 120;
  const x = plotScale(workload, width);
  const metric = value => metricText(workload, value);
  const unit = workload.unit ? ` ${workload.unit}` : "";
  const interval = (key, text, help, format = metric) => ({
    key,
    text,
    help,
    value: row => middle(row[key]),
    cell: row => intervalCell(row[key], format),
  });
  const more = columns => (isFull ? columns : []);
  const share = value => (isNumber(value) ? value.toFixed(2) : "\u2013");
  return [
    ARM_COLUMN,
    ...more([textColumn("spec", "optimizer")]),
    interval(
      "mean",
      `mean${unit}`,
      `Mean of the ${workload.metric || "metric"} on the test part over the ${units()}, with its 95 % interval`,
    ),
    {
      key: "plot",
      text: `${units()}, mean`,
      isFixed: true,
      isText: true,
      value: () => null,
      cell: row => cellPlot(row, x, width),
    },
    ...more([
      interval("iqm", `IQM${unit}`, `Mean of the middle half of the ${units()}`),
      interval("median", `median${unit}`, `Median over the ${units()}`),
    ]),
    interval(
      "difference",
      `Δ${isShare(workload) ? " points" : ""}`,
      "Paired difference from the reference",
      value => differenceText(workload, value),
    ),
    { ...textColumn("verdict", `verdict${arms.scope}`), cell: row => verdictCell(row.verdict) },
    numberColumn("p", "p", "The p-value of the paired difference", 2),
    ...more([
      numberColumn("effect", "effect", "The difference in standard deviations"),
      interval(
        "improvement",
        "P(better)",
        `How often a ${arms.unit} of this arm beats the same ${arms.unit} of the reference`,
        share,
      ),
    ]),
    ...more([
      {
        ...numberColumn("seeds_to_settle", `${units()} to settle`, `Number of ${units()} that would show a difference of this size`),
        cell: row => short(row.seeds_to_settle),
      },
    ]),
    {
      key: "seeds",
      text: units(),
      help: `Those that completed, of all ${units()}`,
      value: row => (isNumber(row.seeds) ? row.seeds - lostOf(row) : null),
      cell: seedsCell,
    },
    {
      key: "reached",
      text: "reached",
      help: "Seeds that reached the target",
      value: row => (isNumber(workload.target) ? row.reached : null),
      cell: row => short(row.reached),
    },
    { ...numberColumn("lr", "lr", "The learning rate"), cell: row => short(row.lr) },
    ...more([textColumn("schedule"), textColumn("backend")]),
    ...more([
      interval("steps_to_target", "steps to target", "Median and quartiles", short),
      interval("seconds_to_target", "seconds to target", "Median and quartiles", value =>
        significant(value, 3),
      ),
      ...COST_COLUMNS,
      {
        key: "command",
        text: "command",
        isText: true,
        isFixed: true,
        value: () => null,
        cell: row =>
          row.command ? copyButton(row.command, `the command of ${armLabel(row.arm)}`) : "\u2013",
      },
    ]),
  ];
}

const lostOf = row => (row.diverged || 0) + (row.failed || 0);

const howLost = row =>
  ["diverged", "failed"].filter(how => row[how] > 0).map(how => `${row[how]} ${how}`).join(", ");

function seedsCell(row) {
  if (!isNumber(row.seeds)) return "\u2013";
  if (!lostOf(row)) return String(row.seeds);
  return html("span", { class: "lost", title: howLost(row) }, `${row.seeds - lostOf(row)} of ${row.seeds}`);
}

function resultsTable(workload) {
  const state = { key: "mean", isDescending: workload.larger_is_better !== false };
  const holder = html("div");
  const draw = isFull =>
    holder.replaceChildren(
      sortTable({
        attributes: { class: "results by-arm", "data-workload": workload.name },
        caption: `Results on ${workload.name}`,
        columns: resultColumns(workload, isFull),
        rows: entriesOf(workload),
        state,
      }),
    );
  draw(false);
  const switcher = choice(
    "Columns",
    [
      ["main", "main columns"],
      ["all", "all columns"],
    ],
    "main",
    value => draw(value === "all"),
  );
  return html("div", { class: "results-block" }, html("div", { class: "controls" }, switcher), holder);
}
