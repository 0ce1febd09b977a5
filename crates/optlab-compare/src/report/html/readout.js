// Reads values off a chart, with the pointer or the arrow keys.

/** The place in sorted `values` nearest to `value`. */
function nearestPlace(values, value) {
  let [low, high] = [0, values.length - 1];
  while (high - low > 1) {
    const half = (low + high) >> 1;
    if (values[half] <= value) low = half;
    else high = half;
  }
  return Math.abs(values[low] - value) <= Math.abs(values[high] - value) ? low : high;
}

/** The point of an arm at a place along the axis: null before its first and after its last value. */
function pointAt(points, at) {
  const known = points.filter(p => isNumber(p[0]) && isNumber(p[1]));
  if (!known.length) return null;
  const places = known.map(p => p[0]);
  const gap = known.length > 1 ? (places[places.length - 1] - places[0]) / (places.length - 1) : 0;
  if (at < places[0] - gap * 0.6 || at > places[places.length - 1] + gap * 0.6) return null;
  return known[nearestPlace(places, at)];
}

const placeOf = event => {
  const box = event.currentTarget.querySelector("svg").getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};

/**
 * Makes a canvas answer to the pointer and to arrow keys. `stops` are the pixels along the picture that a key steps
 * through; `show(place, y)` shows the stop, with the pointer's height if there is one, `leave()` ends it.
 */
function listen({ canvas, name }, current) {
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "group");
  canvas.setAttribute("aria-label", `${name}. Use the arrow keys to read values.`);
  let place = null;
  const move = (to, y) => {
    place = to;
    current().show(place, y);
  };
  const leave = () => {
    place = null;
    if (current()) current().leave();
    setHot(null);
  };
  canvas.addEventListener("pointermove", event => {
    if (!current() || !current().stops.length) return;
    const [x, y] = placeOf(event);
    move(current().pick ? current().pick(x, y) : nearestPlace(current().stops, x), y);
  });
  canvas.addEventListener("pointerleave", leave);
  canvas.addEventListener("blur", leave);
  canvas.addEventListener("keydown", event => {
    if (!current() || !current().stops.length) return;
    const last = current().stops.length - 1;
    const steps = { ArrowLeft: (place ?? last + 1) - 1, ArrowRight: (place ?? -1) + 1, Home: 0, End: last };
    if (event.key === "Escape") return leave();
    if (!(event.key in steps)) return;
    event.preventDefault();
    move(Math.max(0, Math.min(last, steps[event.key])), null);
  });
}

/**
 * Values of all arms at one place, below the chart; the last values while the pointer is elsewhere. `format(x)` and `value(y)` make
 * texts, `isDescending` says which values come first.
 */
function crossReadout({ readout, series, chart, atText, valueText, isDescending, lastText }) {
  const { x, y, area, picture } = chart;
  const places = [
    ...new Set(
      series.flatMap(one => one.points.filter(p => isNumber(p[0]) && isNumber(p[1])).map(p => p[0])),
    ),
  ].sort((a, b) => a - b);
  const cursor = svg(
    "g",
    { class: "cursor", visibility: "hidden" },
    rule(0, area.top, 0, area.bottom, "cursor-line"),
    svg("g", {}),
  );
  picture.append(cursor);
  const write = (heading, values) => {
    const sorted = values.sort(
      (a, b) =>
        isNumber(b.value) - isNumber(a.value) || (isDescending ? b.value - a.value : a.value - b.value),
    );
    readout.replaceChildren(
      html("p", { class: "at", "aria-live": "polite" }, heading),
      html(
        "ol",
        {},
        sorted.map(({ arm, value }) =>
          html(
            "li",
            { "data-arm": arm, class: standsOut(arm) ? "" : "second" },
            swatch(arm, true),
            html("span", { class: "label", title: armLabel(arm) }, armLabel(arm)),
            html("b", {}, valueText(value)),
          ),
        ),
      ),
    );
  };
  const lastOf = points => points.filter(p => isNumber(p[1])).pop();
  const leave = () => {
    cursor.setAttribute("visibility", "hidden");
    write(
      lastText,
      series.map(({ arm, points }) => ({ arm, value: lastOf(points)?.[1] ?? null })),
    );
  };
  const show = (place, pointer) => {
    const at = places[place];
    const found = series.map(({ arm, points }) => ({ arm, point: pointAt(points, at) }));
    cursor.setAttribute("visibility", "visible");
    cursor.firstChild.setAttribute("transform", `translate(${x.at(at)},0)`);
    const near = found
      .filter(one => one.point)
      .map(one => ({ ...one, px: x.at(one.point[0]), py: y.at(one.point[1]) }));
    cursor.lastChild.replaceChildren(
      ...near
        .filter(one => standsOut(one.arm) && one.py >= area.top && one.py <= area.bottom)
        .map(one =>
          svg("circle", {
            cx: one.px,
            cy: one.py,
            r: 3,
            class: `dot ${colourClass(one.arm)}`,
            "data-arm": one.arm,
          }),
        ),
    );
    write(
      atText(at),
      found.map(({ arm, point }) => ({ arm, value: point && point[1] })),
    );
    const closest =
      pointer === null ? null : near.sort((a, b) => Math.abs(a.py - pointer) - Math.abs(b.py - pointer))[0];
    setHot(closest && Math.abs(closest.py - pointer) < 16 ? closest.arm : null);
  };
  leave();
  return { stops: places.map(at => x.at(at)), show, leave };
}

/** The one point nearest to the pointer, in a sentence below the chart. `text(point)` makes the sentence. */
function pointReadout({ readout, series, chart, text }) {
  const { x, y, area, edge, picture } = chart;
  const ring = svg("circle", { r: 7, class: "ring", visibility: "hidden" });
  picture.append(ring);
  const inside = place => Math.min(area.bottom, Math.max(area.top, place));
  const points = series
    .flatMap(one => [
      ...one.points
        .filter(p => isNumber(p[0]) && isNumber(p[1]))
        .map(p => ({ arm: one.arm, p, x: x.at(p[0]), y: inside(y.at(p[1])) })),
      ...list(one.lost).map(at => ({ arm: one.arm, p: [at, null], x: x.at(at), y: edge })),
    ])
    .sort((a, b) => a.x - b.x || a.y - b.y);
  const leave = () => {
    ring.setAttribute("visibility", "hidden");
    readout.replaceChildren("Point at a line to see its values.");
  };
  const show = place => {
    const point = points[place];
    ring.setAttribute("visibility", "visible");
    ring.setAttribute("cx", point.x);
    ring.setAttribute("cy", point.y);
    readout.replaceChildren(named(point.arm), " ", text(point.p));
    setHot(point.arm);
  };
  const pick = (px, py) => {
    let [best, distance] = [0, Infinity];
    points.forEach((point, place) => {
      const d = (point.x - px) ** 2 + (point.y - py) ** 2;
      if (d < distance) [best, distance] = [place, d];
    });
    return best;
  };
  leave();
  return { stops: points.map(point => point.x), show, leave, pick };
}
