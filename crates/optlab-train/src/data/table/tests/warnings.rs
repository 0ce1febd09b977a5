//! Warnings, each with a table that has the mistake and one that is just within the limit.

use super::{assert_contains, kinds, read, try_read};
use crate::data::table::{Kind, Table, Task};

fn warnings(table: &Table, task: Task) -> Vec<String> {
    table.warnings(&["y".into()], task).unwrap()
}

/// A table of the columns `x`, `noise` and `y`, the noise being different in all rows.
fn pairs(rows: impl IntoIterator<Item = (String, String)>) -> Table {
    let content = rows
        .into_iter()
        .enumerate()
        .fold(String::from("x,noise,y\n"), |all, (i, (x, y))| format!("{all}{x},{},{y}\n", i * 7 % 101));
    read(content)
}

#[test]
fn a_table_without_mistakes_has_no_warnings() {
    let table = pairs((0..40).map(|i| (["a", "b"][i / 20].into(), ["u", "v"][i % 2].into())));
    assert_eq!(warnings(&table, Task::Classification), [""; 0]);
    assert!(table.warnings(&["yy".into()], Task::Regression).is_err());
}

#[test]
fn a_column_with_the_values_of_the_target_is_suspected() {
    let numbers = pairs([("1", "1"), ("5", "5"), ("", "7")].map(|(x, y)| (x.into(), y.into())));
    assert_contains(&warnings(&numbers, Task::Regression)[0], &["`x`", "same values as the target `y`"]);
    let texts = pairs(["u", "v", "u"].map(|text| (text.into(), text.into())));
    assert_contains(&warnings(&texts, Task::Classification)[0], &["`x`", "same values"]);
    let other = pairs([("1", "1"), ("5", "6"), ("", "7")].map(|(x, y)| (x.into(), y.into())));
    assert_eq!(warnings(&other, Task::Regression), [""; 0]);
}

#[test]
fn a_column_that_is_a_line_of_the_target_is_suspected() {
    let line = |n: usize| pairs((0..n).map(|i| ((3 - 2 * i as i64).to_string(), (i * i + i).to_string())));
    // x against i² + i is no line.
    assert_eq!(warnings(&line(12), Task::Regression), [""; 0]);
    let line = |n: usize| pairs((0..n).map(|i| ((3 - 2 * i as i64).to_string(), i.to_string())));
    assert_contains(&warnings(&line(10), Task::Regression)[0], &["`x`", "correlation of -1.0000", "`y`"]);
    assert_eq!(warnings(&line(9), Task::Regression), [""; 0]);
    // x = i ± 1: the variance of i is (100² − 1) / 12 = 833.25 and of the error 1, uncorrelated but for
    // 1/100: the correlation is about √(833.25 / 834.25) = 0.9994; with ± 2 it is √(833.25 / 837.25) =
    // 0.9976.
    let noisy =
        |error: i64| pairs((0..100).map(|i| ((i + error * (1 - 2 * (i % 2))).to_string(), i.to_string())));
    assert_eq!(warnings(&noisy(1), Task::Regression).len(), 1);
    assert_eq!(warnings(&noisy(2), Task::Regression), [""; 0]);
}

#[test]
fn a_column_with_a_value_of_its_own_for_each_class_is_suspected_in_many_rows() {
    let coded = |n: usize, last: &str| {
        let mut rows: Vec<(String, String)> =
            (0..n).map(|i| (["7", "8"][i % 2].into(), ["cat", "dog"][i % 2].into())).collect();
        rows[n - 1].0 = last.into();
        pairs(rows)
    };
    assert_contains(&warnings(&coded(20, "8"), Task::Classification)[0], &["`x`", "each value", "`y`"]);
    assert_eq!(warnings(&coded(18, "8"), Task::Classification), [""; 0]);
    // One row of another class, or another value of the same class.
    assert_eq!(warnings(&coded(20, "7"), Task::Classification), [""; 0]);
    assert_eq!(warnings(&coded(40, "9"), Task::Classification), [""; 0]);
}

#[test]
fn constant_ignored_and_mostly_missing_columns_are_named() {
    let long = "a text of far more than fifty characters that nobody would call a category or number";
    let content =
        format!("c,id,m,h,t,y\n7,p,,,{long} 1,1\n7,q,,,{long} 2,3\n7,r,2,3,{long} 3,2\n7,s,,4,{long} 4,5\n");
    let found = warnings(&read(content), Task::Regression);
    assert_eq!(found.len(), 4, "{found:?}");
    assert_contains(&found[0], &["`c`", "same value in all rows"]);
    assert_contains(&found[1], &["`id`", "identifier", "ignored"]);
    assert_contains(&found[2], &["`m`", "missing in 3 of 4 rows (75 %)"]);
    assert_contains(&found[3], &["`t`", "long texts", "ignored"]);
}

#[test]
fn a_column_with_one_value_and_missing_ones_is_not_constant() {
    assert_eq!(warnings(&read("c,y\n7,1\n,3\n7,2\n"), Task::Regression), [""; 0]);
}

#[test]
fn imbalanced_classes_are_counted() {
    let table = |large: usize, small: usize| {
        pairs(
            (0..large + small).map(|i| (format!("{}", i * i % 83), if i < large { "u" } else { "v" }.into())),
        )
    };
    assert_contains(&warnings(&table(22, 2), Task::Classification)[0], &["`y`", "(u: 22, v: 2)"]);
    assert_eq!(warnings(&table(20, 2), Task::Classification), [""; 0]);
    assert_eq!(warnings(&read("x,y\n1,2\n2,2\n3,1\n"), Task::Regression), [""; 0]);
    // Twelve classes: the nine largest, how many are left out, and the smallest.
    let many = pairs(
        (0..12)
            .flat_map(|class| vec![class; 12 - class])
            .enumerate()
            .map(|(i, class)| (format!("{}", i * i % 83), format!("class {class:02}"))),
    );
    let found = warnings(&many, Task::Classification);
    assert_contains(&found[0], &["class 00: 12, class 01: 11", "class 08: 4, … 2 more, class 11: 1)"]);
}

#[test]
fn rows_that_repeat_an_earlier_one_are_counted_without_identifiers() {
    let content = "id,x,c,y\np,1,a,2\nq,1,a,2\nr,1,b,2\ns,,a,3\nt,1,a,2\nu,,a,3\nv,-0.0,b,4\nw,0,b,4\n";
    let found = warnings(&read(content), Task::Regression);
    assert_contains(&found[1], &["4 rows repeat an earlier row"]);
    let table = try_read("x,y\n1,2\n1,2\n", &kinds(&[("x", Kind::Category)])).unwrap();
    assert!(warnings(&table, Task::Regression).contains(&"1 row repeats an earlier row".to_string()));
}

#[test]
fn a_column_that_counts_the_rows_is_said_so() {
    let numbered =
        |numbers: &dyn Fn(usize) -> String| pairs((0..12).map(|i| (numbers(i), (i * i % 7).to_string())));
    for first in [0, 1] {
        let found = warnings(&numbered(&|i| (i + first).to_string()), Task::Regression);
        assert_contains(&found[0], &["column `x` counts the rows", "exclude = [\"x\"]"]);
    }
    assert_eq!(warnings(&numbered(&|i| (i + 2).to_string()), Task::Regression), [""; 0]);
    assert_eq!(warnings(&numbered(&|i| (i * 2).to_string()), Task::Regression), [""; 0]);
}
