// Pictures: a figure that redraws itself, lines along an axis, and rows of intervals.

/**
 * A figure with a title, buttons, a canvas and a line of text below. `draw(width)` gives `{picture, empty}`: the SVG, or
 * a sentence why there is none. It runs again when arms are switched and when the figure's width changes.
 */
function figure({ title, of, className = "", note, controls = [], readout = null, draw }) {
  const canvas = html("div", { class: "canvas" });
  const remark = note ? html("p", { class: "note" }, note) : null;
  const node = html(
    "figure",
    { class: `chart ${className}` },
    html("figcaption", {}, html("h4", {}, title), html("div", { class: "controls" }, controls)),
    remark,
    canvas,
    readout,
  );
  const name = of ? `${title} on ${of.name}` : title;
  let width = 640;
  const redraw = () => {
    const { picture, empty } = draw(width);
    if (picture)
      picture.prepend(svg("title", {}, name), svg("desc", {}, note || "The table holds the values."));
    canvas.replaceChildren(picture || html("p", { class: "empty" }, empty));
    for (const part of [remark, readout]) if (part) part.hidden = !picture;
  };
  const measure = () => {
    const before = width;
    width = canvas.clientWidth || width;
    return width !== before;
  };
  arms.figures.push({ measure, redraw });
  return { node, canvas, name, redraw };
}

const ALL_OFF = "All arms that have values here are switched off.";

let nextId = 0;
const pen = document.createElement("canvas").getContext("2d");
const widths = new Map();
function textWidth(text) {
  // Cached, because reading the style while drawing makes the browser lay out the whole page.
  if (!widths.has(text)) {
    pen.font = pen.font.startsWith("12px") ? pen.font : `12px ${getComputedStyle(document.body).fontFamily}`;
    widths.set(text, pen.measureText(text).width);
  }
  return widths.get(text);
}

function cut(text, width) {
  if (textWidth(text) <= width) return text;
  let length = text.length;
  while (length > 1 && textWidth(`${text.slice(0, length)}…`) > width) length -= 1;
  return `${text.slice(0, length)}…`;
}

const canvasOf = (width, height, content) =>
  svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img" }, content);
const rule = (x1, y1, x2, y2, name) => svg("path", { d: `M${x1},${y1}L${x2},${y2}`, class: name });
const words = (x, y, text, name = "") => svg("text", { x, y, class: name }, text);

/** Grid lines, tick texts and the names of the axes. `area` is `{left, right, top, bottom}`. */
function axes({ area, x, y, xText, yText, xName, yName }) {
  const parts = svg("g", { class: "axes", "aria-hidden": "true" });
  for (const tick of y ? y.ticks(30) : []) {
    const place = Math.round(y.at(tick)) + 0.5;
    parts.append(
      rule(area.left, place, area.right, place, "grid"),
      words(area.left - 7, place + 4, yText(tick), "tick end"),
    );
  }
  for (const tick of x.ticks(62)) {
    const place = Math.round(x.at(tick)) + 0.5;
    parts.append(
      y
        ? rule(place, area.bottom, place, area.bottom + 4, "axis")
        : rule(place, area.top, place, area.bottom, "grid"),
    );
    parts.append(words(place, area.bottom + 17, xText(tick), "tick mid"));
  }
  parts.append(rule(area.left, area.bottom + 0.5, area.right, area.bottom + 0.5, "axis"));
  if (xName) parts.append(words(area.right, area.bottom + 33, xName, "name end"));
  if (yName) parts.append(words(0, area.top - 10, yName, "name"));
  return parts;
}

/** A path through points, broken where a value is missing; `isStep` keeps each value until the next place. */
function pathOf(points, x, y, isStep = false) {
  let path = "";
  let isDown = false;
  for (const [at, value] of points) {
    if (!isNumber(at) || !isNumber(value)) {
      isDown = false;
      continue;
    }
    const [px, py] = [x.at(at).toFixed(1), y.at(value).toFixed(1)];
    path += !isDown ? `M${px},${py}` : isStep ? `H${px}V${py}` : `L${px},${py}`;
    isDown = true;
  }
  return path;
}

function bandOf(points, x, y) {
  const known = points.filter(([at, , low, high]) => [at, low, high].every(isNumber));
  if (known.length < 2) return "";
  const edge = (point, place) => `${x.at(point[0]).toFixed(1)},${y.at(point[place]).toFixed(1)}`;
  return `M${known.map(p => edge(p, 3)).join("L")}L${known
    .reverse()
    .map(p => edge(p, 2))
    .join("L")}Z`;
}

/**
 * Lines of arms along an axis.
 *
 * `series`: `[{arm, points: [[x, y, low, high], …], lost: [x, …]}]`, with `lost` marked at the worse edge. `xKind` and
 * `yKind` name scales, `target` is a level.
 */
function lineChart(options) {
  const {
    width,
    height,
    series,
    xKind,
    yKind,
    target = null,
    isStep,
    hasMarks,
    isLostOnTop,
    yRange,
  } = options;
  const names = series.filter(one => standsOut(one.arm) && one.points.some(p => isNumber(p[0]) && isNumber(p[1])));
  const room =
    width >= 560 && options.hasLabels
      ? Math.min(170, 34 + highest([60, ...names.map(one => textWidth(armLabel(one.arm)))]))
      : 14;
  const area = { left: 52, right: width - room, top: 30, bottom: height - 40 };
  const levels =
    yRange ||
    withoutFarOut(
      series.flatMap(one => one.points.map(p => p[1])),
      3,
      yKind,
    );
  const shown = isNumber(target) ? [...levels, target] : levels;
  const x = scaleOf(
    xKind,
    series.flatMap(one => [...one.points.map(p => p[0]), ...list(one.lost)]).filter(isNumber),
    [area.left, area.right],
    hasMarks ? 0.03 : 0,
  );
  const y = scaleOf(yKind, shown, [area.bottom, area.top], 0.05);
  const id = `clip-${(nextId += 1)}`;
  const clip = svg(
    "clipPath",
    { id },
    svg("rect", {
      x: area.left - 4,
      y: area.top - 4,
      width: area.right - area.left + 8,
      height: area.bottom - area.top + 8,
    }),
  );
  const lines = svg("g", { "clip-path": `url(#${id})` });
  if (isNumber(target)) {
    lines.append(
      rule(area.left, y.at(target), area.right, y.at(target), "target"),
      words(area.left + 6, y.at(target) - 5, options.targetText, "faint"),
    );
  }
  const edge = isLostOnTop ? area.top + 6 : area.bottom - 6;
  for (const one of drawingOrder(series))
    lines.append(lineOf(one, { x, y, isStep, hasMarks, edge, hasBand: options.hasBand }));
  const content = [clip, axes({ ...options, area, x, y }), lines];
  if (room > 14) content.push(endLabels(names, area, x, y));
  return { picture: canvasOf(width, height, content), x, y, area, edge };
}

function lineOf({ arm, points, lost }, { x, y, isStep, hasMarks, edge, hasBand }) {
  const group = svg("g", { class: "arm", "data-arm": arm });
  const band = hasBand && standsOut(arm) ? bandOf([...points], x, y) : "";
  if (band) group.append(svg("path", { d: band, class: `band ${colourClass(arm)}`, "data-arm": arm }));
  group.append(
    svg(
      "path",
      { d: pathOf(points, x, y, isStep), class: `line ${lineClass(arm)}`, "data-arm": arm },
      svg("title", {}, armLabel(arm)),
    ),
  );
  const known = points.filter(p => isNumber(p[0]) && isNumber(p[1]));
  const back = standsOut(arm) ? "" : "behind";
  // A single point has no line, so it gets a mark.
  for (const p of hasMarks || known.length === 1 ? known : [])
    group.append(shape(arm, x.at(p[0]), y.at(p[1]), 3, { class: back, "data-arm": arm }));
  for (const at of list(lost))
    group.append(
      svg("path", {
        d: `M${x.at(at) - 3},${edge - 3}l6,6m0,-6l-6,6`,
        class: `cross ${colourClass(arm)} ${back}`,
        "data-arm": arm,
      }),
    );
  return group;
}

/** Names at the ends of the lines, pushed apart; names without room are left out. */
function endLabels(series, area, x, y) {
  const gap = 14;
  const ends = series
    .map(({ arm, points }) => {
      const last = points.filter(p => isNumber(p[0]) && isNumber(p[1])).pop();
      const level = Math.min(area.bottom, Math.max(area.top, y.at(last[1])));
      return { arm, from: [x.at(last[0]), level], place: level };
    })
    .sort((a, b) => a.place - b.place || arms.order.indexOf(a.arm) - arms.order.indexOf(b.arm))
    .slice(0, Math.floor((area.bottom - area.top) / gap));
  ends.forEach((end, i) => {
    if (i) end.place = Math.max(end.place, ends[i - 1].place + gap);
  });
  for (let i = ends.length - 1; i >= 0; i -= 1) {
    ends[i].place = Math.min(ends[i].place, i === ends.length - 1 ? area.bottom : ends[i + 1].place - gap);
  }
  return svg(
    "g",
    {},
    ends.map(({ arm, from, place }) =>
      svg(
        "g",
        { "data-arm": arm, class: "arm" },
        svg("path", {
          d: `M${from[0] + 2},${from[1]}L${area.right + 14},${place}H${area.right + 22}`,
          class: `leader ${colourClass(arm)}`,
        }),
        words(area.right + 26, place + 4, cut(armLabel(arm), 140), "label"),
      ),
    ),
  );
}

/**
 * Intervals of arms below each other: `rows` are `{arm, interval: [middle, low, high], note, mark}`; a row without a
 * middle shows only its `note`. `zero` is a level with a line, `isReversed` puts small values to the right.
 */
function rowChart(options) {
  const { width, rows, kind = "linear", zero = null, zeroText = "", isReversed = false } = options;
  if (!rows.length) return { empty: ALL_OFF };
  const names = Math.min(
    options.hasNotes ? width * 0.32 : width * 0.36,
    24 + highest(rows.map(row => textWidth(armLabel(row.arm)))),
  );
  const notes = options.hasNotes ? 16 + highest(rows.map(row => textWidth(row.note))) : 10;
  const top = zero === null ? 12 : 30;
  const step = 21;
  const area = { left: names + 12, right: width - notes, top, bottom: top + rows.length * step + 6 };
  const levels = [
    ...withoutFarOut(
      rows.flatMap(row => row.interval),
      3,
      kind,
    ),
    ...(zero === null ? [] : [zero]),
  ];
  const places = isReversed ? [area.right - 8, area.left + 8] : [area.left + 8, area.right - 8];
  const x = scaleOf(kind, levels, places, 0.02);
  const content = [axes({ ...options, area, x })];
  if (zero !== null)
    content.push(
      rule(x.at(zero), area.top - 6, x.at(zero), area.bottom, "zero"),
      words(x.at(zero), 14, zeroText, "faint mid"),
    );
  rows.forEach((row, place) =>
    content.push(
      rowOf(row, { area, x, y: area.top + place * step + step / 2 + 3, names, valueText: options.xText }),
    ),
  );
  return { picture: canvasOf(width, area.bottom + 38, content) };
}

function rowOf({ arm, interval, note = "", mark = "" }, { area, x, y, names, valueText }) {
  const [value, low, high] = interval;
  const group = svg(
    "g",
    { class: `arm${standsOut(arm) ? "" : " second"}`, "data-arm": arm },
    svg("title", {}, `${armLabel(arm)}: ${interval.map(valueText).join(", ")} ${note}`),
  );
  group.append(svg("rect", { x: 0, y: y - 10, width: area.right + 200, height: 20, class: "hit" }));
  group.append(shape(arm, 6, y, 3.5), words(16, y + 4, cut(armLabel(arm), names - 14), "label"));
  const inside = at => Math.min(area.right - 2, Math.max(area.left + 2, at));
  if (isNumber(low) && isNumber(high)) {
    group.append(rule(inside(x.at(low)), y, inside(x.at(high)), y, `interval ${colourClass(arm)}`));
    for (const end of [x.at(low), x.at(high)]) {
      const at = inside(end);
      const side = Math.sign(end - at) * 5;
      // An arrow means that the interval continues, a bar that it ends here.
      group.append(
        svg("path", {
          d: side ? `M${at - side},${y - 4}L${at},${y}L${at - side},${y + 4}` : `M${at},${y - 3}v6`,
          class: `cap ${colourClass(arm)}`,
        }),
      );
    }
  }
  if (isNumber(value)) {
    const at = inside(x.at(value));
    const out = x.at(value) - at;
    group.append(shape(arm, at - Math.sign(out) * 8, y, 4, { class: mark, "data-arm": arm }));
    // A mark at the edge stands for a value beyond it, which is written next to it.
    if (Math.abs(out) > 3)
      group.append(words(at - Math.sign(out) * 18, y + 4, valueText(value), out < 0 ? "faint" : "faint end"));
  }
  if (note) group.append(words(area.right + 8, y + 4, note, "faint num"));
  return group;
}
