//! `optlab score`: scores times to target as AlgoPerf does.

use crate::Error;
use crate::cli::{Exit, output};
use clap::Args;
use comfy_table::{CellAlignment, Table, TableComponent};
use optlab_compare::chart::{Chart, Line, Scale};
use optlab_stats::statistics::performance_profile::{PerformanceProfile, TAU_MAX, TimeMatrix, profiles};
use optlab_train::files::disk;
use std::path::PathBuf;

/// Arguments of `optlab score`.
#[derive(Debug, Args)]
pub struct ScoreArgs {
    /// CSV file of times to target: a row per submission, a column per workload, empty or inf for a miss
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// Largest ratio to the fastest time that still scores
    #[arg(long, allow_negative_numbers = true, value_name = "X", default_value_t = TAU_MAX)]
    tau_max: f64,
    /// Also write the performance profiles to an SVG file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Runs `optlab score`.
///
/// # Errors
/// A file that cannot be read or is not a table of times, a `--tau-max` of 1 or less, a file that cannot be
/// written.
pub fn run(args: &ScoreArgs) -> Result<(), Exit> {
    let ranking = Ranking::of(&TimeMatrix::read(&args.file)?, args.tau_max)?;
    if let Some(path) = &args.svg {
        disk::replace(path, ranking.chart()?.svg().as_bytes())?;
    }
    output::print(ranking.text());
    Ok(())
}

/// A submission with its scores.
struct ScoreLine {
    submission: String,
    profile: PerformanceProfile,
    score: f64,
    exact: f64,
}

/// Submissions, the highest score first.
struct Ranking {
    tau_max: f64,
    workloads: usize,
    entries: Vec<ScoreLine>,
}

impl Ranking {
    fn of(matrix: &TimeMatrix, tau_max: f64) -> Result<Self, Error> {
        let entry = |(submission, profile): (&String, PerformanceProfile)| {
            let (score, exact) = (profile.score(tau_max)?, profile.exact_score(tau_max)?);
            Ok(ScoreLine { submission: submission.clone(), profile, score, exact })
        };
        let mut entries: Vec<ScoreLine> =
            matrix.submissions().iter().zip(profiles(matrix)).map(entry).collect::<Result<_, Error>>()?;
        entries.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(Ranking { tau_max, workloads: matrix.workloads().len(), entries })
    }

    /// Returns the table, and how its scores were computed.
    fn text(&self) -> String {
        let mut table = Table::new();
        table.load_preset(comfy_table::presets::NOTHING);
        table.set_style(TableComponent::HeaderLines, '─');
        table.set_style(TableComponent::MiddleHeaderIntersections, '─');
        table.set_header(["rank", "submission", "score", "exact", "reached"]);
        let scores: Vec<String> = self.entries.iter().map(|entry| decimals(entry.score)).collect();
        for (entry, score) in self.entries.iter().zip(&scores) {
            // Scores that look the same share the rank of the first of them.
            let rank = 1 + scores.iter().position(|other| other == score).unwrap_or(0);
            let reached = format!("{}/{}", entry.profile.ratios().len(), self.workloads);
            let (submission, exact) = (entry.submission.clone(), decimals(entry.exact));
            table.add_row([rank.to_string(), submission, score.clone(), exact, reached]);
        }
        for column in [0, 2, 3, 4] {
            if let Some(numbers) = table.column_mut(column) {
                numbers.set_cell_alignment(CellAlignment::Right);
            }
        }
        format!("{}\n\n{}\n", table.trim_fmt(), self.told())
    }

    fn told(&self) -> String {
        format!(
            "The score is the mean over τ from 1 to {} of the share of the {} workloads whose target was reached in at\n\
             most τ times the time of the fastest: `score` by the trapezoidal rule over 100 points as AlgoPerf computes\n\
             it, `exact` in closed form.",
            self.tau_max, self.workloads
        )
    }

    fn chart(&self) -> Result<Chart, Error> {
        let line = |entry: &ScoreLine| {
            let label = format!("{}: {}", entry.submission, decimals(entry.score));
            Ok(Line { label, points: entry.profile.corners(self.tau_max)? })
        };
        Ok(Chart {
            title: "Performance profiles".into(),
            subtitle: format!("{} submissions, {} workloads", self.entries.len(), self.workloads),
            along: "τ, times the time of the fastest".into(),
            x_scale: Scale::Linear,
            quantity: "share of workloads whose target was reached within τ".into(),
            y_scale: Scale::Linear,
            from_zero: true,
            lines: self.entries.iter().map(line).collect::<Result<_, Error>>()?,
            marks: Vec::new(),
        })
    }
}

fn decimals(score: f64) -> String {
    format!("{score:.4}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranking(csv: &str, tau_max: f64) -> Result<Ranking, Error> {
        Ranking::of(&TimeMatrix::parse(csv, "times.csv".as_ref())?, tau_max)
    }

    #[test]
    fn the_table_ranks_by_score_and_equal_scores_share_a_rank() {
        // adam is the fastest on one of two: 1/2. lion takes 2.5 times as long: exact (4 − 2.5)/3/2 = 1/4.
        // The points around 2.5 are 1 + 49/33 and 1 + 50/33, half of that distance counts, and 49 of 99
        // behind it: 49.5/99/2 = 1/4.
        let text = ranking("s,a,b\nlion,250,\nadam,100,inf\nsgd,900,\nlamb,250,\n", 4.0).unwrap().text();
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["rank", "submission", "score", "exact", "reached"]);
        assert_eq!(rows[2], ["1", "adam", "0.5000", "0.5000", "1/2"]);
        assert_eq!(rows[3], ["2", "lion", "0.2500", "0.2500", "1/2"]);
        assert_eq!(rows[4], ["2", "lamb", "0.2500", "0.2500", "1/2"]);
        assert_eq!(rows[5], ["4", "sgd", "0.0000", "0.0000", "1/2"]);
        assert!(
            text.contains("\n\nThe score is the mean over τ from 1 to 4 of the share of the 2 workloads"),
            "{text}"
        );
        assert!(text.ends_with("closed form.\n"), "{text}");
    }

    #[test]
    fn score_and_exact_score_have_columns_of_their_own() {
        // The ratio, 2, is one of the points, so half a distance more counts: 66/99 + 1/198, not 2/3.
        let text = ranking("s,a\nadam,100\nsgd,200\n", 4.0).unwrap().text();
        let last: Vec<&str> = text.lines().nth(3).unwrap().split_whitespace().collect();
        assert_eq!(last, ["2", "sgd", "0.6717", "0.6667", "1/1"]);
    }

    #[test]
    fn the_picture_has_the_profiles_as_steps_in_the_order_of_the_table() {
        let chart = ranking("s,a,b\nlion,200,\nadam,100,9\n", 4.0).unwrap().chart().unwrap();
        let labels: Vec<&str> = chart.lines.iter().map(|line| line.label.as_str()).collect();
        assert_eq!(labels, ["adam: 1.0000", "lion: 0.3359"]);
        assert_eq!(chart.lines[1].points, [(1.0, 0.0), (2.0, 0.0), (2.0, 0.5), (4.0, 0.5)]);
        assert!(chart.svg().contains("lion: 0.3359"));
    }

    #[test]
    fn a_tau_max_that_is_not_above_one_is_refused() {
        for tau_max in [1.0, -4.0, f64::INFINITY, f64::NAN] {
            let error = ranking("s,a\nadam,1\n", tau_max).err().unwrap();
            assert!(error.is_usage() && error.to_string().contains("`tau_max` must be in (1, ∞)"), "{error}");
        }
    }
}
