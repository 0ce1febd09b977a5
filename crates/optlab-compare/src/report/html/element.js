// Makes elements and text. All text from the data goes through `textContent` or an attribute, so a spec that holds
// markup stays text.

const SVG = "http://www.w3.org/2000/svg";

const isNumber = value => typeof value === "number" && Number.isFinite(value);
const list = value => (Array.isArray(value) ? value : []);
/** The middle of `[middle, low, high]`, or null. */
const middle = interval => (isNumber(list(interval)[0]) ? interval[0] : null);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

const html = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
const svg = (name, attributes, ...children) =>
  fill(document.createElementNS(SVG, name), attributes, children);

// A minus sign is as wide as a plus, a hyphen is not: columns of numbers line up.
const minus = text => text.replace(/-/g, "\u2212");

function significant(value, digits = 4) {
  if (!isNumber(value)) return "\u2013";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return minus(value.toExponential(Math.max(digits - 2, 0)));
  const whole = size === 0 ? 1 : Math.floor(Math.log10(size)) + 1;
  return minus(value.toFixed(Math.min(Math.max(digits - whole, 0), 12)));
}

/** A number with as few digits as it needs: for ticks, rates and counts. */
function short(value) {
  if (!isNumber(value)) return "\u2013";
  const rounded = Number(value.toPrecision(5));
  const size = Math.abs(rounded);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return minus(Number(value.toPrecision(3)).toExponential());
  return minus(rounded.toLocaleString("en-US", { maximumFractionDigits: 6 }));
}

const counted = (count, one, many = `${one}s`) => `${short(count)} ${count === 1 ? one : many}`;

const isShare = workload => workload.unit === "%";
const scaled = (workload, value) => (isNumber(value) ? value * (workload.scale || 1) : null);

/** A metric in the workload's unit, without the unit. */
function metricText(workload, value) {
  const shown = scaled(workload, value);
  if (shown === null) return "\u2013";
  return isShare(workload) ? minus(shown.toFixed(2)) : significant(shown, 4);
}

/** One decimal more than the metric has, the same for all differences of a workload, so that they compare at a glance. */
function differenceDecimals(workload) {
  const sizes = list(workload.arms)
    .map(entry => Math.abs(scaled(workload, middle(entry.median))))
    .filter(size => size > 0);
  return sizes.length ? Math.min(Math.max(4 - Math.floor(Math.log10(sizes[0])), 0), 9) : 3;
}

function differenceText(workload, value) {
  const shown = scaled(workload, value);
  if (shown === null) return "\u2013";
  const text = minus(shown.toFixed(isShare(workload) ? 2 : differenceDecimals(workload)));
  return shown > 0 ? `+${text}` : text;
}

const withUnit = (workload, text) =>
  workload.unit && text !== "\u2013" ? `${text}\u00a0${workload.unit}` : text;

/** `middle [low, high]`, the interval fainter. */
function intervalCell(interval, format) {
  const [value, low, high] = list(interval);
  const cell = document.createDocumentFragment();
  cell.append(format(value));
  if (isNumber(low) && isNumber(high)) {
    cell.append(" ", html("span", { class: "interval" }, `[${format(low)}, ${format(high)}]`));
  }
  return cell;
}

/** A button that copies a command; not every browser offers the clipboard to a file opened from disk. */
function copyButton(text, what) {
  const button = html(
    "button",
    { type: "button", class: "copy", title: text, "aria-label": `Copy ${what}` },
    "copy",
  );
  button.addEventListener("click", async () => {
    const done = await copied(text);
    button.textContent = done ? "copied" : "failed";
    document.getElementById("said").textContent = done
      ? `Copied ${what}`
      : "The browser did not allow copying";
    setTimeout(() => {
      button.textContent = "copy";
    }, 1200);
  });
  return button;
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = html("textarea", { class: "spoken", readonly: true });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** A group of buttons with one pressed: `[[value, text, help], …]`. */
function choice(name, options, chosen, onChoose) {
  const group = html("div", { class: "choice", role: "group", "aria-label": name });
  const press = value => {
    for (const button of group.children)
      button.setAttribute("aria-pressed", String(button.dataset.value === value));
  };
  for (const [value, text = value, help] of options) {
    group.append(
      html(
        "button",
        {
          type: "button",
          "data-value": value,
          title: help,
          onclick: () => {
            press(value);
            onChoose(value);
          },
        },
        text,
      ),
    );
  }
  press(chosen);
  return group;
}
