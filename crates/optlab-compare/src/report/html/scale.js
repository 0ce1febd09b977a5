// Maps values to places on a picture, with ticks at round values.

const transforms = {
  linear: { to: value => value, back: at => at },
  log: { to: (value, floor) => Math.log10(Math.max(value, floor)), back: at => 10 ** at },
  // Logarithmic in 1 − value: 90 %, 99 % and 99.9 % are equally far apart.
  missing: { to: (value, floor) => -Math.log10(Math.max(1 - value, floor)), back: at => 1 - 10 ** -at },
};

/**
 * A scale on which all of `values` have a place between the pixels `from` and `to`, with a share `room` of the length
 * left free at the ends. If there are no values, or all are equal, the scale extends around them.
 */
function scaleOf(kind, values, [from, to], room = 0.04) {
  const { to: transform, back } = transforms[kind];
  const sizes = values.map(value => (kind === "missing" ? 1 - value : value)).filter(size => size > 0);
  // Zero has no logarithm: it is drawn at half of the smallest positive value.
  const floor = sizes.length ? lowest(sizes) / 2 : 1e-3;
  const places = values.map(value => transform(value, floor));
  let [low, high] = places.length ? [lowest(places), highest(places)] : [0, 1];
  const pad = high > low ? (high - low) * room : Math.max(Math.abs(low), 0.1) * 0.1;
  [low, high] = [low - pad, high + pad];
  const at = value => from + ((transform(value, floor) - low) / (high - low)) * (to - from);
  const invert = place => back(low + ((place - from) / (to - from)) * (high - low));
  return {
    kind,
    at,
    invert,
    from,
    to,
    ticks: distance => ticks({ kind, at, from, to, low: back(low), high: back(high) }, distance),
  };
}

// Not Math.min(...values): a spread of many thousand arguments overflows the stack.
const lowest = values => values.reduce((a, b) => (b < a ? b : a), Infinity);
const highest = values => values.reduce((a, b) => (b > a ? b : a), -Infinity);

/** Round values at least `distance` pixels apart, the roundest first. */
function ticks(scale, distance) {
  const length = Math.abs(scale.to - scale.from);
  const [left, right] = [Math.min(scale.from, scale.to), Math.max(scale.from, scale.to)];
  const chosen = [];
  for (const value of candidates(scale, Math.max(2, Math.min(10, length / distance / 1.4)))) {
    const place = scale.at(value);
    const isInside = place >= left - 0.5 && place <= right + 0.5;
    if (isInside && chosen.every(tick => Math.abs(scale.at(tick) - place) >= distance)) chosen.push(value);
  }
  return chosen.sort((a, b) => a - b);
}

function candidates({ kind, low, high }, count) {
  const decades = Array.from({ length: 25 }, (_, place) => place - 12);
  // `Number("2e-3")` is exact where `2 * 10 ** -3` may not be.
  const digits = wanted => wanted.flatMap(digit => decades.map(decade => Number(`${digit}e${decade}`)));
  const linear = roundValues(Math.min(low, high), Math.max(low, high), count);
  if (kind === "log") return [...digits([1]), ...digits([3]), ...digits([2, 5]), ...linear];
  if (kind === "missing") {
    const sizes = [1, ...digits([1]), ...digits([5]), ...digits([2]), ...digits([3])].filter(
      size => size <= 1,
    );
    return [...sizes.map(size => Number((1 - size).toPrecision(12))), ...linear];
  }
  return linear;
}

/** Multiples of 1, 2 or 5 times a power of ten. */
function roundValues(low, high, count) {
  if (!(high > low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(digit => digit * power).find(size => size >= rough * 0.999) || rough;
  const values = [];
  for (
    let place = Math.ceil(low / step - 1e-9);
    place * step <= high * (1 + 1e-12) + step * 1e-9;
    place += 1
  ) {
    values.push(Number((place * step).toPrecision(12)));
    if (values.length > 100) break;
  }
  return values;
}

/** The value below which a share of the sorted values lies. */
function quantile(sorted, share) {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}

/**
 * The values without outliers: one bad arm would otherwise squeeze all others into one place. An outlier is
 * beyond `reach` interquartile ranges from the quartiles (Tukey, 1977, with a longer reach).
 */
function withoutFarOut(values, reach = 3, kind = "linear") {
  const known = values.filter(isNumber);
  if (known.length < 4) return known;
  const smallest = lowest(known.map(v => (kind === "missing" ? 1 - v : v)).filter(v => v > 0));
  const { to } = transforms[kind];
  const place = value => to(value, Number.isFinite(smallest) ? smallest / 2 : 1e-3);
  const sorted = known.map(place).sort((a, b) => a - b);
  const [q1, q3] = [quantile(sorted, 0.25), quantile(sorted, 0.75)];
  const span = (q3 - q1) * reach;
  return span > 0 ? known.filter(v => place(v) >= q1 - span && place(v) <= q3 + span) : known;
}
