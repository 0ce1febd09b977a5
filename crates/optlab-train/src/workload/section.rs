//! Sections of a description.

/// The title of the section with what may be wrong with the data.
pub const WARNINGS: &str = "Warnings";

/// A part of a description: a title and rows of cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// The title.
    pub title: String,
    /// The names of the columns; none for plain sentences.
    pub columns: Vec<String>,
    /// The rows, with as many cells as columns; one if there are none.
    pub rows: Vec<Vec<String>>,
}

impl Section {
    /// Returns a section with these columns and no rows.
    pub fn table(title: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|name| name.to_string()).collect();
        Section { title: title.into(), columns, rows: Vec::new() }
    }

    /// Returns a section of sentences.
    pub fn sentences(title: &str, sentences: impl IntoIterator<Item = String>) -> Self {
        let rows = sentences.into_iter().map(|sentence| vec![sentence]).collect();
        Section { title: title.into(), columns: Vec::new(), rows }
    }
}
