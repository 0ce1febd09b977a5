// Puts the page together. Order of the files: element, scale, arms, chart, readout, figures, table, trials,
// sections, page.

function contents(data) {
  const links = [
    ["headline", "Verdicts"],
    ...list(data.workloads).map((workload, place) => [`workload-${place}`, workload.name]),
    ["profile", "Performance profile"],
    ["backends", "Step time and memory"],
    ["all-trials", "Trials"],
    ["protocol", "How it was made"],
  ];
  document.getElementById("contents").replaceChildren(
    html(
      "ul",
      {},
      links.map(([id, text]) => html("li", {}, html("a", { href: `#${id}` }, text))),
    ),
    themeSwitch(),
  );
}

function themeSwitch() {
  // A page from disk may have no storage, and the stored value may be anything.
  const attempt = action => {
    try {
      return action();
    } catch {
      return null;
    }
  };
  const stored = attempt(() => localStorage.getItem("optlab-theme"));
  const apply = theme => {
    document.documentElement.dataset.theme = theme;
  };
  const theme = ["light", "dark"].includes(stored) ? stored : "auto";
  apply(theme);
  const group = choice(
    "Colours",
    [
      ["auto", "auto"],
      ["light", "light"],
      ["dark", "dark"],
    ],
    theme,
    value => {
      apply(value);
      attempt(() => localStorage.setItem("optlab-theme", value));
    },
  );
  group.id = "theme";
  return group;
}

/** One listener brings an arm forward wherever its name or its mark is pointed at. */
function followPointer() {
  document.addEventListener("pointerover", event => {
    const target = event.target.closest?.("[data-arm]");
    const inside = event.target.closest?.(".canvas[tabindex]");
    // Canvases with a readout choose the nearest line themselves.
    if (!inside) setHot(target ? Number(target.dataset.arm) : null);
  });
  document.addEventListener("focusin", event => {
    const target = event.target.closest?.("#legend [data-arm]");
    if (target) setHot(Number(target.dataset.arm));
  });
}

/** Measures all widths before drawing: alternating would make the browser lay out the page for each figure. */
function resized() {
  const changed = arms.figures.map(figure => figure.measure());
  // A phone reports a resize whenever its address bar appears or disappears.
  if (changed.includes(true)) armsChanged();
}

function start() {
  const main = document.getElementById("content");
  let data;
  try {
    data = JSON.parse(document.getElementById("data").textContent);
  } catch (error) {
    main.append(html("p", { class: "empty" }, `The data of this page cannot be read: ${error.message}.`));
    return;
  }
  startArms(data);
  contents(data);
  drawLegend();
  const workloads = list(data.workloads);
  main.append(
    headline(data),
    ...(workloads.length
      ? workloads.map(workloadSection)
      : [html("p", { class: "empty" }, "This comparison has no workloads.")]),
    profileSection(data),
    backendsSection(data),
    section("all-trials", "Trials", trialsTable(data)),
    protocolSection(data),
  );
  arms.figures.forEach(figure => figure.measure());
  armsChanged();
  window.addEventListener("resize", resized);
  followPointer();
  // On a narrow page the legend lies above the text and would fill the screen.
  if (window.matchMedia("(max-width: 1079px)").matches)
    document.querySelector("#legend details").open = false;
}

start();
