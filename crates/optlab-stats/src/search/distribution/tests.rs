use super::*;
use serde_json::json;

fn read(text: &str) -> Distribution {
    Distribution::read("x", text).unwrap()
}

#[test]
fn the_value_at_the_middle_follows_the_distribution() {
    for (text, middle) in [
        ("log(1e-4,1e-2)", json!(0.001)),
        ("log(1e-4,1e-1)", json!(0.003162)), // 10^−2.5 = 0.0031622…
        ("uniform(-1,2)", json!(0.5)),
        ("complement(0.9,0.999)", json!(0.99)),
        ("complement(0,0.96)", json!(0.8)), // √(1 · 0.04) = 0.2
        ("int(1,3)", json!(2)),
        ("int(-2,1)", json!(0)),
        ("choice(a,b)", json!("b")),
        ("choice(a,b,c)", json!("b")),
        ("choice(a)", json!("a")),
    ] {
        assert_eq!(read(text).at(0.5), middle, "{text}");
    }
    assert_eq!(read("log(1e-4,1e-1)").at(0.25), json!(0.0005623)); // 10^(−4 + 0.75) = 0.00056234…
    assert_eq!(read("uniform(2,4)").at(0.25), json!(2.5));
    assert_eq!(read("complement(0.9,0.999)").at(0.25), json!(0.96838)); // 1 − 10^−1.5 = 1 − 0.0316227…
}

#[test]
fn values_reach_both_ends_and_stay_within_them() {
    for (text, low, high) in [
        ("log(1.23456e-4,0.123456)", json!(1.23456e-4), json!(0.123456)),
        ("uniform(0.123456,0.654321)", json!(0.123456), json!(0.654321)),
        ("complement(0.876543,0.9876543)", json!(0.876543), json!(0.9876543)),
        ("int(1,8)", json!(1), json!(8)),
        ("choice(true,false)", json!(true), json!(false)),
    ] {
        let distribution = read(text);
        let (first, last) = (distribution.at(0.0), distribution.at(BELOW_ONE));
        if let (Some(first), Some(last)) = (first.as_f64(), last.as_f64()) {
            assert!((low.as_f64().unwrap()..=high.as_f64().unwrap()).contains(&first), "{text}: {first}");
            assert!((last / high.as_f64().unwrap() - 1.0).abs() < 5e-4, "{text}: {last}");
            assert!((first / low.as_f64().unwrap() - 1.0).abs() < 5e-4, "{text}: {first}");
            for step in 0..=1000 {
                let value = distribution.at(step as f64 / 1000.0 * BELOW_ONE).as_f64().unwrap();
                assert!(low.as_f64().unwrap() <= value && value <= high.as_f64().unwrap(), "{text}: {value}");
            }
        } else {
            assert_eq!((first, last), (low, high));
        }
    }
}

#[test]
fn a_value_is_short_and_close_to_the_exact_number() {
    for step in 0..1000 {
        let u = step as f64 / 1000.0;
        for (text, exact) in [
            ("log(1e-4,1e-1)", 10_f64.powf(-4.0 + 3.0 * u)),
            ("uniform(0.5,0.99)", 0.5 + 0.49 * u),
            ("log(1,1e6)", 10_f64.powf(6.0 * u)),
        ] {
            let value = read(text).at(u);
            assert!((value.as_f64().unwrap() / exact - 1.0).abs() <= 5.001e-4, "{text} {u}: {value}");
            let figures = value.to_string().trim_start_matches(['0', '.']).to_string();
            let figures = figures.split('e').next().unwrap().trim_end_matches(".0").replace('.', "");
            assert!(figures.trim_end_matches('0').len() <= 4, "{text} {u}: {value}");
        }
        let value = read("complement(0.9,0.9999)").at(u);
        let rest = 10_f64.powf(-1.0 - 3.0 * u);
        assert!(((1.0 - value.as_f64().unwrap()) / rest - 1.0).abs() < 5.001e-4, "{u}: {value}");
        assert!(value.to_string().len() <= "0.9999".len() + 4, "{u}: {value}");
    }
}

#[test]
fn close_ends_get_enough_digits_to_distinguish_values() {
    for text in
        ["uniform(0.9,0.90001)", "log(0.9,0.90001)", "complement(0.9,0.90001)", "uniform(1e6,1000010)"]
    {
        let distribution = read(text);
        let values: std::collections::BTreeSet<String> =
            (0..100).map(|step| distribution.at(step as f64 / 100.0).to_string()).collect();
        assert_eq!(values.len(), 100, "{text}");
    }
    assert_eq!(read("uniform(-1,1)").at(0.5), json!(0.0));
}

#[test]
fn whole_numbers_and_choices_have_cells_of_one_size() {
    let counts = |text: &str| {
        let distribution = read(text);
        let mut counts = std::collections::BTreeMap::new();
        for step in 0..840 {
            *counts.entry(distribution.at((step as f64 + 0.5) / 840.0).to_string()).or_insert(0) += 1;
        }
        counts.into_values().collect::<Vec<_>>()
    };
    assert_eq!(counts("int(1,8)"), [105; 8]);
    assert_eq!(counts("int(-3,3)"), [120; 7]);
    assert_eq!(counts("choice(a,b,c)"), [280; 3]);
    assert_eq!((read("int(1,8)").cells(), read("choice(a,b)").cells()), (Some(8), Some(2)));
    assert_eq!(read("log(1,8)").cells(), None);
}

#[test]
fn the_unit_of_a_value_maps_back_to_the_value() {
    for text in ["log(1e-4,1e-1)", "uniform(-1,2)", "complement(0.9,0.9999)", "int(-2,9)", "choice(a,1,true)"]
    {
        let distribution = read(text);
        for step in 0..200 {
            let u = step as f64 / 200.0;
            let value = distribution.at(u);
            let unit = distribution.unit_of(&value).unwrap();
            assert!((0.0..1.0).contains(&unit));
            assert_eq!(distribution.at(unit), value, "{text} {u}");
            match distribution.cells() {
                Some(cells) => assert!((unit - u).abs() <= 0.5 / cells as f64 + 1e-9, "{text} {u}: {unit}"),
                None => assert!((unit - u).abs() < 5e-4, "{text} {u}: {unit}"),
            }
        }
    }
}

#[test]
fn ends_have_units_below_one_and_other_values_have_none() {
    for (text, high) in [("log(1e-4,1e-1)", 1e-1), ("uniform(0,3)", 3.0), ("complement(0.9,0.999)", 0.999)] {
        assert_eq!(read(text).unit_of(&json!(high)), Some(BELOW_ONE), "{text}");
        assert_eq!(read(text).unit_of(&json!(high * 1.0001)), None, "{text}");
    }
    for (text, low) in [("log(1e-4,1e-1)", 1e-4), ("uniform(1,3)", 1.0), ("complement(0.9,0.999)", 0.9)] {
        assert_eq!(read(text).unit_of(&json!(low)), Some(0.0), "{text}");
        assert_eq!(read(text).unit_of(&json!(low * 0.9999)), None, "{text}");
    }
    let whole = read("int(1,4)");
    assert_eq!((whole.unit_of(&json!(1)), whole.unit_of(&json!(4.0))), (Some(0.125), Some(0.875)));
    assert_eq!((whole.unit_of(&json!(0)), whole.unit_of(&json!(5))), (None, None));
    assert_eq!((whole.unit_of(&json!(1.5)), whole.unit_of(&json!("2"))), (None, None));
    let choices = read("choice(1,none,1.5)");
    assert_eq!((choices.unit_of(&json!(1.0)), choices.unit_of(&json!(null))), (Some(0.5 / 3.0), Some(0.5)));
    assert_eq!(choices.unit_of(&json!(2)), None);
}

#[test]
fn whole_numbers_have_all_their_digits() {
    let five = read("int(10000,99999)");
    for number in 10_000..=99_999 {
        let u = (f64::from(number) - 10_000.0 + 0.5) / 90_000.0;
        assert_eq!(five.at(u), json!(number));
        assert_eq!(five.unit_of(&json!(number)), Some(u));
    }
    // 9,007,199,254,740,992 = 2⁵³
    let large = read("int(9007199254000000,9007199254740992)");
    assert_eq!(large.to_string(), "int(9007199254000000,9007199254740992)");
    assert_eq!(large.at(0.0).to_string(), "9007199254000000");
    assert_eq!(large.at(BELOW_ONE).to_string(), "9007199254740992");
    for number in [9_007_199_254_000_001_i64, 9_007_199_254_123_457, 9_007_199_254_740_991] {
        assert_eq!(large.at(large.unit_of(&json!(number)).unwrap()), json!(number));
    }
    let choices = read("choice(9007199254740993,9007199254740992,123457)");
    assert_eq!(choices.to_string(), "choice(9007199254740993,9007199254740992,123457)");
    assert_eq!(choices.unit_of(&json!(9_007_199_254_740_992_i64)), Some(0.5));
}
