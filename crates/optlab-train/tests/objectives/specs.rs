//! Losses and measures in text, JSON and TOML.

use optlab_train::objective::{
    BinaryCrossEntropyConfig, ClassWeights, CrossEntropyConfig, HuberConfig, LossSpec, MeasureSpec,
    QuantileConfig, TargetKind, TopKConfig,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct File {
    loss: LossSpec,
    measures: Vec<MeasureSpec>,
}

fn loss(text: &str) -> Result<LossSpec, String> {
    text.parse::<LossSpec>().map_err(|error| {
        assert!(error.is_usage(), "{error}");
        error.to_string()
    })
}

/// Every loss, with defaults and without.
fn losses() -> Vec<LossSpec> {
    let mut losses = LossSpec::all();
    for text in [
        "huber:delta=0.5",
        "quantile:q=0.9",
        "cross_entropy:label_smoothing=0.1",
        "cross_entropy:class_weights=balanced",
        "cross_entropy:class_weights=[0.1,1.5,3.0],label_smoothing=0.1",
        "binary_cross_entropy:positive_weight=3.0",
    ] {
        losses.push(text.parse().unwrap());
        assert_eq!(losses.last().unwrap().to_string(), text);
    }
    losses
}

#[test]
fn every_spec_is_read_as_it_was_written_in_text_json_and_toml() {
    let mut measures = MeasureSpec::all();
    measures.push("top_k:k=2".parse().unwrap());
    for measure in &measures {
        assert_eq!(&measure.to_string().parse::<MeasureSpec>().unwrap(), measure);
    }
    for loss in losses() {
        assert_eq!(loss.to_string().parse::<LossSpec>().unwrap(), loss);
        let file = File { loss: loss.clone(), measures: measures.clone() };
        let json = serde_json::to_string(&file).unwrap();
        assert_eq!(serde_json::from_str::<File>(&json).unwrap(), file, "{json}");
        let toml = toml::to_string(&file).unwrap();
        assert_eq!(toml::from_str::<File>(&toml).unwrap(), file, "{toml}");
        let texts = json!({"loss": loss.to_string(), "measures": ["accuracy", "top_k:k=2"]});
        let file: File = serde_json::from_value(texts).unwrap();
        assert_eq!((file.loss, file.measures[1].metric().name), (loss, "top_2".into()));
    }
}

#[test]
fn a_table_has_the_name_and_the_settings() {
    let table = json!({"loss": "huber", "delta": 0.5});
    let huber = LossSpec::Huber(HuberConfig { delta: 0.5 });
    assert_eq!(LossSpec::from_value(&table).unwrap(), huber);
    assert_eq!(serde_json::to_value(&huber).unwrap(), table);
    assert_eq!(serde_json::to_value(LossSpec::Mse).unwrap(), json!({"loss": "mse"}));
    let toml = "loss = { loss = \"cross_entropy\", class_weights = \"none\" }\nmeasures = [\"f1\", { measure = \"top_k\", k = 3 }]";
    let file: File = toml::from_str(toml).unwrap();
    assert_eq!(file.loss, LossSpec::CrossEntropy(CrossEntropyConfig::default()));
    assert_eq!(file.measures, [MeasureSpec::F1, MeasureSpec::TopK(TopKConfig { k: 3 })]);
    assert_eq!(loss("cross_entropy:class_weights=none"), Ok(file.loss));
}

#[test]
fn names_summaries_and_settings_are_listed() {
    assert_eq!(LossSpec::all().iter().map(LossSpec::name).collect::<Vec<_>>(), LossSpec::NAMES);
    assert_eq!(MeasureSpec::all().iter().map(MeasureSpec::name).collect::<Vec<_>>(), MeasureSpec::NAMES);
    for loss in LossSpec::all() {
        assert_eq!(serde_json::to_value(&loss).unwrap()["loss"], loss.name());
        assert_eq!(loss.to_string(), loss.name());
        assert!(!loss.summary().is_empty());
    }
    for measure in MeasureSpec::all() {
        assert_eq!(serde_json::to_value(&measure).unwrap()["measure"], measure.name());
        assert!(!measure.summary().is_empty());
    }
    let fields = loss("cross_entropy").unwrap().fields();
    let expected = [("class_weights", "none"), ("label_smoothing", "0.0")].map(|(a, b)| (a.into(), b.into()));
    let mut sorted = fields;
    sorted.sort();
    assert_eq!(sorted, expected);
}

#[test]
fn unknown_names_and_fields_suggest_the_nearest() {
    for (text, expected) in [
        (
            "cross_entrpy",
            "unknown loss `cross_entrpy`, did you mean `cross_entropy`?; known: mse, l1, huber,",
        ),
        ("huber:detla=1", "loss `huber` has no field `detla`, did you mean `delta`?; it has: delta"),
        ("mse:delta=1", "loss `mse` has no field `delta`; it has: none"),
        ("huber:delta", "loss `huber:delta`: `delta` is not of the form key=value"),
    ] {
        let error = loss(text).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    let error = "acuracy".parse::<MeasureSpec>().unwrap_err().to_string();
    assert!(error.starts_with("unknown measure `acuracy`, did you mean `accuracy`?"), "{error}");
    let error = serde_json::from_value::<LossSpec>(json!({"loss": "huber", "dleta": 1})).unwrap_err();
    assert!(error.to_string().contains("did you mean `delta`?"), "{error}");
    for value in [json!(3), json!({"delta": 1}), json!(null)] {
        assert!(LossSpec::from_value(&value).unwrap_err().is_usage(), "{value}");
    }
}

#[test]
fn each_range_has_its_ends() {
    for (text, allowed) in [
        ("huber:delta=0.000001", None),
        ("huber:delta=1e30", None),
        ("huber:delta=0", Some("huber: `delta` must be in (0, ∞), not 0")),
        ("huber:delta=-1", Some("huber: `delta` must be in (0, ∞), not -1")),
        ("huber:delta=NaN", Some("huber: `delta` must be a finite number, not NaN")),
        ("huber:delta=inf", Some("huber: `delta` must be a finite number, not inf")),
        // 0 and infinity in 32 bits.
        ("huber:delta=1e-60", Some("huber: `delta` must be in (0, ∞), not 0")),
        ("huber:delta=1e60", Some("huber: `delta` must be in (0, ∞), not inf")),
        ("quantile:q=0.001", None),
        ("quantile:q=0.999", None),
        ("quantile:q=0", Some("quantile: `q` must be in (0, 1), not 0")),
        ("quantile:q=1", Some("quantile: `q` must be in (0, 1), not 1")),
        ("cross_entropy:label_smoothing=0", None),
        ("cross_entropy:label_smoothing=0.999", None),
        (
            "cross_entropy:label_smoothing=1",
            Some("cross_entropy: `label_smoothing` must be in [0, 1), not 1"),
        ),
        (
            "cross_entropy:label_smoothing=-0.1",
            Some("cross_entropy: `label_smoothing` must be in [0, 1), not -0.1"),
        ),
        ("binary_cross_entropy:positive_weight=0.001", None),
        (
            "binary_cross_entropy:positive_weight=0",
            Some("binary_cross_entropy: `positive_weight` must be in (0, ∞), not 0"),
        ),
        (
            "cross_entropy:class_weights=[1,0]",
            Some(
                "cross_entropy: `class_weights` must be `none`, `balanced` or a list of numbers in (0, ∞), not 0",
            ),
        ),
    ] {
        let given = loss(text).err().map(|error| error.replace("-0.10000000149011612", "-0.1"));
        assert_eq!(given.as_deref(), allowed, "{text}");
    }
    for text in ["even", "[1,many]", "3", "[1e-60]"] {
        let error = loss(&format!("cross_entropy:class_weights={text}")).unwrap_err();
        assert!(error.contains("`none`, `balanced` or a list of numbers in (0, ∞)"), "{error}");
    }
    let error = "top_k:k=0".parse::<MeasureSpec>().unwrap_err().to_string();
    assert_eq!(error, "top_k: `k` must be at least 1, not 0");
    assert!("top_k:k=1".parse::<MeasureSpec>().is_ok() && "top_k:k=1.5".parse::<MeasureSpec>().is_err());
    assert!(toml::from_str::<File>("loss = { loss = \"huber\", delta = nan }\nmeasures = []").is_err());
    assert!(toml::from_str::<File>("loss = \"huber:delta=-1\"\nmeasures = []").is_err());
}

#[test]
fn nan_in_any_setting_is_refused() {
    let nan = f64::NAN;
    let weights = ClassWeights::List(vec![1.0, nan]);
    for loss in [
        LossSpec::Huber(HuberConfig { delta: nan }),
        LossSpec::Quantile(QuantileConfig { q: nan }),
        LossSpec::CrossEntropy(CrossEntropyConfig { label_smoothing: nan, ..CrossEntropyConfig::default() }),
        LossSpec::CrossEntropy(CrossEntropyConfig {
            class_weights: weights,
            ..CrossEntropyConfig::default()
        }),
        LossSpec::BinaryCrossEntropy(BinaryCrossEntropyConfig { positive_weight: nan }),
    ] {
        assert!(loss.check().is_err(), "{loss:?}");
        assert!(loss.resolve(&[1, 1]).is_err(), "{loss:?}");
    }
    for loss in losses() {
        loss.check().unwrap();
    }
}

#[test]
fn weights_are_resolved_from_the_counts_of_the_classes() {
    let resolve =
        |text: &str, counts: &[usize]| loss(text).unwrap().resolve(counts).map_err(|e| e.to_string());
    let balanced = "cross_entropy:label_smoothing=0.1,class_weights=balanced";
    // n / (classes · count) = 8 / (2 · 2) and 8 / (2 · 6).
    let expected = loss(&format!("cross_entropy:label_smoothing=0.1,class_weights=[2,{}]", 8.0 / 12.0));
    assert_eq!(resolve(balanced, &[2, 6]), expected);
    assert_eq!(
        resolve(balanced, &[2, 0, 6]).unwrap_err(),
        "cross_entropy: `class_weights` must be a list, since class 1 has no training example, not balanced"
    );
    let list = "cross_entropy:class_weights=[1,2]";
    assert_eq!(resolve(list, &[3, 4]), loss(list));
    assert_eq!(
        resolve(list, &[3, 4, 5]).unwrap_err(),
        "cross_entropy: `class_weights` must be a list of 3 numbers, one per class, not 2"
    );
    for text in ["cross_entropy", "mse", "hinge"] {
        assert_eq!(resolve(text, &[0, 4]), loss(text));
    }
}

#[test]
fn each_loss_says_how_many_outputs_it_needs() {
    use TargetKind::{Classes, Labels, Values};
    let kinds = [Classes(1), Classes(2), Classes(3), Values(0), Values(1), Values(4), Labels(0), Labels(5)];
    let none = [None; 8];
    for (name, expected) in [
        ("cross_entropy", [None, Some(2), Some(3), None, None, None, None, None]),
        ("binary_cross_entropy", [None, Some(1), None, None, None, None, None, None]),
        ("hinge", [None, Some(1), Some(3), None, None, None, None, None]),
        ("multi_label", [None, None, None, None, None, None, None, Some(5)]),
    ] {
        let loss = loss(name).unwrap();
        assert_eq!(kinds.map(|kind| loss.outputs(kind).ok()), expected, "{name}");
        assert_ne!(expected, none);
    }
    for name in ["mse", "l1", "huber", "quantile"] {
        let expected = [None, None, None, None, Some(1), Some(4), None, None];
        assert_eq!(kinds.map(|kind| loss(name).unwrap().outputs(kind).ok()), expected, "{name}");
    }
    let error = loss("binary_cross_entropy").unwrap().outputs(Classes(3)).unwrap_err();
    let expected = "loss `binary_cross_entropy` does not fit 3 classes; these fit: cross_entropy, hinge";
    assert_eq!((error.to_string().as_str(), error.is_usage()), (expected, true));
    let error = loss("mse").unwrap().outputs(Classes(1)).unwrap_err();
    assert_eq!(error.to_string(), "loss `mse` does not fit 1 class; these fit: none");
    for kind in [Classes(2), Values(2), Labels(2)] {
        LossSpec::default_for(kind).outputs(kind).unwrap();
    }
}
