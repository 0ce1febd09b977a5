//! Summaries of columns.

use super::{kinds, read, try_read};
use crate::data::table::{ColumnSummary, Content, Kind};

#[test]
fn each_kind_has_its_summary() {
    let content = "n,c,a,d,i,t,e\n4,red,yes,2024-02-03,p,x,\n-1,blue,,2023-01-01,q,y,\n,red,yes,,r,x,\n\
                   9,green,yes,2024-02-03,s,,\n0,red,yes,2024-02-03,u,z,\n";
    let table = try_read(content, &kinds(&[("t", Kind::Text)])).unwrap();
    let summary = |name: &str, kind, missing, content, examples: &[&str]| ColumnSummary {
        name: name.into(),
        kind,
        missing,
        content,
        examples: examples.iter().map(|example| example.to_string()).collect(),
    };
    let dates = Content::Dates { earliest: "2023-01-01".into(), latest: "2024-02-03".into(), distinct: 2 };
    assert_eq!(
        table.describe(),
        [
            summary(
                "n",
                Kind::Number,
                1,
                Content::Numbers { smallest: -1.0, largest: 9.0, mean: 3.0, distinct: 4 },
                &["4", "-1", "9"]
            ),
            summary("c", Kind::Category, 0, Content::Texts { distinct: 3 }, &["red", "blue", "green"]),
            summary("a", Kind::YesNo, 1, Content::Texts { distinct: 1 }, &["yes"]),
            summary("d", Kind::Date, 1, dates, &["2024-02-03", "2023-01-01"]),
            summary("i", Kind::Identifier, 0, Content::Texts { distinct: 5 }, &["p", "q", "r"]),
            summary("t", Kind::Text, 1, Content::Nothing, &["x", "y", "z"]),
            summary("e", Kind::Ignore, 5, Content::Nothing, &[]),
        ]
    );
}

#[test]
fn the_mean_of_numbers_whose_sum_is_too_large_is_finite() {
    let table = read("a\n1.5e308\n1.7e308\n");
    let Content::Numbers { mean, .. } = table.describe()[0].content else { panic!() };
    assert!((mean / 1e308 - 1.6).abs() < 1e-12, "{mean}");
}
