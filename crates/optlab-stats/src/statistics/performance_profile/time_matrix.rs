//! Times to target as a table, from CSV or from the project's own runs.

use crate::Error;
use optlab_core::bounded_file::{self, SMALL};
use std::collections::HashSet;
use std::path::Path;

const ALLOWED_TIME: &str = "a positive number, or empty or `inf` where the target was not reached";
const ALLOWED_NAME: &str = "a name that was not there before";

/// The time that each submission took to reach the target of each workload.
///
/// `times[s][w]` is the time of submission `s` on workload `w`, in `(0, ∞]`: `∞` if it did not reach the
/// target. Any unit is allowed, as scores depend only on the ratios within a workload.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeMatrix {
    submissions: Vec<String>,
    workloads: Vec<String>,
    times: Vec<Vec<f64>>,
}

impl TimeMatrix {
    /// Creates a matrix of these `times[submission][workload]`.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if there are no submissions or no workloads, a name is empty or repeated, the
    /// shape of `times` does not match the names, or a time is not in `(0, ∞]`.
    pub fn new(
        submissions: Vec<String>,
        workloads: Vec<String>,
        times: Vec<Vec<f64>>,
    ) -> Result<Self, Error> {
        let invalid = |field, allowed: &str, given| Err(Error::invalid("time matrix", field, allowed, given));
        for (field, names) in [("submissions", &submissions), ("workloads", &workloads)] {
            if names.is_empty() {
                return invalid(field, "at least one name", "none".into());
            }
            if let Some(place) = unusable(names) {
                return invalid(field, "different names, none of them empty", format!("`{}`", names[place]));
            }
        }
        if times.len() != submissions.len() || times.iter().any(|row| row.len() != workloads.len()) {
            let rows: Vec<String> = times.iter().map(|row| row.len().to_string()).collect();
            let allowed = format!("{} rows of {} times", submissions.len(), workloads.len());
            return invalid("times", &allowed, format!("rows of {}", rows.join(", ")));
        }
        if let Some(time) = times.iter().flatten().find(|time| time.is_nan() || **time <= 0.0) {
            return invalid("times", "in (0, ∞]", time.to_string());
        }
        Ok(TimeMatrix { submissions, workloads, times })
    }

    /// Reads a CSV file of the form that [`parse`](Self::parse) describes.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, else as [`parse`](Self::parse).
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = bounded_file::read_text(path, SMALL)?;
        Self::parse(&text, path)
    }

    /// Parses a matrix in CSV: a first row with a name for the corner and the names of the workloads, then a
    /// row for each submission with its name and its times.
    ///
    /// A target that was not reached is an empty cell, `inf`, `Infinity` or `∞`, in upper or lower case.
    /// `path` is the source of the text, for errors.
    ///
    /// # Errors
    /// [`Error::File`], with line and column, for a time that is not a positive number, a name that is empty
    /// or repeated, a row of another length than the first, and a file without workloads or submissions.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let file = Source { text, path };
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut workloads = Vec::new();
        let (mut submissions, mut begins, mut times) = (Vec::new(), Vec::new(), Vec::new());
        for (row, record) in reader.records().enumerate() {
            let record = record.map_err(|error| file.wrong(error.to_string()))?;
            let begin = record.position().map_or(0, |position| position.byte());
            let mut cells = record.iter().map(String::from);
            let first = cells.next().unwrap_or_default();
            if row == 0 {
                workloads = cells.collect();
                file.check_workloads(begin, &workloads)?;
                continue;
            }
            times.push(file.times(begin, &first, &workloads, &cells.collect::<Vec<_>>())?);
            submissions.push(first);
            begins.push(begin);
        }
        if let Some(place) = unusable(&submissions) {
            return Err(file.wrong_name(begins[place], 1, "a submission", &submissions[place]));
        }
        if submissions.is_empty() {
            return Err(file
                .wrong("no submissions: the file needs a row of workloads and a row per submission".into()));
        }
        Ok(TimeMatrix { submissions, workloads, times })
    }

    /// Returns the names of the submissions, the rows.
    pub fn submissions(&self) -> &[String] {
        &self.submissions
    }

    /// Returns the names of the workloads, the columns.
    pub fn workloads(&self) -> &[String] {
        &self.workloads
    }

    /// Returns `times[submission][workload]`, each in `(0, ∞]`.
    pub fn times(&self) -> &[Vec<f64>] {
        &self.times
    }
}

/// The source of a matrix. A row is identified by its first byte; its line is only counted for errors.
struct Source<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Source<'_> {
    fn wrong(&self, reason: String) -> Error {
        Error::File { path: self.path.into(), reason }
    }

    fn wrong_at(&self, begin: u64, column: usize, reason: String) -> Error {
        self.wrong(format!("line {}, column {column}: {reason}", self.line(begin)))
    }

    fn wrong_name(&self, begin: u64, column: usize, of: &str, name: &str) -> Error {
        self.wrong_at(begin, column, format!("the name of {of} must be {ALLOWED_NAME}, not `{name}`"))
    }

    fn line(&self, begin: u64) -> usize {
        let bytes = || self.text.bytes();
        let begin = usize::try_from(begin).unwrap_or(0);
        // The reader counts the empty lines before a row as part of it.
        let empty = bytes().skip(begin).take_while(|byte| b"\r\n".contains(byte)).count();
        1 + bytes().take(begin + empty).filter(|byte| *byte == b'\n').count()
    }

    fn check_workloads(&self, begin: u64, workloads: &[String]) -> Result<(), Error> {
        match unusable(workloads) {
            // The first column has the submissions.
            Some(place) => Err(self.wrong_name(begin, place + 2, "a workload", &workloads[place])),
            None if workloads.is_empty() => {
                Err(self.wrong_at(begin, 2, "the name of a workload is missing".into()))
            }
            None => Ok(()),
        }
    }

    fn times(
        &self,
        begin: u64,
        submission: &str,
        workloads: &[String],
        cells: &[String],
    ) -> Result<Vec<f64>, Error> {
        if cells.len() != workloads.len() {
            let (line, columns, given) = (self.line(begin), workloads.len() + 1, cells.len() + 1);
            return Err(self.wrong(format!(
                "line {line}: a row must have {columns} columns, as the first has, not {given}"
            )));
        }
        let time = |(place, cell): (usize, &String)| {
            let workload = &workloads[place];
            time(cell).ok_or_else(|| {
                let what = format!("the time of `{submission}` on `{workload}`");
                self.wrong_at(begin, place + 2, format!("{what} must be {ALLOWED_TIME}, not `{cell}`"))
            })
        };
        cells.iter().enumerate().map(time).collect()
    }
}

fn time(cell: &str) -> Option<f64> {
    if ["", "inf", "infinity", "∞"].contains(&cell.to_lowercase().as_str()) {
        return Some(f64::INFINITY);
    }
    // `1e999` parses as an infinity, which is not what was meant.
    cell.parse().ok().filter(|time: &f64| *time > 0.0 && time.is_finite())
}

/// Returns the index of the first name that is empty or repeated.
fn unusable(names: &[String]) -> Option<usize> {
    let mut before = HashSet::new();
    names.iter().position(|name| name.is_empty() || !before.insert(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<TimeMatrix, Error> {
        TimeMatrix::parse(text, Path::new("times.csv"))
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn a_file_is_read_by_rows_of_submissions_and_columns_of_workloads() {
        let matrix = parse("name,mnist,wmt\nadam,1.5,20\n\"sgd, tuned\",3e2,4\n").unwrap();
        assert_eq!(matrix.submissions(), names(&["adam", "sgd, tuned"]));
        assert_eq!(matrix.workloads(), names(&["mnist", "wmt"]));
        assert_eq!(matrix.times(), [[1.5, 20.0], [300.0, 4.0]]);
    }

    #[test]
    fn a_target_not_reached_is_empty_or_an_infinity_in_any_case() {
        let matrix = parse("s,a,b,c,d,e,f\nadam,,inf,Infinity,∞, INF ,1\n").unwrap();
        let miss = f64::INFINITY;
        assert_eq!(matrix.times(), [[miss, miss, miss, miss, miss, 1.0]]);
    }

    #[test]
    fn spaces_empty_lines_line_ends_and_a_byte_order_mark_do_not_matter() {
        let plain = parse("s,a,b\nadam,1,2\nsgd,3,\n").unwrap();
        assert_eq!(parse("\u{feff}s , a,b\r\n\r\n adam,1, 2\r\nsgd,3,").unwrap(), plain);
        let error = parse("\u{feff}a\n").unwrap_err().to_string();
        assert!(error.contains("line 1, column 2"), "{error}");
        let error = parse("\u{feff}s,a\n\n1,\n2,-\n").unwrap_err().to_string();
        assert!(error.contains("line 4, column 2"), "{error}");
        let error = parse("\u{feff}s,a\r\n1,\r\n\r\n\r\n2,-").unwrap_err().to_string();
        assert!(error.contains("line 5, column 2"), "{error}");
    }

    #[test]
    fn an_invalid_time_is_named_with_its_line_and_column() {
        for cell in ["-", "NaN", "nan", "0", "-0.0", "-1", "-inf", "1e999", "1,5", "12s", "1e-999"] {
            let error = parse(&format!("s,a,b\nadam,1,2\n\nsgd,3,\"{cell}\"\n")).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "times.csv: line 4, column 3: the time of `sgd` on `b` must be a positive number, or empty or `inf` \
                     where the target was not reached, not `{cell}`"
                )
            );
        }
    }

    #[test]
    fn empty_and_repeated_names_are_errors() {
        for (text, told) in [
            (
                "s,a,b,a\nadam,1,2,3\n",
                "line 1, column 4: the name of a workload must be a name that was not there before, not `a`",
            ),
            (
                "s,a,\nadam,1,2\n",
                "line 1, column 3: the name of a workload must be a name that was not there before, not ``",
            ),
            (
                "s,a\nadam,1\nsgd,1\n\nadam,2\n",
                "line 5, column 1: the name of a submission must be a name that was not there before, not `adam`",
            ),
            (
                "s,a\nadam,1\n,1\n",
                "line 3, column 1: the name of a submission must be a name that was not there before, not ``",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), format!("times.csv: {told}"));
        }
    }

    #[test]
    fn rows_of_different_lengths_and_files_with_nothing_to_score_are_errors() {
        for (text, told) in [
            ("s,a,b\nadam,1,2\nsgd,1\n", "line 3: a row must have 3 columns, as the first has, not 2"),
            ("s,a,b\nadam,1,2,3\n", "line 2: a row must have 3 columns, as the first has, not 4"),
            ("s,a,b\n", "no submissions: the file needs a row of workloads and a row per submission"),
            ("", "no submissions: the file needs a row of workloads and a row per submission"),
            ("s\nadam\n", "line 1, column 2: the name of a workload is missing"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), format!("times.csv: {told}"));
        }
    }

    #[test]
    fn a_matrix_from_code_follows_the_same_rules() {
        let of = |submissions: &[&str], workloads: &[&str], times: &[&[f64]]| {
            let times = times.iter().map(|row| row.to_vec()).collect();
            TimeMatrix::new(names(submissions), names(workloads), times).map_err(|error| error.to_string())
        };
        assert_eq!(of(&["adam"], &["a", "b"], &[&[1.0, f64::INFINITY]]).unwrap().times()[0][0], 1.0);
        for time in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
            let told = of(&["adam"], &["a"], &[&[time]]).unwrap_err();
            assert_eq!(told, format!("time matrix: `times` must be in (0, ∞], not {time}"));
        }
        assert!(of(&[], &["a"], &[]).unwrap_err().contains("`submissions` must be at least one name"));
        assert!(of(&["adam"], &[], &[&[]]).unwrap_err().contains("`workloads` must be at least one name"));
        assert!(of(&["x", "x"], &["a"], &[&[1.0], &[1.0]]).unwrap_err().ends_with("not `x`"));
        assert!(of(&["x"], &["a", ""], &[&[1.0, 1.0]]).unwrap_err().ends_with("not ``"));
        assert!(
            of(&["x", "y"], &["a"], &[&[1.0]]).unwrap_err().ends_with("2 rows of 1 times, not rows of 1")
        );
        assert!(
            of(&["x"], &["a"], &[&[1.0, 2.0]]).unwrap_err().ends_with("1 rows of 1 times, not rows of 2")
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = TimeMatrix::read(Path::new("nowhere/times.csv")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read nowhere/times.csv: "), "{error}");
    }
}
