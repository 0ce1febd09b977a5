//! Parts of rows: drawn, by class, by time and by group, and what is refused.

use super::{assert_contains, file, kinds, read, try_read};
use crate::Error;
use crate::data::table::split::stratified_counts;
use crate::data::table::{Kind, Parts, Split, Table};
use std::collections::BTreeSet;

fn rows(n: usize) -> Vec<usize> {
    (0..n).collect()
}

/// A table with one row per value of `x`.
fn column(values: impl IntoIterator<Item = impl ToString>) -> Table {
    let content =
        values.into_iter().fold("x,one\n".into(), |all, value| format!("{all}{},1\n", value.to_string()));
    try_read(content, &Default::default()).unwrap()
}

fn part(table: &Table, split: &Split, classes: Option<&str>) -> Result<Parts, Error> {
    split.test_part(table, &rows(table.len()), classes)
}

fn by_time(test: f64) -> Split {
    Split { test, time: Some("x".into()), ..Split::default() }
}

fn by_group(test: f64, seed: u64) -> Split {
    Split { test, seed, group: Some("x".into()), ..Split::default() }
}

#[test]
fn the_test_part_has_the_share_of_the_rows_and_depends_on_the_seed_alone() {
    let table = column(0..100);
    let parts = part(&table, &Split::default(), None).unwrap();
    assert_eq!((parts.train.len(), parts.held_out.len()), (80, 20));
    assert!(parts.train.is_sorted() && parts.held_out.is_sorted());
    let all: BTreeSet<usize> = parts.train.iter().chain(&parts.held_out).copied().collect();
    assert_eq!(all.len(), 100);
    assert_eq!(part(&table, &Split::default(), None).unwrap(), parts);
    assert_ne!(part(&table, &Split { seed: 1, ..Split::default() }, None).unwrap(), parts);
}

#[test]
fn each_row_is_equally_likely_to_be_held_out() {
    let table = column(0..10);
    let mut counts = [0; 10];
    for seed in 0..2000 {
        let split = Split { test: 0.3, seed, ..Split::default() };
        part(&table, &split, None).unwrap().held_out.iter().for_each(|&row| counts[row] += 1);
    }
    // 600 expected; five deviations of a binomial, √(2000 · 0.3 · 0.7) = 20.5 each.
    assert!(counts.iter().all(|count| (498..=702).contains(count)), "{counts:?}");
}

#[test]
fn test_and_validation_part_of_the_same_seed_are_drawn_independently() {
    let table = column(0..100);
    let split = Split { seed: 5, ..Split::default() };
    let test = split.test_part(&table, &rows(100), None).unwrap();
    let validation = split.validation_part(&table, &rows(100), None, 0.2, 5).unwrap();
    assert_ne!(test, validation);
    let inner = split.validation_part(&table, &test.train, None, 0.25, 5).unwrap();
    assert_eq!((inner.train.len(), inner.held_out.len()), (60, 20));
    assert!(inner.train.iter().chain(&inner.held_out).all(|row| test.train.contains(row)));
}

#[test]
fn the_count_is_rounded_and_at_least_one() {
    for (n, share, count) in [(10, 0.0, 0), (10, 0.24, 2), (10, 0.26, 3), (10, 0.001, 1), (2, 0.5, 1)] {
        let split = Split { test: share, ..Split::default() };
        assert_eq!(part(&column(0..n), &split, None).unwrap().held_out.len(), count, "{share} of {n}");
    }
}

#[test]
fn a_share_outside_its_range_or_that_leaves_nothing_is_refused() {
    for (n, share) in [(10, -0.1), (10, 1.0), (10, f64::NAN), (10, 0.99), (1, 0.1)] {
        let table = column(0..n);
        let split = Split { test: share, ..Split::default() };
        let error = part(&table, &split, None).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains("`test`"), "{error}");
        let error = split.validation_part(&table, &rows(n), None, share, 1).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains("`validation`"), "{error}");
    }
    assert!(Split::default().test_part(&column(0..2), &[], None).unwrap_err().is_usage());
}

#[test]
fn each_class_with_two_rows_is_in_both_parts() {
    // Classes of 60, 37, 2 and 1 rows: their shares of 20 are 12, 7.4, 0.4 and 0.2; the largest remainder
    // leaves 12, 8, 0, 0, then the third class needs one row.
    assert_eq!(stratified_counts(&[60, 37, 2, 1], 20), [12, 8, 1, 0]);
    assert_eq!(stratified_counts(&[5, 5, 5], 5), [2, 2, 1]);
    assert_eq!(stratified_counts(&[2, 2], 3), [1, 1]);
    let classes = [vec!["a"; 60], vec!["b"; 37], vec!["c"; 2], vec!["d"]].concat();
    let table = column(&classes);
    for seed in 0..20 {
        let parts = part(&table, &Split { seed, ..Split::default() }, Some("x")).unwrap();
        let count = |class| parts.held_out.iter().filter(|&&row| classes[row] == class).count();
        assert_eq!([count("a"), count("b"), count("c"), count("d")], [12, 8, 1, 0]);
    }
}

#[test]
fn classes_of_one_row_each_leave_no_test_part() {
    let table = try_read("x,y\na,1\nb,2\nc,3\n", &kinds(&[("x", Kind::Category)])).unwrap();
    let error = part(&table, &Split::default(), Some("x")).unwrap_err();
    assert!(error.is_usage());
    assert_contains(&error.to_string(), &["table.csv: no class of `x` has a second row for a test part"]);
}

#[test]
fn with_time_the_latest_rows_are_held_out() {
    let table = column(["2024-01-05", "2024-01-01", "2024-01-04", "2024-01-02", "2024-01-03"]);
    let parts = part(&table, &by_time(0.4), None).unwrap();
    assert_eq!(parts, Parts { train: vec![1, 3, 4], held_out: vec![0, 2] });
    let validation = by_time(0.4).validation_part(&table, &parts.train, None, 0.3, 9).unwrap();
    assert_eq!(validation, Parts { train: vec![1, 3], held_out: vec![4] });
}

#[test]
fn a_split_number_draws_the_test_part_in_place_of_the_seed() {
    let table = column(0..100);
    let of = |seed, number| {
        let split = Split { seed, ..Split::default() };
        split.resampled_test_part(&table, &rows(100), None, number).unwrap()
    };
    let parts = of(0, 3);
    assert_eq!((parts.train.len(), parts.held_out.len()), (80, 20));
    let all: BTreeSet<usize> = parts.train.iter().chain(&parts.held_out).copied().collect();
    assert_eq!(all.len(), 100);
    assert_eq!(of(9, 3), parts);
    assert_ne!(of(0, 4), parts);
    // No number draws the fixed test part or the validation part of a seed again.
    let split = Split { seed: 3, ..Split::default() };
    assert_ne!(part(&table, &split, None).unwrap(), parts);
    assert_ne!(split.validation_part(&table, &rows(100), None, 0.2, 3).unwrap(), parts);
}

#[test]
fn a_split_number_keeps_the_shares_of_classes_the_groups_and_the_order_in_time() {
    let classes = column((0..60).map(|i| if i % 3 == 0 { "a" } else { "b" }));
    let groups = column((0..60).map(|i| format!("g{}", i / 4)));
    let times = column(0..60);
    for number in 0..20 {
        let parts = Split::default().resampled_test_part(&classes, &rows(60), Some("x"), number).unwrap();
        let of_a = parts.held_out.iter().filter(|&&row| row % 3 == 0).count();
        assert_eq!((of_a, parts.held_out.len()), (4, 12));

        let parts = by_group(0.2, 0).resampled_test_part(&groups, &rows(60), None, number).unwrap();
        let held_out: BTreeSet<usize> = parts.held_out.iter().map(|row| row / 4).collect();
        assert_eq!((parts.held_out.len(), held_out.len()), (12, 3));

        let parts = by_time(0.2).resampled_test_part(&times, &rows(60), None, number).unwrap();
        assert_eq!(parts.held_out, (48..60).collect::<Vec<_>>());
    }
}

#[test]
fn rows_of_one_moment_are_never_divided() {
    // 3 of 10 wanted: the 3s begin at 8 and the 2s at 5; 8 is nearer to 7.
    let table = column([1, 1, 1, 1, 1, 2, 2, 2, 3, 3]);
    assert_eq!(part(&table, &by_time(0.3), None).unwrap().held_out, [8, 9]);
    // 4 of 10: the limits 5 and 8 are 1 and 2 from 6.
    assert_eq!(part(&table, &by_time(0.4), None).unwrap().held_out, [5, 6, 7, 8, 9]);
}

#[test]
fn times_that_cannot_order_rows_are_refused() {
    let message = |table: &Table| part(table, &by_time(0.2), None).unwrap_err().to_string();
    assert_contains(&message(&column(["1", "", "3"])), &["row 3, column `x`", "without a time"]);
    assert_contains(&message(&column(["a", "b", "a"])), &["`time`", "dates or numbers", "category"]);
    assert_contains(&message(&column([7, 7, 7])), &["`time`", "one value"]);
    let unknown = Split { time: Some("xx".into()), ..Split::default() };
    assert_contains(&part(&column(0..5), &unknown, None).unwrap_err().to_string(), &["`xx`", "`x`"]);
    let both = Split { group: Some("x".into()), ..by_time(0.2) };
    assert!(part(&column(0..5), &both, None).unwrap_err().is_usage());
}

#[test]
fn groups_stay_together() {
    let groups: Vec<usize> = (0..100).map(|row| row * row % 17).collect();
    let table = column(&groups);
    let mut different = BTreeSet::new();
    for seed in 0..20 {
        let parts = part(&table, &by_group(0.3, seed), None).unwrap();
        let of = |rows: &[usize]| rows.iter().map(|&row| groups[row]).collect::<BTreeSet<_>>();
        assert!(of(&parts.train).is_disjoint(&of(&parts.held_out)), "seed {seed}");
        // No group has more than 12 rows, so the count is at most half of one away from 30.
        assert!(parts.held_out.len().abs_diff(30) <= 6, "{}", parts.held_out.len());
        different.insert(parts.held_out);
        let inner = by_group(0.3, 0).validation_part(&table, &parts.train, None, 0.2, seed).unwrap();
        assert!(of(&inner.train).is_disjoint(&of(&inner.held_out)), "seed {seed}");
    }
    assert!(different.len() > 10);
}

#[test]
fn at_least_one_group_is_held_out_and_at_least_one_left() {
    for seed in 0..10 {
        // 1 of 10 wanted: taking the group of 4 is not closer than taking none, but a part is needed.
        let table = column([1, 1, 1, 1, 2, 2, 2, 2, 2, 2]);
        assert_eq!(part(&table, &by_group(0.1, seed), None).unwrap().held_out, [0, 1, 2, 3]);
    }
    let error = part(&column([1, 1, 1]), &by_group(0.3, 0), None).unwrap_err();
    assert!(error.is_usage());
    assert_contains(
        &error.to_string(),
        &["table.csv: the 3 rows have too few values of `x` for a test part"],
    );
    let error = part(&column(["a", "", "a"]), &by_group(0.3, 0), None).unwrap_err();
    assert_contains(&error.to_string(), &["row 3, column `x`"]);
}

#[test]
fn a_class_that_is_only_in_the_test_part_is_an_error_with_its_row() {
    let table = read("x,y\n1,a\n2,b\n3,a\n4,b\n5,new\n");
    let error = part(&table, &by_time(0.2), Some("y")).unwrap_err().to_string();
    assert_contains(&error, &["row 6, column `y`", "class `new` is only in the test part"]);
    let error = by_time(0.2).validation_part(&table, &rows(5), Some("y"), 0.2, 0).unwrap_err().to_string();
    assert_contains(&error, &["only in the validation part"]);
}

#[test]
fn rows_without_a_target_are_an_error_or_left_out() {
    let table = read("x,y,z\n1,2,\n,3,1\n4,5,1\n");
    let targets = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    let error = table.rows_with_target(&targets(&["y", "x"]), false).unwrap_err().to_string();
    assert_contains(&error, &["row 3, column `x`", "`drop_missing_target = true`"]);
    assert_eq!(table.rows_with_target(&targets(&["y", "x"]), true).unwrap(), [0, 2]);
    assert_eq!(table.rows_with_target(&targets(&["z", "x"]), true).unwrap(), [2]);
    assert_eq!(table.rows_with_target(&targets(&["y"]), false).unwrap(), [0, 1, 2]);
    let unknown = table.rows_with_target(&targets(&["yy"]), true).unwrap_err().to_string();
    assert_contains(&unknown, &["`yy`", "did you mean `y`?"]);
    let table = try_read("x,y\n,1\n,1\n", &kinds(&[("x", Kind::Number)])).unwrap();
    let error = table.rows_with_target(&targets(&["x"]), true).unwrap_err().to_string();
    assert_contains(&error, &["no row has a target"]);
}

#[test]
fn a_test_file_must_have_the_columns_of_the_training_file() {
    let train = read("height,weight\n1,2\n3,4\n");
    let (_folder, path) = file(b"height,wait\n1,2\n");
    assert_contains(&train.read_alike(&path).unwrap_err().to_string(), &["`weight`", "height, wait"]);
    let (_folder, path) = file(b"weight,extra,height\n1,2,3\n");
    assert_eq!(train.read_alike(&path).unwrap().names(), ["weight", "extra", "height"]);
}

#[test]
fn unknown_fields_of_a_split_are_refused() {
    let split: Split = serde_json::from_str(r#"{"test": 0.3, "time": "x"}"#).unwrap();
    assert_eq!(split, by_time(0.3));
    assert!(serde_json::from_str::<Split>(r#"{"tset": 0.3}"#).is_err());
}
