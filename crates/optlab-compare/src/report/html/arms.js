// The arms: their colours, which are on, which stand out, and the legend.
//
// Eighteen lines in full colour are a tangle. With more than `TANGLE` arms on, only the pinned ones (at first the best)
// are drawn in full with a band and a label; the others stay as thin lines behind, and come forward under the pointer.

const COLOURS = 7; // With four dashes and four shapes: 28 arms that look different.
const STYLES = 4;
const TANGLE = 8;
const PINNED_AT_FIRST = 6;

const arms = { labels: [], order: [], on: new Set(), pinned: new Set(), figures: [], unit: "seed", scope: "" };

/** What results are counted in: seeds, or replicates that were each tuned. */
const units = () => `${arms.unit}s`;
const armLabel = arm => arms.labels[arm] || `arm ${arm}`;
const isOn = arm => arms.on.has(arm);
const standsOut = arm => isOn(arm) && (arms.on.size <= TANGLE || arms.pinned.has(arm));
/** Arms in the background first, so that arms that stand out are drawn over them. */
const drawingOrder = items => [...items].sort((a, b) => standsOut(a.arm) - standsOut(b.arm));
const colourClass = arm => `c${arm % COLOURS}`;
const lineClass = arm =>
  `${colourClass(arm)} d${Math.floor(arm / COLOURS) % STYLES}${standsOut(arm) ? "" : " behind"}`;

function startArms(data) {
  arms.labels = list(data.arms).map(arm => String(arm.label ?? ""));
  for (const workload of list(data.workloads)) {
    for (const { arm, spec } of list(workload.arms))
      arms.labels[arm] = arms.labels[arm] || spec || `arm ${arm}`;
  }
  if (data.unit) arms.unit = String(data.unit);
  if (data.scope) arms.scope = String(data.scope);
  const places = Array.from(arms.labels, (_, arm) => arm);
  const worth = places.map(arm => worthOf(data, arm));
  arms.order = places.sort((a, b) => worth[b] - worth[a] || a - b);
  arms.on = new Set(places);
  arms.pinned = new Set(arms.order.slice(0, PINNED_AT_FIRST));
  // The other arms are compared with the reference, so it always stands out.
  for (const { reference } of list(data.workloads)) if (isNumber(reference)) arms.pinned.add(reference);
}

/** The order of arms: by the profile's score or, without one, by the number of results that are not better. */
function worthOf(data, arm) {
  const scored = list(data.profile && data.profile.arms).find(entry => entry.arm === arm);
  if (scored && isNumber(scored.score)) return scored.score;
  const beaten = list(data.workloads).flatMap(workload => {
    const own = middle((list(workload.arms).find(entry => entry.arm === arm) || {}).median);
    const isBehind = other => other === null || (workload.larger_is_better ? own >= other : own <= other);
    return own === null ? [] : workload.arms.filter(entry => isBehind(middle(entry.median)));
  });
  // Below every score, so that the two orders do not mix.
  return beaten.length / 1e6 - 1;
}

/** A shape that distinguishes arms of one colour where no line can be dashed. */
function shape(arm, x, y, size = 4, attributes = {}) {
  const [s, kind] = [size, Math.floor(arm / COLOURS) % STYLES];
  const path = [
    `M${x - s},${y}a${s},${s} 0 1 0 ${2 * s},0a${s},${s} 0 1 0 ${-2 * s},0Z`,
    `M${x - s * 0.9},${y - s * 0.9}h${s * 1.8}v${s * 1.8}h${-s * 1.8}Z`,
    `M${x},${y - s * 1.25}L${x + s * 1.25},${y}L${x},${y + s * 1.25}L${x - s * 1.25},${y}Z`,
    `M${x},${y - s * 1.15}L${x + s * 1.15},${y + s * 0.9}H${x - s * 1.15}Z`,
  ][kind];
  const { class: more = "", ...rest } = attributes;
  return svg("path", { d: path, class: `shape ${colourClass(arm)} ${more}`, ...rest });
}

function swatch(arm, isPlain = false) {
  const line = svg("path", {
    d: "M1,6H25",
    class: `line ${isPlain ? lineClass(arm).replace(" behind", "") : lineClass(arm)}`,
  });
  return svg(
    "svg",
    { class: "swatch", width: 26, height: 12, "aria-hidden": "true" },
    line,
    shape(arm, 13, 6, 3),
  );
}

/** An arm's name with its mark, for tables and readouts. */
const named = arm =>
  html("span", { class: "named" }, swatch(arm, true), html("span", { class: "label" }, armLabel(arm)));

/** Brings one arm forward everywhere with one rule, which is faster than a class on each of its thousand elements. */
function setHot(arm) {
  if (setHot.now === arm) return;
  setHot.now = arm;
  const own = `[data-arm="${arm}"]`;
  const rule =
    `figure .arm:not(${own}){opacity:.15}figure .arm${own} .behind,figure .behind${own}{opacity:1}figure .line${own}{stroke-width:2.6}` +
    `figure .band${own}{opacity:.25}:is(#legend li,.readout li,tr)${own}{background:var(--hot)}`;
  document.getElementById("hot").textContent = isNumber(arm) && isOn(arm) ? `@media screen{${rule}}` : "";
}

function drawLegend() {
  const host = document.getElementById("legend");
  const count = html("span", { class: "count", "data-count": "" });
  const items = arms.order.map(arm => legendItem(arm));
  const set = change => () => {
    change();
    armsChanged();
  };
  const all = set(() => {
    arms.on = new Set(arms.order);
  });
  const none = set(() => {
    arms.on = new Set();
  });
  const many = arms.order.length > TANGLE;
  host.replaceChildren(
    html(
      "details",
      { open: true },
      html("summary", {}, html("h2", {}, "Arms"), count),
      html(
        "div",
        { class: "row" },
        html("button", { type: "button", "data-act": "all", onclick: all }, "all"),
        html("button", { type: "button", "data-act": "none", onclick: none }, "none"),
        many &&
          html(
            "button",
            {
              type: "button",
              "data-act": "best",
              title: "Only the arms that are pinned",
              onclick: set(() => {
                arms.on = new Set(arms.pinned);
              }),
            },
            "pinned",
          ),
      ),
      html("ul", {}, items),
      html(
        "p",
        { class: "hint" },
        many
          ? `Best first. Beyond ${TANGLE} arms only the pinned ones stand out; point at a line or a name to bring it forward.`
          : "Point at a line or a name to bring it forward. Alt-click shows it alone.",
      ),
    ),
  );
}

function legendItem(arm) {
  const only = () => {
    arms.on = new Set([arm]);
    armsChanged();
  };
  const box = html("input", {
    type: "checkbox",
    "data-toggle": arm,
    onclick: event => {
      if (event.altKey) return only();
      if (box.checked) arms.on.add(arm);
      else arms.on.delete(arm);
      armsChanged();
    },
  });
  const pin = html(
    "button",
    {
      type: "button",
      class: "pin",
      title: "Highlight this arm",
      "aria-label": `Pin ${armLabel(arm)}`,
      onclick: () => {
        if (!arms.pinned.delete(arm)) arms.pinned.add(arm);
        arms.on.add(arm);
        armsChanged();
      },
    },
    "pin",
  );
  return html(
    "li",
    { "data-arm": arm },
    html(
      "label",
      { title: armLabel(arm) },
      box,
      html("span", { class: "key" }),
      html("span", { class: "label" }, armLabel(arm)),
    ),
    arms.order.length > TANGLE && pin,
    html(
      "button",
      {
        type: "button",
        class: "only",
        title: "Show only this arm",
        "aria-label": `Only ${armLabel(arm)}`,
        onclick: only,
      },
      "only",
    ),
  );
}

/** Updates the page after each change of which arms are on or pinned. */
function armsChanged() {
  for (const item of document.querySelectorAll("#legend li")) {
    const arm = Number(item.dataset.arm);
    item.classList.toggle("off", !isOn(arm));
    item.classList.toggle("standing", standsOut(arm));
    item.querySelector("input").checked = isOn(arm);
    item.querySelector(".key").replaceChildren(swatch(arm));
    const pin = item.querySelector(".pin");
    if (pin) pin.setAttribute("aria-pressed", String(arms.pinned.has(arm)));
  }
  for (const row of document.querySelectorAll("table.by-arm tr[data-arm]"))
    row.classList.toggle("off", !isOn(Number(row.dataset.arm)));
  document.querySelector("[data-count]").textContent = `${arms.on.size} of ${arms.order.length} shown`;
  const standing = arms.order.filter(standsOut).length;
  // Many overlapping bands would hide the lines.
  document.documentElement.style.setProperty("--band", Math.min(0.14, 0.42 / standing));
  setHot(null);
  for (const figure of arms.figures) figure.redraw();
}
