//! The encoder: every kind of column, every task, prediction, saving, and what is refused.

use super::{assert_contains, kinds, read, try_read};
use crate::Error;
use crate::data::table::{
    Encoded, EncodedTargets, Encoder, EncoderOptions, FeatureKind, Kind, ReadOptions, Scale, Table, Task,
};
use std::f64::consts::TAU;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

fn rows(table: &Table) -> Vec<usize> {
    (0..table.len()).collect()
}

fn try_fit(table: &Table, target: &[&str], task: Task, options: &EncoderOptions) -> Result<Encoder, Error> {
    Encoder::fit(table, &names(target), task, &rows(table), options)
}

/// An encoder of all rows of `table` with the numbers `y` as target.
fn fit(table: &Table) -> Encoder {
    try_fit(table, &["y"], Task::Regression, &EncoderOptions::default()).unwrap()
}

fn feature_names(encoder: &Encoder) -> Vec<String> {
    encoder.features().into_iter().map(|feature| feature.name).collect()
}

/// The inputs of all rows of `table`, one vector per row.
fn inputs(encoder: &Encoder, table: &Table) -> Vec<Vec<f32>> {
    let inputs = encoder.encode_inputs(table, &rows(table)).unwrap();
    inputs.chunks_exact(encoder.features().len()).map(<[f32]>::to_vec).collect()
}

#[track_caller]
fn assert_close(given: &[Vec<f32>], expected: &[&[f64]]) {
    assert_eq!(given.len(), expected.len());
    for (given, expected) in given.iter().zip(expected) {
        assert_eq!(given.len(), expected.len());
        for (given, expected) in given.iter().zip(*expected) {
            assert!((f64::from(*given) - expected).abs() < 1e-6, "{given} instead of {expected}");
        }
    }
}

#[test]
fn numbers_are_standardized_and_missing_ones_are_the_mean_with_a_feature_of_their_own() {
    // 1, 3, 8: mean 4, deviation √((9 + 1 + 16) / 3).
    let table = read("x,y\n1,0\n3,1\n,2\n8,3\n");
    let encoder = fit(&table);
    let deviation = (26.0f64 / 3.0).sqrt();
    assert_eq!(feature_names(&encoder), ["x", "x is missing"]);
    assert_close(
        &inputs(&encoder, &table),
        &[&[-3.0 / deviation, 0.0], &[-1.0 / deviation, 0.0], &[0.0, 1.0], &[4.0 / deviation, 0.0]],
    );
    let features = encoder.features();
    assert_eq!(features[0].scale.mean, 4.0);
    assert!((features[0].scale.deviation - deviation).abs() < 1e-12);
    assert_eq!((features[1].scale, features[1].column.as_str()), (Scale::IDENTITY, "x"));
}

#[test]
fn a_number_that_is_missing_in_no_training_row_has_one_feature_and_is_the_mean_where_it_is_missing_later() {
    let encoder = fit(&read("x,y\n1,0\n3,1\n"));
    let later = try_read("x\n3\n\n,\n".replace("\n,", "\nNA"), encoder.read_options()).unwrap();
    assert_close(&inputs(&encoder, &later), &[&[1.0], &[0.0]]);
}

#[test]
fn a_constant_or_empty_column_has_features_of_0() {
    // The mean of seven times 0.1 is not 0.1 in f64.
    let rows = "0.1,,1\n0.1,,2\n0.1,,3\n0.1,,4\n0.1,,5\n0.1,,6\n0.1,,7\n";
    let table = try_read(format!("c,e,y\n{rows}"), &kinds(&[("e", Kind::Number)])).unwrap();
    let encoder = fit(&table);
    assert_eq!(feature_names(&encoder), ["c", "e", "e is missing"]);
    assert!(inputs(&encoder, &table).iter().all(|row| *row == [0.0, 0.0, 1.0]));
}

#[test]
fn deviations_of_numbers_far_from_0_keep_their_digits() {
    let table = read("x,y\n1000000000.0,0\n1000000001.0,1\n1000000002.0,2\n");
    let half = (1.5f64).sqrt();
    assert_close(&inputs(&fit(&table), &table), &[&[-half], &[0.0], &[half]]);
}

#[test]
fn answers_are_1_and_0_and_the_share_of_yes_where_missing() {
    let table = read("x,y\nyes,1\nno,2\n,3\nYes,4\nno,5\nyes,6\n");
    let encoder = fit(&table);
    assert_eq!(feature_names(&encoder), ["x", "x is missing"]);
    let expected: [&[f64]; 6] =
        [&[1.0, 0.0], &[0.0, 0.0], &[0.6, 1.0], &[1.0, 0.0], &[0.0, 0.0], &[1.0, 0.0]];
    assert_close(&inputs(&encoder, &table), &expected);
}

#[test]
fn dates_are_years_and_the_season_if_they_span_more_than_a_year() {
    let table = read("x,y\n2020-01-01,1\n2021-07-02,2\n,3\n");
    let encoder = fit(&table);
    let names = ["x: years since 2020-01-01", "x: sine of the year", "x: cosine of the year", "x is missing"];
    assert_eq!(feature_names(&encoder), names);
    // Two values are one deviation from their mean. 2021-07-02 is 366 + 182 days later, and 182 of 365 days
    // into its year.
    let angle = TAU * 182.0 / 365.0;
    assert_close(
        &inputs(&encoder, &table),
        &[&[-1.0, 0.0, 1.0, 0.0], &[1.0, angle.sin(), angle.cos(), 0.0], &[0.0, 0.0, 0.0, 1.0]],
    );
    let years = encoder.features()[0].scale;
    assert!((years.mean - 548.0 / 365.2425 / 2.0).abs() < 1e-9);
}

#[test]
fn dates_within_a_year_have_no_season_and_times_have_the_hour() {
    let table = read("x,y\n2020-03-01T06:00,1\n2020-03-02T00:00,2\n");
    let encoder = fit(&table);
    assert_eq!(
        feature_names(&encoder),
        ["x: years since 2020-03-01T06:00:00", "x: sine of the day", "x: cosine of the day"]
    );
    assert_close(&inputs(&encoder, &table), &[&[-1.0, 1.0, 0.0], &[1.0, 0.0, 1.0]]);
    let midnights = read("x,y\n2020-03-01T00:00,1\n2020-03-02T00:00,2\n");
    assert_eq!(feature_names(&fit(&midnights)), ["x: years since 2020-03-01"]);
    // 367 days are more than a year, 365 are not.
    let both = read("x,y\n2019-03-01T12:00,1\n2020-03-02T12:00,2\n");
    assert_eq!(fit(&both).features().len(), 5);
    assert_eq!(fit(&read("x,y\n2019-03-01T12:00,1\n2020-02-29T12:00,2\n")).features().len(), 3);
}

#[test]
fn categories_are_one_hot_in_alphabetical_order_and_unseen_ones_are_0() {
    let table = read("x,y\nred,1\nblue,2\n,3\nred,4\n");
    let encoder = fit(&table);
    assert_eq!(feature_names(&encoder), ["x = blue", "x = red", "x is missing"]);
    let expected: [&[f64]; 4] = [&[0.0, 1.0, 0.0], &[1.0, 0.0, 0.0], &[0.0, 0.0, 1.0], &[0.0, 1.0, 0.0]];
    assert_close(&inputs(&encoder, &table), &expected);
    let later = try_read("x\ngreen\nblue\nNA\n", encoder.read_options()).unwrap();
    assert_close(&inputs(&encoder, &later), &[&[0.0, 0.0, 0.0], &[1.0, 0.0, 0.0], &[0.0, 0.0, 1.0]]);
}

#[test]
fn categories_of_rows_outside_of_the_training_rows_are_unseen() {
    let table = read("x,y\na,1\nb,2\na,3\nb,4\nc,5\nc,6\n");
    let encoder =
        Encoder::fit(&table, &names(&["y"]), Task::Regression, &[0, 1, 2], &EncoderOptions::default())
            .unwrap();
    assert_eq!(feature_names(&encoder), ["x = a", "x = b"]);
    assert_eq!(encoder.encode_inputs(&table, &[4, 1]).unwrap(), [0.0, 0.0, 0.0, 1.0]);
    // The mean of 1, 2 and 3.
    assert_eq!(encoder.target_scale(0).mean, 2.0);
}

#[test]
fn more_categories_than_max_one_hot_are_an_index() {
    let table = read("x,y\nb,1\na,2\n,3\nc,4\na,5\n");
    let options = |max_one_hot| EncoderOptions { max_one_hot, ..EncoderOptions::default() };
    let encoder = try_fit(&table, &["y"], Task::Regression, &options(2)).unwrap();
    let features = encoder.features();
    assert_eq!(features.len(), 1);
    assert_eq!((features[0].name.as_str(), features[0].column.as_str()), ("x", "x"));
    // Unseen, a, b, c and missing.
    assert_eq!(features[0].kind, FeatureKind::Embedding { cardinality: 5 });
    assert_eq!(encoder.encode_inputs(&table, &rows(&table)).unwrap(), [2.0, 1.0, 4.0, 3.0, 1.0]);
    let later = try_read("x\nd\nc\nNA\n", encoder.read_options()).unwrap();
    assert_eq!(encoder.encode_inputs(&later, &[0, 1, 2]).unwrap(), [0.0, 3.0, 4.0]);
    assert_eq!(try_fit(&table, &["y"], Task::Regression, &options(3)).unwrap().features().len(), 4);

    let complete = read("x,y\nb,1\na,2\nc,4\na,5\n");
    let encoder = try_fit(&complete, &["y"], Task::Regression, &options(0)).unwrap();
    assert_eq!(encoder.features()[0].kind, FeatureKind::Embedding { cardinality: 4 });
    assert_eq!(encoder.encode_inputs(&later, &[2]).unwrap(), [0.0]);
    assert_eq!(EncoderOptions::default().max_one_hot, 32);
}

#[test]
fn several_columns_stand_side_by_side_without_target_identifiers_and_excluded_ones() {
    let table = read("id,a,y,b,g\nr1,1,5,yes,u\nr2,3,6,no,u\nr3,2,7,no,v\n");
    let options = EncoderOptions { exclude: names(&["g"]), ..EncoderOptions::default() };
    let encoder = try_fit(&table, &["y"], Task::Regression, &options).unwrap();
    assert_eq!(feature_names(&encoder), ["a", "b"]);
    let deviation = (2.0f64 / 3.0).sqrt();
    let Encoded { rows, inputs, features, targets } = encoder.encode(&table, &[2, 0]).unwrap();
    assert_eq!((rows, features), (vec![2, 0], 2));
    assert_close(&[inputs], &[&[0.0, 0.0, -1.0 / deviation, 1.0]]);
    let EncodedTargets::Values { values, targets } = targets else { panic!() };
    assert_eq!(targets, 1);
    assert_close(&[values], &[&[1.0 / deviation, -1.0 / deviation]]);
    assert!((encoder.original_target(0, 1.0 / deviation) - 7.0).abs() < 1e-12);
}

#[test]
fn several_numbers_may_be_predicted_at_once() {
    let table = read("x,y,z\n1,0,10\n2,4,30\n");
    let encoder = try_fit(&table, &["z", "y"], Task::Regression, &EncoderOptions::default()).unwrap();
    let targets = encoder.encode(&table, &[0, 1]).unwrap().targets;
    assert_eq!(targets, EncodedTargets::Values { values: vec![-1.0, -1.0, 1.0, 1.0], targets: 2 });
    assert_eq!((encoder.original_target(0, 1.0), encoder.original_target(1, 1.0)), (30.0, 4.0));
    assert_eq!(encoder.target(), ["z", "y"]);
    assert!(encoder.class_names().is_empty());
}

#[test]
fn classes_are_sorted_by_text_or_by_number() {
    let classes = |content: &str, options: &ReadOptions| {
        let table = try_read(content, options).unwrap();
        let encoder = try_fit(&table, &["y"], Task::Classification, &EncoderOptions::default()).unwrap();
        let EncodedTargets::Classes { labels, classes } =
            encoder.encode(&table, &rows(&table)).unwrap().targets
        else {
            panic!()
        };
        assert_eq!(classes, encoder.class_names().len());
        (encoder.class_names().join(" "), labels)
    };
    let default = ReadOptions::default();
    assert_eq!(classes("x,y\n1,dog\n2,cat\n3,dog\n", &default), ("cat dog".into(), vec![1, 0, 1]));
    assert_eq!(classes("x,y\n1,10\n2,9\n3,-1\n", &default), ("-1 9 10".into(), vec![2, 1, 0]));
    let category = kinds(&[("y", Kind::Category)]);
    assert_eq!(classes("x,y\n1,10\n2,9\n3,010\n", &category).0, "9 010 10");
    assert_eq!(classes("x,y\n1,yes\n2,no\n3,no\n", &default), ("no yes".into(), vec![1, 0, 0]));
    assert_eq!(classes("x,y\n1,Nein\n2,Ja\n3,nein\n", &default), ("Ja Nein".into(), vec![1, 0, 1]));
    assert_eq!(classes("x,y\n1,0\n2,-0.0\n3,1\n", &default), ("0 1".into(), vec![0, 0, 1]));
}

#[test]
fn classes_of_another_file_are_found_by_their_names() {
    let table = read("x,y,z\n1,dog,yes\n2,cat,no\n3,dog,no\n");
    let (_folder, path) = super::file(b"y,x,z\ncat,5,NO\ndog,6,YES\n");
    let other = table.read_alike(path).unwrap();
    for (target, expected) in [("y", vec![0, 1]), ("z", vec![0, 1])] {
        let encoder = try_fit(&table, &[target], Task::Classification, &EncoderOptions::default()).unwrap();
        let targets = encoder.encode(&other, &[0, 1]).unwrap().targets;
        assert_eq!(targets, EncodedTargets::Classes { labels: expected, classes: 2 });
    }
}

#[test]
fn labels_are_answers_or_0_and_1() {
    let table = read("x,a,b\n1,yes,0\n2,no,0\n3,no,1\n");
    let encoder = try_fit(&table, &["a", "b"], Task::MultiLabel, &EncoderOptions::default()).unwrap();
    let targets = encoder.encode(&table, &[0, 1, 2]).unwrap().targets;
    assert_eq!(targets, EncodedTargets::Labels { values: vec![1.0, 0.0, 0.0, 0.0, 0.0, 1.0], labels: 2 });
    assert_eq!(encoder.original_target(0, 1.0), 1.0);
    let error = |content: &str| {
        try_fit(&read(content), &["a"], Task::MultiLabel, &EncoderOptions::default()).unwrap_err().to_string()
    };
    assert_contains(&error("x,a\n1,0\n2,2\n"), &["row 3, column `a`", "`2` is neither 0 nor 1"]);
    assert_contains(&error("x,a\n1,0\n2,0\n"), &["`a` has only one value"]);
    assert_contains(&error("x,a\n1,u\n2,v\n3,v\n"), &["`target`", "of kind category"]);
}

#[test]
fn targets_that_cannot_be_learned_are_refused() {
    let table = read(
        "id,x,y,c,n,d,t\nq,1,dog,7,1,2024-01-01,u\nr,2,cat,7,2,2024-01-02,u\ns,3,dog,7,3,2024-01-03,u\n",
    );
    for (target, task, parts) in [
        (&["yy"][..], Task::Regression, &["unknown column `yy`", "did you mean `y`?"][..]),
        (&["y"], Task::Regression, &["`target`", "columns of numbers", "`y`, of kind category"]),
        (&["id"], Task::Classification, &["`target`", "`id`, of kind identifier"]),
        (&["d"], Task::Classification, &["`target`", "`d`, of kind date"]),
        (&["c"], Task::Regression, &["`c` has only one value"]),
        (&["c"], Task::Classification, &["`c` has only one value"]),
        (&["t"], Task::Classification, &["`t` has only one value"]),
        (&["n", "n"], Task::Regression, &["`target`", "`n` twice"]),
        (&["y", "t"], Task::Classification, &["`target`", "one column for a classification", "2 columns"]),
        (&[], Task::Regression, &["`target`", "at least one column"]),
    ] {
        let error = try_fit(&table, target, task, &EncoderOptions::default()).unwrap_err();
        assert_contains(&error.to_string(), parts);
    }
    let exclude =
        |excluded: &[&str]| EncoderOptions { exclude: names(excluded), ..EncoderOptions::default() };
    let error =
        try_fit(&table, &["y"], Task::Classification, &exclude(&["x", "c", "n", "d", "t"])).unwrap_err();
    assert_contains(&error.to_string(), &["`inputs`", "at least one column"]);
    let error = try_fit(&table, &["y"], Task::Classification, &exclude(&["xx"])).unwrap_err();
    assert_contains(&error.to_string(), &["`xx`", "did you mean `x`?"]);
}

#[test]
fn a_class_that_no_training_row_has_is_an_error_with_its_row() {
    let table = read("x,y\n1,a\n2,b\n3,new\n4,new\n");
    let encoder =
        Encoder::fit(&table, &names(&["y"]), Task::Classification, &[0, 1], &EncoderOptions::default())
            .unwrap();
    let error = encoder.encode(&table, &[0, 3]).unwrap_err().to_string();
    assert_contains(&error, &["row 5, column `y`", "class `new`", "training rows"]);
}

#[test]
fn rows_without_a_target_are_an_error_or_left_out() {
    let table = read("x,y\n1,1\n2,\n3,5\n");
    let error =
        try_fit(&table, &["y"], Task::Regression, &EncoderOptions::default()).unwrap_err().to_string();
    assert_contains(&error, &["row 3, column `y`", "`drop_missing_target = true`"]);
    let drop = EncoderOptions { drop_missing_target: true, ..EncoderOptions::default() };
    let encoder = try_fit(&table, &["y"], Task::Regression, &drop).unwrap();
    // Without the row dropped x has the mean 2.
    assert_eq!(encoder.features()[0].scale, Scale { mean: 2.0, deviation: 1.0 });
    let encoded = encoder.encode(&table, &[2, 1, 0]).unwrap();
    assert_eq!(encoded.rows, [2, 0]);
    assert_eq!(encoded.inputs, [1.0, -1.0]);
    assert_eq!(encoded.targets, EncodedTargets::Values { values: vec![1.0, -1.0], targets: 1 });
    let encoder =
        Encoder::fit(&table, &names(&["y"]), Task::Regression, &[0, 2], &EncoderOptions::default()).unwrap();
    assert_contains(&encoder.encode(&table, &[1]).unwrap_err().to_string(), &["row 3, column `y`"]);
}

#[test]
fn prediction_needs_the_input_columns_alone() {
    let table = read("a,b,y\n1,u,1\n3,v,2\n1,u,3\n");
    let encoder = fit(&table);
    let later = try_read("b,extra,a\nv,9,3\n", encoder.read_options()).unwrap();
    assert_close(&inputs(&encoder, &later), &[&[(1.0 + 1.0 / 3.0) / (8.0f64 / 9.0).sqrt(), 0.0, 1.0]]);
    // Without the encoder's options a file of one row has an identifier, which is as good as a category.
    assert_eq!(inputs(&encoder, &read("b,a\nv,3\nw,3\n"))[0], inputs(&encoder, &later)[0]);
    let error = encoder.encode_inputs(&read("b,y\nv,1\nu,2\n"), &[0]).unwrap_err().to_string();
    assert_contains(&error, &["table.csv", "column `a` is missing"]);
    let error = try_read("b,y\nv,1\n", encoder.read_options()).unwrap_err().to_string();
    assert_contains(&error, &["unknown column `a`"]);
    let error = encoder.encode_inputs(&read("a,b\nw,u\nw,v\n"), &[0]).unwrap_err().to_string();
    assert_contains(&error, &["column `a` is of kind category", "of kind number in training", "columns.a"]);
    let error = try_read("a,b\n1,u\nx,u\n", encoder.read_options()).unwrap_err().to_string();
    assert_contains(&error, &["row 3, column `a`", "`x` is not a number"]);
}

#[test]
fn a_saved_encoder_encodes_as_the_one_that_was_saved() {
    let content = "n,k,c,d,i,y\n0.1,yes,u,2020-01-05T10:00,p,1\n0.7,no,v,2022-05-06,q,2\n\
                   ,,,,,3\n0.3,no,u,2021-01-01,r,4\n";
    let table = try_read(content, &kinds(&[("i", Kind::Category)])).unwrap();
    let options = EncoderOptions { max_one_hot: 2, ..EncoderOptions::default() };
    for (target, task) in [("y", Task::Regression), ("y", Task::Classification)] {
        let encoder = try_fit(&table, &[target], task, &options).unwrap();
        let saved = serde_json::to_string(&encoder).unwrap();
        let loaded: Encoder = serde_json::from_str(&saved).unwrap();
        assert_eq!(loaded, encoder);
        assert_eq!(
            loaded.encode(&table, &[3, 1, 0, 2]).unwrap(),
            encoder.encode(&table, &[3, 1, 0, 2]).unwrap()
        );
        assert!(serde_json::from_str::<Encoder>(&saved.replacen("\"task\"", "\"tusk\"", 1)).is_err());
    }
}

#[test]
fn numbers_too_large_for_a_model_are_errors_with_their_place() {
    let table = read("x,y\n1,1\n2,2\n1e300,3\n");
    let options = EncoderOptions::default();
    let error = try_fit(&table, &["y"], Task::Regression, &options).unwrap_err().to_string();
    assert_contains(&error, &["column `x`", "too large"]);
    let error = try_fit(&table, &["x"], Task::Regression, &options).unwrap_err().to_string();
    assert_contains(&error, &["column `x`", "too large"]);
    let encoder = Encoder::fit(&table, &names(&["y"]), Task::Regression, &[0, 1], &options).unwrap();
    let error = encoder.encode_inputs(&table, &[2]).unwrap_err().to_string();
    assert_contains(&error, &["row 4, column `x`", "too far"]);
    let encoder = Encoder::fit(&table, &names(&["x"]), Task::Regression, &[0, 1], &options).unwrap();
    assert_contains(
        &encoder.encode(&table, &[2]).unwrap_err().to_string(),
        &["row 4, column `x`", "too far"],
    );
}

#[test]
fn a_linear_model_is_converted_to_the_units_of_the_data() {
    // y = 2 a − 3 b + 5 in the data's own units.
    let table = read("a,b,y\n1,10,-23\n2,30,-81\n4,20,-47\n7,50,-131\n");
    let encoder = fit(&table);
    let features = encoder.features();
    let target = encoder.target_scale(0);
    // The coefficients in standardized units by y' = Σ w'ᵢ x'ᵢ, w'ᵢ = wᵢ σᵢ / σ.
    let standardized = [2.0 * features[0].scale.deviation, -3.0 * features[1].scale.deviation];
    for (row, input) in inputs(&encoder, &table).iter().enumerate() {
        let predicted: f64 =
            input.iter().zip(standardized).map(|(x, w)| f64::from(*x) * w / target.deviation).sum();
        let expected = [-23.0, -81.0, -47.0, -131.0][row];
        assert!((encoder.original_target(0, predicted) - expected).abs() < 1e-4);
    }
    let intercept =
        -(0..2).map(|i| standardized[i] * features[i].scale.mean / features[i].scale.deviation).sum::<f64>();
    assert!((intercept + target.mean - 5.0).abs() < 1e-9);
}
