// The figures of a workload, and the two across workloads.

const entriesOf = workload => list(workload.arms).filter(entry => entry && isNumber(entry.arm));
const onOnly = entries => entries.filter(entry => isOn(entry.arm));
const metricName = workload => `${workload.metric || "metric"}${workload.unit ? `, ${workload.unit}` : ""}`;
const tickOf = workload => value => short(scaled(workload, value));
const betterWord = workload => (workload.larger_is_better ? "higher is better" : "lower is better");

/** The scales that suit a metric's axis; near 1, a linear axis hides the differences. */
function metricScales(workload, values) {
  const known = values.filter(isNumber);
  const [low, high] = [lowest(known), highest(known)];
  const isShareLike = isShare(workload) && low >= 0 && high <= 1;
  const scales = [["linear"]];
  if (low > 0) scales.push(["log"]);
  if (isShareLike)
    scales.push(["missing", "near\u00a01", "Logarithmic in the distance to 100 %"]);
  return { scales, preferred: isShareLike && high > 0.8 ? "missing" : "linear" };
}

const PLACES = {
  step: ["step", short],
  epoch: ["epoch", short],
  seconds: ["training seconds", value => significant(value, 3)],
};

function learningCurves(workload) {
  const curvesOf = quantity =>
    entriesOf(workload)
      .map(({ arm, curves }) => ({ arm, curve: (curves || {})[quantity] || {} }))
      .filter(one => list(one.curve.median).some(isNumber));
  const quantities = [
    ["metric", workload.metric],
    ["validation_loss", "validation loss"],
    ["train_loss", "training loss"],
  ].filter(([key]) => curvesOf(key).length);
  if (!quantities.length) return html("p", { class: "empty" }, "No learning curves were recorded.");
  const places = Object.keys(PLACES).filter(key =>
    quantities.some(([q]) => curvesOf(q).some(one => list(one.curve[key]).some(isNumber))),
  );
  const state = { quantity: quantities[0][0], along: places[0], scale: null };
  const readout = html("div", { class: "readout cross" });
  const controls = html("div", { class: "controls" });
  let current = null;
  const choose = key => value => {
    state[key] = value;
    if (key === "quantity") state.scale = null;
    buttons();
    // The buttons were replaced: restore the focus to the pressed one.
    controls.querySelector(`[data-value="${value}"]`)?.focus({ preventScroll: true });
    made.redraw();
  };
  const buttons = () => {
    const values = curvesOf(state.quantity)
      .flatMap(one => one.curve.median)
      .filter(isNumber);
    const { scales, preferred } = metricScales(state.quantity === "metric" ? workload : {}, values);
    state.scale = state.scale || (state.quantity !== "metric" && scales.length > 1 ? "log" : preferred);
    scales.push(["end", "end", "Only the values of the second half"]);
    controls.replaceChildren(
      choice("Quantity", quantities, state.quantity, choose("quantity")),
      choice(
        "Along",
        places.map(key => [key]),
        state.along,
        choose("along"),
      ),
      choice("Vertical scale", scales, state.scale, choose("scale")),
    );
  };
  buttons();
  const draw = width => {
    const drawn = drawCurves({ workload, state, curves: onOnly(curvesOf(state.quantity)), width, readout });
    current = drawn.current;
    return drawn;
  };
  const made = figure({
    title: "Learning curves",
    of: workload,
    className: "wide curves",
    note: `Median over ${units()}; bands are the quartiles.`,
    controls: [controls],
    readout,
    draw,
  });
  listen(made, () => current);
  return made.node;
}

function drawCurves({ workload, state, curves, width, readout }) {
  const series = curves.map(({ arm, curve }) => {
    const at = list(curve[state.along]);
    return {
      arm,
      points: curve.median.map((value, i) => [at[i], value, list(curve.low)[i], list(curve.high)[i]]),
    };
  });
  if (!series.length) return { empty: ALL_OFF };
  const isMetric = state.quantity === "metric";
  const quantity = isMetric ? metricName(workload) : state.quantity.replace("_", " ");
  const [xName, xText] = PLACES[state.along];
  const isEnd = state.scale === "end";
  const yKind = isEnd ? "linear" : state.scale;
  const levels = withoutFarOut(
    series.flatMap(({ points }) => points.slice(isEnd ? points.length >> 1 : 0).map(p => p[1])),
    3,
    yKind,
  );
  // Keep the first values in view if most arms start far from where they end.
  const firsts = series
    .map(one => one.points[0][1])
    .filter(isNumber)
    .sort((a, b) => a - b);
  if (firsts.length && !isEnd) levels.push(quantile(firsts, 0.25), quantile(firsts, 0.75));
  const valueText = value => (isMetric ? metricText(workload, value) : significant(value, 3));
  const chart = lineChart({
    width,
    height: width < 560 ? 280 : 380,
    series,
    xKind: "linear",
    yKind,
    yRange: levels,
    hasBand: true,
    hasLabels: true,
    target: isMetric ? workload.target : null,
    targetText: `target ${valueText(workload.target)}`,
    xText,
    yText: isMetric ? tickOf(workload) : short,
    xName,
    yName: isMetric ? `${quantity} (${betterWord(workload)})` : quantity,
  });
  const current = crossReadout({
    readout,
    series,
    chart,
    valueText,
    isDescending: isMetric && workload.larger_is_better,
    lastText: `At the end: ${quantity}`,
    atText: at => `At ${xName} ${xText(at)}: ${quantity}`,
  });
  return { picture: chart.picture, current };
}

function forest(workload) {
  const name = isNumber(workload.reference) ? armLabel(workload.reference) : null;
  const sign = workload.larger_is_better ? 1 : -1;
  const rows = entriesOf(workload)
    .filter(entry => entry.arm !== workload.reference && middle(entry.difference) !== null)
    .sort((a, b) => sign * (b.difference[0] - a.difference[0]))
    .map(({ arm, difference, verdict }) => ({
      arm,
      interval: difference,
      mark: verdict === "not_shown" ? "hollow" : "",
    }));
  const draw = width => {
    if (name === null)
      return { empty: "No arm was named as the reference, so there are no paired differences." };
    if (!rows.length) return { empty: `No ${arms.unit} finished on both arms of a pair, so there are no paired differences.` };
    return rowChart({
      width,
      rows: onOnly(rows),
      zero: 0,
      zeroText: width < 420 ? "reference" : `= ${cut(name, 120)}`,
      isReversed: sign < 0,
      xText: value => differenceText(workload, value),
      xName: `difference, ${isShare(workload) ? "points" : workload.metric || "metric"}\u2003better →`,
    });
  };
  const note = `Paired by ${arms.unit}, with intervals that hold together for all arms; a hollow mark means that no difference is shown.`;
  return figure({ title: `Difference from ${name || "the reference"}`, of: workload, note, draw }).node;
}

function timeToTarget(workload) {
  const entries = entriesOf(workload);
  const keys = [
    ["steps_to_target", "steps"],
    ["seconds_to_target", "seconds"],
  ].filter(([key]) => entries.some(entry => middle(entry[key]) !== null));
  const target = isNumber(workload.target) ? withUnit(workload, metricText(workload, workload.target)) : null;
  let key = keys.length ? keys[0][0] : "";
  const draw = width => {
    if (target === null) return { empty: "This workload has no target." };
    if (!keys.length) return { empty: `No arm reached the target ${target} on more than half of its ${units()}.` };
    const place = entry => middle(entry[key]) ?? Number.MAX_VALUE;
    const rows = onOnly(entries)
      .sort((a, b) => place(a) - place(b))
      .map(entry => ({
        arm: entry.arm,
        interval: list(entry[key]),
        note: isNumber(entry.reached) ? `${entry.reached}/${entry.seeds ?? "?"}` : "",
      }));
    const values = rows.flatMap(row => row.interval).filter(isNumber);
    const kind = lowest(values) > 0 && highest(values) / lowest(values) > 8 ? "log" : "linear";
    return rowChart({
      width,
      rows,
      kind,
      hasNotes: true,
      xText: short,
      xName: `${key === "steps_to_target" ? "steps" : "training seconds"}\u2003← faster`,
    });
  };
  const controls =
    keys.length > 1
      ? [
          choice("Measure", keys, key, value => {
            key = value;
            made.redraw();
          }),
        ]
      : [];
  const note = `Median and quartiles over the ${units()}, with those that missed ${target} as infinite; on the right, how many reached it.`;
  const made = figure({ title: "Time to target", of: workload, note, controls, draw });
  return made.node;
}

/** A chart whose values are read point by point; `make(width)` returns the options of its lines. */
function pointFigure({ title, of, note, empty, make }) {
  const readout = html("p", { class: "readout point", "aria-live": "polite" });
  let current = null;
  const draw = width => {
    current = null;
    const options = make(width);
    if (!options) return { empty };
    if (!options.series.length) return { empty: ALL_OFF };
    const chart = lineChart({ width, height: 290, ...options });
    current = pointReadout({ readout, series: options.series, chart, text: options.text });
    return chart;
  };
  const made = figure({ title, of, note, readout, draw });
  listen(made, () => current);
  return made.node;
}

const metricAxis = (workload, values) => ({
  yKind: metricScales(workload, values).preferred,
  yText: tickOf(workload),
  yName: metricName(workload),
});

function budgetCurve(workload) {
  const entries = entriesOf(workload).filter(
    entry => entry.budget && list(entry.budget.median).some(isNumber),
  );
  return pointFigure({
    title: "Tuning budget",
    of: workload,
    note: "The best of k tuning trials: median and quartiles over all choices of k trials.",
    empty: "There was no tuning, so there is no budget curve.",
    make: () =>
      entries.length && {
        ...metricAxis(
          workload,
          entries.flatMap(entry => entry.budget.median),
        ),
        xKind: "linear",
        xText: short,
        xName: "tuning trials",
        hasBand: true,
        series: onOnly(entries).map(({ arm, budget }) => ({
          arm,
          points: budget.median.map((value, i) => [list(budget.trials)[i] ?? i + 1, value, list(budget.low)[i], list(budget.high)[i]]),
        })),
        text: ([k, value]) =>
          `${withUnit(workload, metricText(workload, value))} with ${counted(k, "trial")}`,
      },
  });
}

function sensitivity(workload) {
  const triedOf = entry =>
    list(entry.lr_sensitivity)
      .filter(pair => list(pair)[0] > 0)
      .sort((a, b) => a[0] - b[0]);
  const entries = entriesOf(workload).filter(entry => triedOf(entry).length);
  return pointFigure({
    title: "Learning-rate sensitivity",
    of: workload,
    note: "Each mark is a tuning trial; a cross at the edge is a lost trial.",
    empty: "There was no tuning, so nothing is known about other learning rates.",
    make: () =>
      entries.length && {
        ...metricAxis(
          workload,
          entries.flatMap(entry => triedOf(entry).map(pair => pair[1])),
        ),
        xKind: "log",
        xText: short,
        xName: "learning rate",
        hasMarks: true,
        isLostOnTop: !workload.larger_is_better,
        series: onOnly(entries).map(entry => ({
          arm: entry.arm,
          points: triedOf(entry).filter(pair => isNumber(pair[1])),
          lost: triedOf(entry)
            .filter(pair => !isNumber(pair[1]))
            .map(pair => pair[0]),
        })),
        text: ([lr, value]) =>
          `${value === null ? "diverged" : withUnit(workload, metricText(workload, value))} at learning rate ${short(lr)}`,
      },
  });
}

function profileChart(profile) {
  const entries = list(profile.arms).filter(entry => list(entry.points).length);
  return pointFigure({
    title: `Share of workloads solved within τ times the best ${profile.by || "steps"}`,
    empty: "There is no profile: no arm reached the target of any workload.",
    make: () =>
      entries.length && {
        height: 340,
        xKind: "log",
        yKind: "linear",
        yRange: [0, 1],
        xText: value => `${short(value)}×`,
        yText: value => `${short(value * 100)} %`,
        xName: "τ",
        yName: "share of workloads",
        isStep: true,
        hasLabels: true,
        series: onOnly(entries),
        text: ([tau, share]) => `${short(share * 100)} % within ${short(tau)}×`,
      },
  });
}

/** Marks of arms, on one line per workload and backend. */
function stripFigure({ title, entries, key, xName }) {
  const groupOf = entry => `${entry.workload} · ${entry.backend}`;
  const known = entries.filter(entry => entry[key] > 0);
  const draw = width => {
    const on = onOnly(known);
    if (!on.length) return { empty: known.length ? ALL_OFF : "Not measured." };
    const groups = [...new Set(on.map(groupOf))];
    const left = Math.min(width * 0.42, 14 + highest(groups.map(textWidth)));
    const area = { left, right: width - 12, top: 8, bottom: 14 + groups.length * 24 };
    const x = scaleOf(
      "log",
      on.map(entry => entry[key]),
      [area.left + 10, area.right - 8],
      0.02,
    );
    const level = group => area.top + 12 + groups.indexOf(group) * 24;
    const marks = drawingOrder(on).map(entry => {
      const mark = shape(entry.arm, x.at(entry[key]), level(groupOf(entry)), 4, {
        class: standsOut(entry.arm) ? "arm" : "arm behind",
        "data-arm": entry.arm,
      });
      mark.append(svg("title", {}, `${armLabel(entry.arm)}: ${significant(entry[key], 3)}`));
      return mark;
    });
    const lines = groups.map(group => [
      words(area.left - 6, level(group) + 4, cut(group, left - 10), "label end"),
      rule(area.left, level(group), area.right, level(group), "grid"),
    ]);
    return {
      picture: canvasOf(width, area.bottom + 38, [axes({ area, x, xText: short, xName }), lines, marks]),
    };
  };
  return figure({ title, draw }).node;
}
