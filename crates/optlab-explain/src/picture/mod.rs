//! Pictures of attributions: heat maps as PNG; bars, series and tokens as SVG.

mod bars;
mod heat_map;
mod palette;
mod png_file;
mod series;
mod tokens;

pub use bars::bars;
pub use heat_map::{contact_sheet, heat_map};
pub use palette::{Palette, colour};
pub use series::series;
pub use tokens::tokens;

/// Returns text of at most `most` characters, with an ellipsis in place of the rest.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
        false => text.into(),
    }
}

/// Returns a number with four digits that count.
pub fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { value.to_string() };
    }
    let digits = 3 - value.abs().log10().floor() as i32;
    match digits {
        -6..=7 => format!("{value:.*}", digits.max(0) as usize).replace('-', "−"),
        _ => format!("{value:.3e}").replace('-', "−"),
    }
}

/// Returns how an output comes from that of a baseline: `124.3 = 147.6 of the baseline − 23.36`.
pub fn difference(output: f64, baseline: f64) -> String {
    let difference = output - baseline;
    let sign = if difference < 0.0 { '−' } else { '+' };
    format!("{} = {} of the baseline {sign} {}", number(output), number(baseline), number(difference.abs()))
}

/// The style of SVG pictures, light or dark as the reader's system.
const STYLE: &str = "<style>text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,'DejaVu Sans',\
    sans-serif;fill:#1f2328}.faint{fill:#59636e}.end{text-anchor:end}.mid{text-anchor:middle}.axis{stroke:#9aa4af}\
    .line{stroke:#59636e;fill:none;stroke-width:1.5}.paper{fill:#ffffff}.token{font-family:ui-monospace,Menlo,\
    Consolas,'DejaVu Sans Mono',monospace;font-size:15px;fill:#1f2328}.strong{fill:#ffffff}\
    @media (prefers-color-scheme:dark){text{fill:#e6edf3}.faint{fill:#9ba6b2}.axis{stroke:#5c6672}\
    .line{stroke:#9ba6b2}.paper{fill:#0d1117}.token{fill:#1f2328}.strong{fill:#ffffff}}</style>";
