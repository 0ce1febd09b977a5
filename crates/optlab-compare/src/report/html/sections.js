// The sections of the page, in reading order.

const sentences = (lines, attributes = {}) =>
  list(lines)
    .filter(Boolean)
    .map(line => html("p", attributes, String(line)));

function section(id, title, ...children) {
  return html(
    "section",
    { id, "aria-labelledby": `${id}-title` },
    html("h2", { id: `${id}-title` }, title),
    children,
  );
}

const KINDS = {
  comparison: "Comparison of optimizers",
  study: "Study of one optimizer",
  recommendation: "Recommendation of an optimizer",
  calibration: "Calibration: an optimizer against itself",
};

function headline(data) {
  const trials = list(data.trials && data.trials.workload).length;
  const counts = [
    counted(list(data.workloads).length, "workload"),
    counted(arms.order.length, "optimizer arm"),
    trials && counted(trials, "trial"),
  ];
  const facts = [...counts.filter(Boolean), data.environment && data.environment.cpu].filter(
    fact => typeof fact === "string",
  );
  const lines = sentences(data.headline);
  return html(
    "header",
    { id: "headline" },
    html("p", { class: "kind" }, KINDS[data.kind] || KINDS.comparison),
    html("h1", {}, String(data.name || "comparison")),
    html("p", { class: "facts" }, facts.join(" · ")),
    html(
      "div",
      { class: "verdicts lead" },
      lines.length ? lines : html("p", { class: "empty" }, "No verdicts were drawn from this comparison."),
    ),
  );
}

function workloadSection(workload, place) {
  const facts = [
    workload.metric && `${workload.metric}, ${betterWord(workload)}`,
    isNumber(workload.target) && `target ${withUnit(workload, metricText(workload, workload.target))}`,
    isNumber(workload.reference) && `compared with ${armLabel(workload.reference)}`,
    workload.summary,
  ].filter(Boolean);
  const entries = entriesOf(workload);
  return section(
    `workload-${place}`,
    workload.name || `workload ${place + 1}`,
    html("p", { class: "facts" }, facts.join(" · ")),
    html("div", { class: "verdicts" }, sentences(workload.verdicts)),
    entries.length ? resultsTable(workload) : html("p", { class: "empty" }, "No arm ran on this workload."),
    lostNote(entries),
    entries.length > 0 &&
      html(
        "div",
        { class: "figures" },
        learningCurves(workload),
        forest(workload),
        timeToTarget(workload),
        budgetCurve(workload),
        sensitivity(workload),
      ),
  );
}

function lostNote(entries) {
  const lost = entries.filter(lostOf).map(entry => `${armLabel(entry.arm)} (${howLost(entry)})`);
  return (
    lost.length > 0 &&
    html(
      "p",
      { class: "note" },
      `Lost ${units()}: ${lost.join(", ")}. A lost ${arms.unit} counts as worse than any number.`,
    )
  );
}

function profileSection(data) {
  const profile = data.profile || {};
  const rows = list(profile.arms).filter(entry => isNumber(entry.arm));
  const columns = [
    ARM_COLUMN,
    {
      key: "score",
      text: "score",
      help: "The area under the profile, as a share of the whole",
      value: row => row.score,
      cell: row => scoreCell(row.score),
    },
    {
      key: "interval",
      text: "95 % interval",
      help: `By drawing the ${units()} again, the same for all arms`,
      value: row => list(row.interval)[0],
      cell: row => `[${list(row.interval).map(end => significant(end, 3)).join(", ")}]`,
    },
    {
      key: "exact",
      text: "exact",
      help: "The score with τ integrated exactly",
      value: row => row.exact,
      cell: row => significant(row.exact, 4),
    },
  ];
  const table =
    rows.length > 0 &&
    sortTable({
      attributes: { class: "by-arm scores" },
      caption: "Scores of the profile",
      columns,
      rows,
      state: { key: "score", isDescending: true },
    });
  const note =
    isNumber(profile.workloads) && isNumber(profile.tau_max)
      ? `The share of ${counted(profile.workloads, "workload")} on which each arm reached the target within τ times the ${profile.by || "steps"} of the best arm. The score is the area under the line up to τ = ${short(profile.tau_max)}.`
      : "";
  return section(
    "profile",
    "Performance profile",
    note && html("p", {}, note),
    html("div", { class: "beside" }, profileChart(profile), table),
  );
}

const scoreCell = score => [
  isNumber(score) &&
    html(
      "span",
      { class: "bar", "aria-hidden": "true" },
      html("i", { style: `width:${Math.max(0, Math.min(1, score)) * 100}%` }),
    ),
  significant(score, 4),
];

function backendsSection(data) {
  const rows = list(data.backends);
  if (!rows.length)
    return section(
      "backends",
      "Step time and memory",
      html("p", { class: "empty" }, "Step times and memory were not measured."),
    );
  const columns = [ARM_COLUMN, textColumn("workload"), textColumn("backend"), ...COST_COLUMNS];
  return section(
    "backends",
    "Step time and memory",
    html(
      "div",
      { class: "figures" },
      stripFigure({
        title: "Time of a step",
        entries: rows,
        key: "step_milliseconds",
        xName: "milliseconds per step   ← faster",
      }),
      stripFigure({ title: "Peak memory", entries: rows, key: "peak_memory_mib", xName: "MiB   ← smaller" }),
    ),
    html(
      "details",
      { class: "more", open: rows.length <= 20 },
      html("summary", {}, `All ${counted(rows.length, "row")} as a table`),
      html(
        "div",
        { class: "tall" },
        sortTable({
          attributes: { class: "by-arm backends" },
          caption: "Step time and memory",
          columns,
          rows,
          state: { key: "step_milliseconds", isDescending: false },
        }),
      ),
    ),
  );
}

function protocolSection(data) {
  const commands = list(data.commands).filter(entry => entry && entry.command);
  const lines = sentences(data.protocol);
  return section(
    "protocol",
    "How it was made",
    lines.length ? lines : html("p", { class: "empty" }, "No protocol was recorded."),
    data.clock && html("p", {}, String(data.clock)),
    commands.length > 0 && html("h3", {}, "Commands"),
    commands.map(({ command, jobs }) =>
      html(
        "div",
        { class: "command" },
        html("pre", {}, html("code", {}, command)),
        copyButton(command, "the command"),
        isNumber(jobs) &&
          html(
            "p",
            { class: "note" },
            jobs === 1
              ? "One trial at a time."
              : `${short(jobs)} trials at once on one machine.`,
          ),
      ),
    ),
    environment(data.environment),
  );
}

function environment(values) {
  const entries = Object.entries(values || {}).filter(([, value]) => value !== null && value !== "");
  if (!entries.length) return null;
  const text = value => (typeof value === "object" ? JSON.stringify(value) : String(value));
  return [
    html("h3", {}, "Environment"),
    html(
      "div",
      { class: "scroll" },
      html(
        "table",
        { class: "facts-table" },
        html("caption", { class: "spoken" }, "Environment"),
        html(
          "tbody",
          {},
          entries.map(([key, value]) =>
            html("tr", {}, html("th", { scope: "row" }, key.replace(/_/g, " ")), html("td", {}, text(value))),
          ),
        ),
      ),
    ),
  ];
}
