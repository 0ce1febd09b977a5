//! A self-contained page for a browser: each input with its attributions, without scripts.

use crate::picture::{difference, number};
use optlab_core::markup::escape;
use serde::Serialize;
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");

/// The content of the page, and of its data as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// The run that is explained.
    pub run: String,
    /// The checkpoint, and how many steps were made before it.
    pub checkpoint: String,
    /// The seed of methods that draw.
    pub seed: u64,
    /// The names of the elements of an input, in row-major order.
    pub elements: Vec<String>,
    /// The explanations, in the order of the page.
    pub explanations: Vec<Explanation>,
    /// The importance over a data set, one for each method.
    pub importance: Vec<ImportanceTable>,
}

/// One input, explained by one method.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The input: a file, or `test 17`.
    pub example: String,
    /// The model's prediction.
    pub prediction: String,
    /// The target, if it is known.
    pub truth: Option<String>,
    /// The method with its settings.
    pub method: String,
    /// The output that is explained: `logit of 3`, `target`.
    pub target: String,
    /// The answer of the method.
    #[serde(flatten)]
    pub attribution: crate::Attribution,
    /// How far the sum of the attributions is from the difference of outputs, as a share of it.
    pub completeness_gap: Option<f64>,
    /// The elements with the largest sizes: name, value of the input, attribution.
    pub largest: Vec<(String, String, f64)>,
    /// The picture's file beside the page.
    pub picture: Option<String>,
    /// The content of the picture.
    #[serde(skip)]
    pub content: Option<Picture>,
}

/// A picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Picture {
    /// A PNG file.
    Png(Vec<u8>),
    /// An SVG file.
    Svg(String),
}

/// The importance of elements over a data set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImportanceTable {
    /// The method with its settings.
    pub method: String,
    /// The output that is explained.
    pub target: String,
    /// Number of inputs.
    pub examples: usize,
    /// Name, mean size of the attribution, its standard error, and mean attribution, the largest size first.
    pub rows: Vec<(String, f64, f64, f64)>,
    /// The picture's file beside the page.
    pub picture: Option<String>,
    /// The content of the picture.
    #[serde(skip)]
    pub content: Option<Picture>,
}

/// Returns the page.
pub fn page(document: &Document) -> String {
    let title = escape(&format!("Explanations of {}", document.run));
    let mut body = format!(
        "<header><p class=\"kind\">optlab explain</p><h1>{title}</h1><p class=\"facts\">{}; seed {}</p>\
         <p class=\"key\"><span class=\"below\">lowers the output</span><span class=\"zero\">no effect</span>\
         <span class=\"above\">raises the output</span></p></header>",
        escape(&document.checkpoint),
        document.seed
    );
    if let Some(first) = document.importance.first() {
        // Writing to a text cannot fail.
        let _ = write!(body, "<h2>Importance over {} examples</h2>", first.examples);
    }
    for importance in &document.importance {
        body.push_str(&importance_section(importance));
    }
    let mut last: Option<&str> = None;
    for explanation in &document.explanations {
        if last != Some(&explanation.example) {
            let truth = explanation.truth.as_ref().map(|truth| format!("; it is {}", escape(truth)));
            // Writing to a text cannot fail.
            let _ = write!(
                body,
                "<h2>{}</h2><p class=\"facts\">predicted {}{}</p>",
                escape(&explanation.example),
                escape(&explanation.prediction),
                truth.unwrap_or_default()
            );
            last = Some(&explanation.example);
        }
        body.push_str(&section(explanation));
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<meta \
         http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src \
         data:\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>{body}</main>\n</body>\n\
         </html>\n"
    )
}

fn section(explanation: &Explanation) -> String {
    let attribution = &explanation.attribution;
    let mut facts = match attribution.baseline_output {
        None => format!("{}: {}", explanation.target, number(attribution.output)),
        Some(baseline) => format!(
            "{}: {}; the attributions sum to {}",
            explanation.target,
            difference(attribution.output, baseline),
            number(attribution.sum())
        ),
    };
    if let Some(gap) = explanation.completeness_gap {
        let _ = write!(facts, ", {:.2} % off", 100.0 * gap);
    }
    if let Some(fit) = attribution.local_fit {
        let _ = write!(facts, "; R² of the linear model {fit:.2}");
    }
    let mut rows = String::new();
    for (name, value, part) in &explanation.largest {
        let (name, value) = (escape(name), escape(value));
        let _ =
            write!(rows, "<tr><td>{name}</td><td>{value}</td><td class=\"num\">{}</td></tr>", number(*part));
    }
    let (method, facts) = (escape(&explanation.method), escape(&facts));
    let picture =
        picture(explanation.content.as_ref(), &format!("{} by {}", explanation.example, explanation.method));
    format!(
        "<section><h3>{method}</h3><p class=\"facts\">{facts}</p><div class=\"pair\">{picture}<div class=\"scroll\">\
         <table><thead><tr><th>largest</th><th>value</th><th class=\"num\">attribution</th></tr></thead>\
         <tbody>{rows}</tbody></table></div></div></section>"
    )
}

fn importance_section(importance: &ImportanceTable) -> String {
    let mut rows = String::new();
    for (name, size, error, mean) in &importance.rows {
        let name = escape(name);
        let _ = write!(
            rows,
            "<tr><td>{name}</td><td class=\"num\">{} ± {}</td><td class=\"num\">{}</td></tr>",
            number(*size),
            number(*error),
            number(*mean)
        );
    }
    let picture = picture(importance.content.as_ref(), "Importance");
    format!(
        "<section><h3>{}</h3><p class=\"facts\">mean size of the attributions of \
         {}, ± its standard error</p><div class=\"pair\">{picture}<div class=\"scroll\"><table><thead><tr><th>element\
         </th><th class=\"num\">mean size</th><th class=\"num\">mean</th></tr></thead><tbody>{rows}</tbody></table>\
         </div></div></section>",
        escape(&importance.method),
        escape(&importance.target)
    )
}

/// Returns a picture as a part of the page.
fn picture(content: Option<&Picture>, about: &str) -> String {
    match content {
        None => String::new(),
        Some(Picture::Svg(svg)) => {
            let data = base64(svg.as_bytes());
            format!(
                "<figure><img alt=\"{}\" src=\"data:image/svg+xml;base64,{data}\"></figure>",
                escape(about)
            )
        }
        Some(Picture::Png(png)) => {
            let data = base64(png);
            format!("<figure><img alt=\"{}\" src=\"data:image/png;base64,{data}\"></figure>", escape(about))
        }
    }
}

/// Returns bytes in the alphabet of RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let number =
            group.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = number >> (18 - 6 * place) & 63;
            text.push(if place <= group.len() { ALPHABET[digit as usize] as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn bytes_are_written_as_the_examples_of_rfc_4648() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
