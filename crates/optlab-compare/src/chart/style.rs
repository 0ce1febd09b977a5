//! Colours, dashes and text styles of the picture, light and dark.

/// Number of colours; with [`DASHES`] they make 28 lines.
///
/// Any two colours of a set differ by at least 25 in CIELAB, in normal vision and in the simulations of
/// protanopia, deuteranopia and tritanopia of Machado et al. (2009), and each has a contrast of at least 2.8
/// to the paper.
pub const COLOURS: usize = LIGHT.len();

const LIGHT: [&str; 7] = ["#2b1edd", "#f55d10", "#006358", "#dd77bc", "#6b320a", "#1688ff", "#150054"];
const DARK: [&str; 7] = ["#8667fe", "#d06e12", "#0d9c62", "#bc68a2", "#ffe03e", "#5ad0ff", "#e4ffd2"];
const DASHES: [&str; 4] = ["none", "7 4", "1 4", "11 4 1 4"];

const LIGHT_GROUND: Ground =
    Ground { paper: "#ffffff", ink: "#1f2328", faint_ink: "#59636e", grid: "#e4e8ec", axis: "#9aa4af" };
const DARK_GROUND: Ground =
    Ground { paper: "#0d1117", ink: "#e6edf3", faint_ink: "#9ba6b2", grid: "#222a33", axis: "#5c6672" };

struct Ground {
    paper: &'static str,
    ink: &'static str,
    faint_ink: &'static str,
    grid: &'static str,
    axis: &'static str,
}

/// Returns the CSS classes of the line of the arm at index `place` in the plan.
pub fn line_class(place: usize) -> String {
    format!("c{} d{}", place % COLOURS, place / COLOURS % DASHES.len())
}

/// Returns the CSS class of the arm's band.
pub fn band_class(place: usize) -> String {
    format!("b{}", place % COLOURS)
}

/// Returns the CSS class of a mark in the arm's colour.
pub fn mark_class(place: usize) -> String {
    format!("c{}", place % COLOURS)
}

/// Returns the style sheet. Custom properties would be shorter, but few programs other than browsers support
/// them.
pub fn sheet(band_opacity: f64) -> String {
    let dashes: String =
        (0..DASHES.len()).map(|place| format!(".d{place}{{stroke-dasharray:{}}}", DASHES[place])).collect();
    format!(
        "text{{font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,'DejaVu Sans',sans-serif;\
         font-size:12px}}\
         .h1{{font-size:18px;font-weight:600}}.h2{{font-size:15px;font-weight:600}}.end{{text-anchor:end}}\
         .mid{{text-anchor:middle}}.num{{font-variant-numeric:tabular-nums}}.grid,.axis,.target{{stroke-width:1}}\
         .target{{stroke-dasharray:2 3}}.line,.key{{fill:none;stroke-width:2;stroke-linejoin:round;\
         stroke-linecap:round}}.mark{{fill:none;stroke-width:2.4}}.band{{stroke:none;fill-opacity:{band_opacity}}}\
         {dashes}\n{}\n\
         @media (prefers-color-scheme: dark){{\n{}\n}}",
        colours(&LIGHT_GROUND, &LIGHT),
        colours(&DARK_GROUND, &DARK),
    )
}

fn colours(ground: &Ground, lines: &[&str]) -> String {
    let Ground { paper, ink, faint_ink, grid, axis } = ground;
    let lines: String = lines
        .iter()
        .enumerate()
        .map(|(place, colour)| format!(".c{place}{{stroke:{colour}}}.b{place}{{fill:{colour}}}"))
        .collect();
    format!(
        ".paper{{fill:{paper}}}text{{fill:{ink}}}.faint{{fill:{faint_ink}}}.grid{{stroke:{grid}}}\
         .axis{{stroke:{axis}}}.target{{stroke:{faint_ink}}}{lines}"
    )
}
