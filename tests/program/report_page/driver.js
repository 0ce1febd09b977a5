// Appended to the report page by a test: uses the page as a reader does, and writes its findings as JSON into a `pre`
// with the id `test-result`: `checks` maps each sentence to true or to what was wrong, `failed` counts what is not true.
// The page's data must hold at least two arms with curves, a reference, tuning and final trials.
"use strict";
(() => {
  const checks = {};
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);
  const check = (sentence, isTrue, otherwise) => {
    checks[sentence] = isTrue ? true : (otherwise ?? false);
  };
  const attempt = (name, steps) => {
    try {
      steps();
    } catch (error) {
      checks[name] = `threw: ${error.message}`;
    }
  };
  const data = JSON.parse(one("#data").textContent);
  const sum = numbers => numbers.reduce((a, b) => a + b, 0);
  const marksOf = arm => all(`figure svg [data-arm="${arm}"], .readout [data-arm="${arm}"]`).length;
  const click = (node, more = {}) =>
    node.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ...more }));
  // Every call asks for the buttons again, because a choice may have made new ones.
  const press = (root, value) => click(one(`button[data-value="${value}"]`, root));

  attempt("sections", () => {
    const wanted = [
      "headline",
      "contents",
      "legend",
      "profile",
      "backends",
      "all-trials",
      "protocol",
      ...data.workloads.map((_, place) => `workload-${place}`),
    ];
    const missing = wanted.filter(id => !document.getElementById(id));
    check("every section is there", missing.length === 0, missing);
    check(
      "every workload has its results table",
      data.workloads.every(workload =>
        all("table.results").some(table => table.dataset.workload === workload.name),
      ),
    );
    const titles = all("#workload-0 figure h4").map(node => node.textContent);
    check("a workload has its five figures", titles.length === 5, titles);
    check(
      "every picture has a title and a description",
      all("figure .canvas > svg").every(picture => one("title", picture) && one("desc", picture)),
    );
    check(
      "every contents link leads somewhere",
      all("#contents a").every(link => document.getElementById(link.hash.slice(1))),
    );
    check("the name is the heading", one("h1").textContent === data.name);
    check(
      "nothing of the data became markup",
      all("main img, main b b, main script, #legend img").length === 0,
    );
  });

  attempt("arms", () => {
    const arm = data.workloads[0].arms[1].arm;
    const box = one(`#legend input[data-toggle="${arm}"]`);
    const before = marksOf(arm);
    const others = all("figure svg .line").length;
    check("an arm has marks in the charts", before > 0);
    box.click();
    check("an arm that is off has no mark in any chart", marksOf(arm) === 0, marksOf(arm));
    check(
      "the others keep their lines",
      all("figure svg .line").length > 0 && all("figure svg .line").length < others,
    );
    check(
      "an arm that is off stays in the tables, fainter",
      all(`table.results tr[data-arm="${arm}"]`).every(row => row.classList.contains("off")),
    );
    box.click();
    check("an arm that is on again has all its marks", marksOf(arm) === before, [before, marksOf(arm)]);
    click(one('#legend [data-act="none"]'));
    check(
      "none takes every mark away",
      all("figure svg [data-arm]").length === 0 && all("#legend input:checked").length === 0,
    );
    click(one('#legend [data-act="all"]'));
    check(
      "all brings every arm back",
      all("#legend input:checked").length === data.arms.length && marksOf(arm) === before,
    );
    const arms = () => [...new Set(all("figure svg [data-arm]").map(node => node.dataset.arm))];
    click(one(`#legend li[data-arm="${arm}"] .only`));
    check("only leaves one arm", arms().join() === String(arm), arms());
    click(one('#legend [data-act="all"]'));
    click(box, { altKey: true });
    check("alt-click leaves one arm", arms().join() === String(arm), arms());
    click(one('#legend [data-act="all"]'));
    check(
      "an arm keeps its colour",
      all(`figure svg .line[data-arm="${arm}"]`).every(line => line.classList.contains(`c${arm % 7}`)),
    );
  });

  const isOrdered = (values, sign) => {
    const known = values.filter(value => value !== null);
    return (
      known.every((value, i) => i === 0 || sign * (value - known[i - 1]) >= 0) &&
      values.slice(0, known.length).every(value => value !== null)
    );
  };
  const middle = interval => (Array.isArray(interval) ? interval[0] : null);

  attempt("results", () => {
    const workload = data.workloads[0];
    const table = () => all("table.results").find(node => node.dataset.workload === workload.name);
    const values = key =>
      all("tbody tr", table()).map(row =>
        middle(workload.arms.find(entry => entry.arm === Number(row.dataset.arm))[key]),
      );
    for (const key of ["difference", "mean"]) {
      // Another column first, so that the next click is the first one on this column.
      click(one('[data-sort="arm"]', table()));
      click(one(`[data-sort="${key}"]`, table()));
      check(`results sort ascending by ${key}, nulls last`, isOrdered(values(key), 1), values(key));
      check(
        `aria-sort says ascending for ${key}`,
        one('[aria-sort="ascending"]', table()).dataset.column === key,
      );
      click(one(`[data-sort="${key}"]`, table()));
      check(`results sort descending by ${key}, nulls last`, isOrdered(values(key), -1), values(key));
      check(
        `aria-sort says descending for ${key}`,
        one('[aria-sort="descending"]', table()).dataset.column === key,
      );
    }
    check("every arm has its row", all("tbody tr", table()).length === workload.arms.length);
    const narrow = all("thead th", table()).length;
    press(table().closest(".results-block"), "all");
    check("all columns are more than the main ones", all("thead th", table()).length > narrow);
    press(table().closest(".results-block"), "main");
  });

  attempt("curves", () => {
    const figure = one("figure.curves");
    const canvas = one(".canvas", figure);
    const heading = () => one(".readout .at", figure).textContent;
    const shown = () =>
      all(".readout b", figure)
        .map(node => node.textContent)
        .join();
    const [atEnd, values] = [heading(), shown()];
    check("the readout holds every arm", all(".readout li", figure).length === data.workloads[0].arms.length);
    const box = one("svg", canvas).getBoundingClientRect();
    const at = { bubbles: true, clientX: box.left + box.width * 0.2, clientY: box.top + box.height / 2 };
    canvas.dispatchEvent(new PointerEvent("pointermove", at));
    check("pointing shows the values at a place", heading() !== atEnd && shown() !== values, heading());
    canvas.dispatchEvent(new PointerEvent("pointerleave"));
    check("leaving shows the last values again", heading() === atEnd && shown() === values);
    canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "Home", bubbles: true }));
    const first = heading();
    const curve = data.workloads[0].arms[0].curves.metric;
    check(
      "Home goes to the first place",
      first.includes(`step ${curve.step[0].toLocaleString("en-US")}:`),
      first,
    );
    canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
    check("an arrow key moves to the next place", heading() !== first);
    canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    const path = () => one("svg .line", figure).getAttribute("d");
    for (const value of ["train_loss", "seconds", "linear", "log", "epoch", "validation_loss", "metric"]) {
      const before = path();
      press(figure, value);
      check(
        `the curves can show ${value}`,
        path() !== before || one(`[data-value="${value}"]`, figure).getAttribute("aria-pressed") === "true",
      );
      check(
        `no line of ${value} is broken`,
        all("svg path", figure).every(node => !/NaN|Infinity|undefined/.test(node.getAttribute("d"))),
      );
    }
  });

  attempt("pictures", () => {
    const attributes = all("figure svg *").flatMap(node =>
      [...node.attributes].map(attribute => attribute.value),
    );
    check(
      "no picture holds NaN, Infinity or undefined",
      !attributes.some(value => /NaN|Infinity|undefined/.test(value)),
    );
    check(
      "no text holds NaN, Infinity or undefined",
      !/NaN|Infinity|undefined|\[object/.test(
        all("main > :not(#all-trials)")
          .map(node => node.innerText)
          .join(" "),
      ),
    );
  });

  attempt("trials", () => {
    const total = data.trials.workload.length;
    const rows = () => all("#trials tbody tr:not(.spacer)");
    const places = () => rows().map(row => Number(row.cells[0].textContent.replace(/,/g, "")) - 1);
    check(
      "only the rows in view are in the page",
      rows().length > 0 && rows().length <= Math.min(total, 60),
      rows().length,
    );
    check(
      "the table says how many rows it has",
      one("#trials").getAttribute("aria-rowcount") === String(total + 1),
    );
    for (const [key, values] of [
      ["metric", data.trials.metric],
      ["seconds", data.trials.seconds],
      ["seed", data.trials.seed],
    ]) {
      const best = sign =>
        values
          .filter(value => value !== null)
          .sort((a, b) => sign * (a - b))
          .slice(0, rows().length);
      for (const [word, sign] of [
        ["ascending", 1],
        ["descending", -1],
      ]) {
        click(one(`#trials [data-sort="${key}"]`));
        const found = places().map(place => values[place]);
        check(
          `trials sort ${word} by ${key}`,
          found.join() === best(sign).slice(0, found.length).join(),
          found.slice(0, 5),
        );
      }
    }
    const box = one(".trials-box");
    click(one('#trials [data-sort="metric"]'));
    box.scrollTop = box.scrollHeight;
    box.dispatchEvent(new Event("scroll"));
    const lastValue = data.trials.metric[places().pop()];
    check(
      "trials without a metric come last",
      lastValue === null || !data.trials.metric.includes(null),
      lastValue,
    );
    check("scrolling reaches the last row", Number(rows().pop().getAttribute("aria-rowindex")) === total + 1);
    click(one('#trials [data-sort="number"]'));
    const field = one("#filter");
    const filter = text => {
      field.value = text;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    };
    const wanted = `${data.workloads[0].name} final`;
    filter(wanted);
    const matching = data.trials.workload.filter(
      (place, i) => place === 0 && data.trials.stage[i] === 1,
    ).length;
    check(
      "the filter keeps the trials with all its words",
      one("#trials").getAttribute("aria-rowcount") === String(matching + 1),
      [one("#trials").getAttribute("aria-rowcount"), matching],
    );
    check(
      "every row left has the words",
      rows().every(
        row => row.cells[1].textContent === data.workloads[0].name && row.cells[3].textContent === "final",
      ),
    );
    filter("no such trial anywhere");
    check("a filter that nothing passes leaves no row", rows().length === 0);
    filter("");
    check(
      "an empty filter brings all back",
      one("#trials").getAttribute("aria-rowcount") === String(total + 1),
    );
    // The commands, written out: an entry that is not a text changes words of the previous command.
    const commands = data.trials.command.reduce((found, entry) => {
      const before = found.length ? found[found.length - 1].split(" ") : [];
      const changes = typeof entry === "string" ? [] : entry;
      for (let at = 0; at < changes.length; at += 2) before[changes[at]] = changes[at + 1];
      found.push(typeof entry === "string" ? entry : before.join(" "));
      return found;
    }, []);
    const shown = rows().map(row => one("code", row).textContent);
    check(
      "every row shows the command that repeats it",
      places().every((place, i) => shown[i] === data.trials.prefix + commands[place]),
      shown[3],
    );
    const command = shown[3];
    check("the copy button holds the whole command", one(".copy", rows()[3]).title === command);
    check(
      "the filter counts the trials of each workload",
      sum(
        data.workloads.map((workload, i) => {
          filter(`${workload.name} tuning`);
          const counted = Number(one("#trials").getAttribute("aria-rowcount")) - 1;
          return (
            counted - data.trials.workload.filter((w, n) => w === i && data.trials.stage[n] === 0).length
          );
        }),
      ) === 0,
    );
    filter("");
  });

  attempt("theme", () => {
    const paper = () => getComputedStyle(document.body).backgroundColor;
    press(one("#theme"), "dark");
    const dark = paper();
    press(one("#theme"), "light");
    check(
      "the theme switch changes the paper",
      dark === "rgb(13, 17, 23)" && paper() === "rgb(255, 255, 255)",
      [dark, paper()],
    );
    press(one("#theme"), "auto");
  });

  attempt("hot", () => {
    const arm = data.workloads[0].arms[0].arm;
    one(`#legend li[data-arm="${arm}"]`).dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
    check(
      "pointing at a name brings its lines forward",
      one("#hot").textContent.includes(`[data-arm="${arm}"]`),
    );
    one("h1").dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
    check("pointing elsewhere ends it", one("#hot").textContent === "");
    check(
      "the page is no wider than the window",
      document.documentElement.scrollWidth <= window.innerWidth,
      document.documentElement.scrollWidth,
    );
  });

  const result = { checks, failed: Object.values(checks).filter(value => value !== true).length };
  const pre = document.createElement("pre");
  pre.id = "test-result";
  pre.textContent = JSON.stringify(result);
  document.body.append(pre);
})();
