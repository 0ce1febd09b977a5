//! The report page in a real browser: runs a comparison, opens its page and uses it as a reader does.

use crate::program::succeeds;
use std::path::Path;
use std::process::Command;

/// The script that uses the page and writes its findings into it.
const DRIVER: &str = include_str!("report_page/driver.js");

/// A plan whose report page has every section and figure.
const PLAN: &str = "
workloads = ['digits-rnn', 'diabetes-linear']
optimizers = ['adamw', 'sgd:momentum=0.9', 'lion', 'burn.adam', 'sgd:lr=1e9']
epochs = 4
seeds = 8
reference = 'adamw'
[tuning]
trials = 5
spaces = { 'sgd:lr=1e9' = 'lr=log(1e8,1e9)' }
";

/// Opens the page in the browser at `width` pixels; returns the document after the driver, and the browser's
/// errors.
fn browse(page: &Path, width: u32) -> (String, String) {
    let browser = std::env::var("OPTLAB_CHROMIUM").unwrap_or_else(|_| "chromium".into());
    let output = Command::new(&browser)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--dump-dom",
            "--virtual-time-budget=20000",
        ])
        .args(["--enable-logging=stderr", "--v=0", &format!("--window-size={width},1000")])
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap_or_else(|error| panic!("{browser} does not start: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let complaints =
        text(&output.stderr).lines().filter(|line| line.contains("CONSOLE")).collect::<Vec<_>>().join("\n");
    (text(&output.stdout), complaints)
}

#[test]
#[ignore = "needs a Chromium: cargo test --test program -- report_page:: --ignored"]
fn the_page_renders_switches_arms_off_sorts_and_complains_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plan.toml"), PLAN).unwrap();
    succeeds(folder.path(), &["compare", "plan.toml", "--jobs", "2", "--output", "out"]);
    let page = std::fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    let (before, after) = page.rsplit_once("</body>").unwrap();
    let driven = folder.path().join("driven.html");
    std::fs::write(&driven, format!("{before}<script>{DRIVER}</script></body>{after}")).unwrap();
    for width in [360, 800, 1400] {
        let (document, complaints) = browse(&driven, width);
        assert_eq!(complaints, "", "at {width} pixels");
        let result =
            document.split_once("<pre id=\"test-result\">").and_then(|(_, rest)| rest.split_once("</pre>"));
        let (result, _) = result.unwrap_or_else(|| panic!("the driver did not finish at {width} pixels"));
        let result = result.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        let result: serde_json::Value = serde_json::from_str(&result).unwrap();
        let checks = result["checks"].as_object().unwrap();
        assert!(checks.len() > 50, "{} checks", checks.len());
        let failed: Vec<_> = checks.iter().filter(|(_, found)| **found != true).collect();
        assert!(failed.is_empty(), "at {width} pixels: {failed:#?}");
    }
}
