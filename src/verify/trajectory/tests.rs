use super::*;
use optlab_optim::OptimizerSpec;
use optlab_train::device;
use serde_json::{Value, json};

const WAYS: [Way; 4] = [Way::InPlace, Way::Shared, Way::Transposed, Way::Double];

/// Reads a rule's file and its stream.
fn read(rule: &Value, stream: &Value) -> Result<Trajectory, String> {
    read_with(rule, "stream.json", stream)
}

/// Reads a rule's file and the file that it names.
fn read_with(rule: &Value, name: &str, named: &Value) -> Result<Trajectory, String> {
    let file = |name: &str, value: &Value| File {
        path: format!("optimizers/{name}").into(),
        content: value.to_string().into_bytes().into(),
    };
    let files = [file("rule.json", rule), file(name, named)];
    Trajectory::read(&files[0], &files).map_err(|error| error.to_string())
}

fn on(way: Way) -> On {
    On { device: device::open("flex").unwrap(), way }
}

/// Two steps of plain descent with a rate of 0.5, a parameter of each rank.
fn descent() -> (Value, Value) {
    let rule = json!({
        "rule": "sgd",
        "learning_rate": 0.5,
        "stream": "stream.json",
        "expected": {
            "1": [[1.5], [[0, -2]], [[1, 2, 3, 4, 5, 6]], [[0.5, 0.25]], [[7]]],
            "2": [[0.5], [[1, -2]], [[2, 2, 3, 4, 5, 6]], [[0.5, -0.25]], [[6.5]]],
        },
    });
    let stream = json!({
        "parameters": [
            {"shape": [], "initial": 1},
            {"shape": [2], "initial": [1, -2]},
            {"shape": [2, 3], "initial": [[1, 2, 3], [4, 5, 6]]},
            {"shape": [1, 1, 2], "initial": [0, 0]},
            {"shape": [1, 1, 1, 1], "initial": [8]},
        ],
        "gradients": [
            [-1, [2, 0], [0, 0, 0, 0, 0, 0], [-1, -0.5], [2]],
            [[2], [-2, 0], [[-2, 0, 0], [0, 0, 0]], [0, 1], [1]],
            [[2], [-2, 0], [[-2, 0, 0], [0, 0, 0]], [0, 1], [1]],
        ],
    });
    (rule, stream)
}

fn share(rule: &Value, stream: &Value, spec: &str, way: Way) -> f64 {
    let optimizer = spec.parse::<OptimizerSpec>().unwrap().build().unwrap();
    read(rule, stream).unwrap().deviation(optimizer, &on(way)).share
}

#[test]
fn parameters_of_every_rank_are_checked_in_every_way() {
    let (rule, stream) = descent();
    for way in WAYS {
        assert_eq!(share(&rule, &stream, "sgd", way), 0.0, "{way:?}");
        assert!(share(&rule, &stream, "lion", way) > 1.0, "{way:?}");
    }
}

#[test]
fn one_wrong_number_anywhere_fails() {
    let (rule, stream) = descent();
    for step in ["1", "2"] {
        for parameter in 0..5 {
            let mut rule = rule.clone();
            let mut place = &mut rule["expected"][step][parameter];
            while place.is_array() {
                place = &mut place[0];
            }
            *place = json!(place.as_f64().unwrap() + 1e-3);
            for way in WAYS {
                assert!(
                    share(&rule, &stream, "sgd", way) > 1.0,
                    "step {step}, parameter {parameter}, {way:?}"
                );
            }
        }
    }
    let mut rule = rule;
    rule["expected"]["0"] = json!([[1], [1, -2], [1, 2, 3, 4, 5, 6], [0, 0], [8]]);
    assert_eq!(share(&rule, &stream, "sgd", Way::InPlace), 0.0);
    rule["expected"]["0"][0] = json!(2);
    assert!(share(&rule, &stream, "sgd", Way::InPlace) > 1.0);
}

#[test]
fn the_largest_error_names_its_place() {
    let (mut rule, mut stream) = descent();
    rule["expected"]["1"][1] = json!([0.001, -2]);
    rule["expected"]["2"][4] = json!([6.6]);
    stream["parameters"][4]["name"] = json!("conv.weight");
    let deviation = |rule: &Value| {
        let optimizer = "sgd".parse::<OptimizerSpec>().unwrap().build().unwrap();
        read(rule, &stream).unwrap().deviation(optimizer, &on(Way::InPlace)).place()
    };
    assert_eq!(deviation(&rule), "in conv.weight after step 2");
    rule["expected"]["1"][1] = json!([0.1, -2]);
    rule["expected"]["2"][4] = json!([6.5]);
    assert_eq!(deviation(&rule), "in parameter 1 after step 1");
}

#[test]
fn a_rule_that_makes_a_parameter_nan_fails_with_nan() {
    let (mut rule, stream) = descent();
    // 0 · ∞ where the gradient is 0, ∞ elsewhere.
    rule["learning_rate"] = json!([1e300, 1e300]);
    assert!(share(&rule, &stream, "sgd", Way::InPlace).is_nan());
}

#[test]
fn each_step_may_have_its_own_rate() {
    let (mut rule, stream) = descent();
    rule["learning_rate"] = json!([0.5, 0.5, 7.0]);
    assert_eq!(share(&rule, &stream, "sgd", Way::InPlace), 0.0);
    rule["learning_rate"] = json!([0.5, 0.25]);
    assert!(share(&rule, &stream, "sgd", Way::InPlace) > 1.0);
}

#[test]
fn the_parameters_of_evaluation_are_compared_with_expected_eval() {
    let (mut rule, stream) = descent();
    // From 1, 1, 1, 0 and 8, a decay of 0.5: a = (a + θ) / 2 after each step.
    rule["expected_eval"] = json!({
        "1": [[1.25], [0.5, -2], [1, 2, 3, 4, 5, 6], [0.25, 0.125], [7.5]],
        "2": [[0.875], [0.75, -2], [1.5, 2, 3, 4, 5, 6], [0.375, -0.0625], [7]],
    });
    let share = |rule: &Value, decay: Option<f64>, way| {
        let mut optimizer = "sgd".parse::<OptimizerSpec>().unwrap().build().unwrap();
        if let Some(decay) = decay {
            optimizer = optimizer.with_weight_average(decay).unwrap();
        }
        read(rule, &stream).unwrap().deviation(optimizer, &on(way)).share
    };
    for way in WAYS {
        assert_eq!(share(&rule, Some(0.5), way), 0.0, "{way:?}");
        assert!(share(&rule, None, way) > 1.0, "{way:?}");
        assert!(share(&rule, Some(0.75), way) > 1.0, "{way:?}");
    }
    rule["expected_eval"]["2"][4] = json!([7.01]);
    assert!(share(&rule, Some(0.5), Way::InPlace) > 1.0);
    // Steps that only `expected_eval` has are checked, too.
    rule["expected_eval"] = json!({"3": [[0], [0, 0], [0, 0, 0, 0, 0, 0], [0, 0], [0]]});
    assert!(share(&rule, Some(0.5), Way::InPlace) > 1.0);
}

#[test]
fn a_file_whose_numbers_do_not_fit_together_is_an_error_that_says_where() {
    let (rule, stream) = descent();
    let cases: &[(&str, Value, &str)] = &[
        ("/expected/2", json!([]), "rule.json: `expected` at step 2: 0 tensors for 5 parameters"),
        ("/expected/1/1", json!([1]), "rule.json: `expected` at step 1: 1 numbers for the 2 of parameter 1"),
        ("/expected/1/1/0/1", json!(null), "rule.json: invalid type: null, expected a number"),
        ("/expected/1/1/0/1", json!("2"), "rule.json: invalid type: string"),
        ("/expected", json!({}), "rule.json: `expected` has no steps"),
        ("/expected", json!({"first": []}), "rule.json: invalid value: expected key to be a number"),
        (
            "/expected",
            json!({"4": rule["expected"]["1"]}),
            "rule.json: it expects 4 steps, and its stream has",
        ),
        ("/learning_rate", json!([0.5]), "rule.json: it expects 2 steps, and `learning_rate` has fewer"),
        ("/learning_rate", json!("fast"), "rule.json: `learning_rate` must be a number or a list of numbers"),
        ("/learning_rate", json!(null), "rule.json: `learning_rate` must be a number or a list of numbers"),
        ("/stream", json!("river.json"), "rule.json: its folder has no file `river.json`"),
        ("/stream", json!("rule.json"), "rule.json: missing field `parameters`"),
    ];
    for (place, value, message) in cases {
        let mut rule = rule.clone();
        *rule.pointer_mut(place).unwrap() = value.clone();
        let error = read(&rule, &stream).unwrap_err();
        assert!(error.contains(message), "{place}: {error}");
    }
    let cases: &[(&str, Value, &str)] = &[
        ("/parameters", json!([]), "stream.json: there is no parameter with elements"),
        (
            "/parameters/1/shape",
            json!([3]),
            "stream.json: parameter 1 has the shape [3] and 2 initial values",
        ),
        ("/parameters/1/shape", json!([2, 1, 1, 1, 1]), "stream.json: parameter 1 has rank 5"),
        (
            "/parameters/1/shape",
            json!([4294967296_u64, 4294967296_u64]),
            "stream.json: parameter 1 has the shape",
        ),
        ("/parameters/1/shape", json!([-2]), "stream.json: invalid value: integer `-2`"),
        ("/parameters/1/shape", json!([2.5]), "stream.json: invalid type: floating point"),
        ("/gradients/1", json!([]), "stream.json: `gradients` at step 2: 0 tensors for 5 parameters"),
        (
            "/gradients/1/0",
            json!([1, 2]),
            "stream.json: `gradients` at step 2: 2 numbers for the 1 of parameter 0",
        ),
    ];
    for (place, value, message) in cases {
        let mut stream = stream.clone();
        *stream.pointer_mut(place).unwrap() = value.clone();
        let error = read(&rule, &stream).unwrap_err();
        assert!(error.contains(message), "{place}: {error}");
    }
}

#[test]
fn a_rule_with_a_curvature_gets_the_gradients_under_drawn_labels_and_the_batch_size() {
    // θ − 0.5 clip(g / (2 ĝ²), −1, 1): 1 − 0.5 · 0.5, then ĝ² = 0.25 and the clip.
    let rule = json!({
        "learning_rate": 0.5,
        "stream": "stream.json",
        "expected": {"1": [[0.75]], "2": [[0.25]]},
        "curvature_gradients": {"1": [[1]], "2": [[0.5]]},
        "batch_size": 2,
    });
    let stream = json!({"parameters": [{"shape": [1], "initial": [1]}], "gradients": [[[1]], [[1]]]});
    let spec = "sophia_g:beta_1=0,beta_2=0,rho=1,weight_decay=0,update_period=1";
    for way in WAYS {
        assert!(share(&rule, &stream, spec, way) < 0.1, "{way:?}");
    }
    for (place, value) in [("/batch_size", json!(3)), ("/curvature_gradients/1/0", json!([2]))] {
        let mut rule = rule.clone();
        *rule.pointer_mut(place).unwrap() = value;
        assert!(share(&rule, &stream, spec, Way::InPlace) > 1.0, "{place}");
    }
    for (place, value, message) in [
        ("/batch_size", json!(null), "rule.json: it has `curvature_gradients` and no `batch_size`"),
        (
            "/curvature_gradients/2/0",
            json!([1, 2]),
            "rule.json: `curvature_gradients` at step 2: 2 numbers for the 1 of parameter 0",
        ),
    ] {
        let mut rule = rule.clone();
        *rule.pointer_mut(place).unwrap() = value;
        let error = read(&rule, &stream).unwrap_err();
        assert!(error.contains(message), "{place}: {error}");
    }
}

#[test]
fn a_rule_that_needs_the_loss_gets_the_loss_of_each_step() {
    // θ − L / g² g.
    let rule = json!({
        "learning_rate": 1,
        "stream": "stream.json",
        "expected": {"1": [[0.5]], "2": [[0.25]]},
        "losses": [1, 0.5],
    });
    let stream = json!({"parameters": [{"shape": [1], "initial": [1]}], "gradients": [[[2]], [[2]]]});
    for way in WAYS {
        assert!(share(&rule, &stream, "polyak", way) < 0.1, "{way:?}");
    }
    let mut other = rule.clone();
    other["losses"] = json!([1, 0.6]);
    assert!(share(&other, &stream, "polyak", Way::InPlace) > 1.0);
    other["losses"] = json!([1]);
    let error = read(&other, &stream).unwrap_err();
    assert!(error.contains("rule.json: it expects 2 steps, and `losses` has fewer"), "{error}");
}

/// One step of `sam` around plain descent on `x² + y² − y`, from (3, 2) with a gradient of (6, 3).
fn sharpness() -> (Value, Value) {
    let rule = json!({
        "rule": "sam",
        "config": {"rho": 45_f64.sqrt(), "base": {"rule": "sgd"}},
        "learning_rate": 0.25,
        "objective": "objective.json",
        // The gradient at (3, 2) + (6, 3) is (18, 9).
        "expected": {"1": [[-1.5], [-0.25]]},
    });
    let objective = json!({
        "parameters": [{"shape": [1], "initial": [3]}, {"shape": [1, 1], "initial": [2]}],
        "objective": "quadratic",
        "curvature": [[2, 0], [0, 2]],
        "slope": [0, 1],
    });
    (rule, objective)
}

#[test]
fn an_objective_gives_gradients_wherever_a_rule_asks_for_them() {
    let (rule, objective) = sharpness();
    let spec = format!("sam:rho={},base=sgd", 45_f64.sqrt());
    let share = |spec: &str, way| {
        let optimizer = spec.parse::<OptimizerSpec>().unwrap().build().unwrap();
        read_with(&rule, "objective.json", &objective).unwrap().deviation(optimizer, &on(way)).share
    };
    for way in WAYS {
        assert!(share(&spec, way) < 0.5, "{way:?}: {}", share(&spec, way));
        assert!(share("sgd", way) > 1.0, "{way:?}");
    }
}

#[test]
fn an_objective_of_another_size_and_a_file_with_two_sources_or_none_are_refused() {
    let (rule, objective) = sharpness();
    let refused = |rule: &Value, objective: &Value| read_with(rule, "objective.json", objective).unwrap_err();
    for (field, value, said) in [
        ("curvature", json!([[2, 0]]), "`curvature` has 2 numbers, not 4"),
        ("slope", json!([1]), "`slope` has 1 numbers, not 2"),
        ("objective", json!("cubic"), "cubic"),
    ] {
        let mut wrong = objective.clone();
        wrong[field] = value;
        let reason = refused(&rule, &wrong);
        assert!(reason.contains(said) && reason.contains("objective.json"), "{reason}");
    }
    let mut both = rule.clone();
    both["stream"] = json!("objective.json");
    assert!(refused(&both, &objective).contains("both a `stream` and an `objective`"));
    let mut neither = rule.clone();
    neither.as_object_mut().unwrap().remove("objective");
    assert!(refused(&neither, &objective).contains("neither a `stream` nor an `objective`"));
}
