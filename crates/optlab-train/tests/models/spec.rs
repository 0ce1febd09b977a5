//! Models as text and as tables: read, written, changed and refused.

use crate::subject::{device, models};
use optlab_train::model::{
    Activation, Cell, Init, InputShape, LayerSpec, MlpSpec, ModelPatch, ModelSpec, NetworkSpec, Norm, Pool,
};
use serde_json::{Value, json};

fn spec(text: &str) -> ModelSpec {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    let error = text.parse::<ModelSpec>().unwrap_err();
    assert!(error.is_usage() && !error.to_string().contains('\n'), "{error}");
    error.to_string()
}

#[test]
fn text_and_table_give_the_same_model_and_both_read_back() {
    let texts = models().into_iter().map(|(text, _)| text);
    let more = [
        "cnn=[8],kernel=5,stride=2,padding=valid,pool=none,dense=[],activation=gelu,norm=batch,dropout=[0.1,0.25]",
        "transformer=1,heads=2,width=8,feed_forward=9,dropout=0.1,pooling=last,embedding=3",
        "gru=[8,4],bidirectional=true,dropout=0.5",
        "layers=[dropout 0.25,maxpool 3 stride 1,conv 4 5 stride 2 valid,leaky_relu]",
    ];
    for text in texts.chain(more) {
        let model = spec(text);
        assert_eq!(spec(&model.to_string()), model, "{text}");
        let json = serde_json::to_string(&model).unwrap();
        assert_eq!(serde_json::from_str::<ModelSpec>(&json).unwrap(), model, "{text}");
        assert_eq!(serde_json::to_string(&spec(&model.to_string())).unwrap(), json, "{text}");
        assert_eq!(ModelSpec::from_value(&json!(text)).unwrap(), model, "{text}");
    }
    for text in more.into_iter().take(3).chain(["mlp=[64,64],dropout=0.1", "linear", "rnn=64"]) {
        assert_eq!(spec(text).to_string(), text);
    }
}

#[test]
fn a_table_has_every_field_and_the_order_of_a_text_does_not_matter() {
    let table = r#"{"mlp":[64,64],"activation":"relu","norm":"none","dropout":0.1}"#;
    for text in
        ["mlp=[64,64],dropout=0.1", " dropout=0.10 , mlp = [64, 64], activation=relu", "mlp,dropout=0.1"]
    {
        assert_eq!(serde_json::to_string(&spec(text)).unwrap(), table, "{text}");
    }
    assert_eq!(serde_json::to_string(&spec("linear")).unwrap(), r#"{"linear":true}"#);
    let written = json!({"mlp": [64, 64], "dropout": 0.1});
    assert_eq!(ModelSpec::from_value(&written).unwrap(), spec("mlp=[64,64],dropout=0.1"));
    let layers = json!({"layers": ["conv 16", "relu", "dense  64"]});
    assert_eq!(ModelSpec::from_value(&layers).unwrap().to_string(), "layers=[conv 16 3,relu,dense 64]");
    assert_eq!(spec(r#"layers=["conv 16 3","relu"]"#).to_string(), "layers=[conv 16 3,relu]");
}

#[test]
fn values_have_one_form() {
    for (text, written) in [
        ("rnn=[64]", "rnn=64"),
        ("mlp=64", "mlp=[64]"),
        ("cnn=8,dropout=[0.1,0.1]", "cnn=[8],dropout=0.1"),
        ("transformer=2,feed_forward=none,embedding=none", "transformer=2"),
        ("mlp=[8],norm=none", "mlp=[8]"),
        ("lstm", "lstm=64"),
        ("layers=[conv 16 3 same,maxpool,avgpool 2 stride 2]", "layers=[conv 16 3,maxpool 2,avgpool 2]"),
    ] {
        assert_eq!(spec(text).to_string(), written);
    }
    let NetworkSpec::Cnn(cnn) = spec("cnn=[8,4],dropout=[0.1,0.25],pool=avg").network else { panic!("cnn") };
    assert_eq!(
        (cnn.filters, cnn.dropout, cnn.pool, cnn.dense),
        (vec![8, 4], [0.1, 0.25], Pool::Avg, vec![64])
    );
    let NetworkSpec::Recurrent(gru) = spec("gru=[8,4]").network else { panic!("gru") };
    assert_eq!((gru.cell, gru.units), (Cell::Gru, vec![8, 4]));
}

#[test]
fn the_listing_has_each_field_of_each_kind_with_its_default() {
    for kind in ModelSpec::kinds() {
        let default = ModelSpec::default_of(kind).unwrap();
        let table = serde_json::to_value(&default).unwrap();
        let listed: Vec<_> = ModelSpec::fields().iter().filter(|field| field.kinds.contains(kind)).collect();
        for field in &listed {
            assert!(field.meaning.ends_with('.') && !field.allowed.is_empty(), "{}", field.name);
            // A field that is left to its default is not in the table.
            let written = table.get(field.name).unwrap_or(&Value::Null);
            let as_text = match written {
                Value::Null => "none".into(),
                Value::String(text) => text.clone(),
                number if number.is_f64() => number.as_f64().unwrap().to_string(),
                other => other.to_string(),
            };
            let default = if field.name == "layers" { "[]" } else { field.default };
            assert_eq!(as_text, default, "{kind} {}", field.name);
        }
        let known: Vec<&str> = listed.iter().map(|field| field.name).collect();
        assert!(table.as_object().unwrap().keys().all(|name| known.contains(&name.as_str())), "{kind}");
        assert_eq!(known.iter().filter(|name| *name == kind).count(), 1);
    }
}

#[test]
fn each_field_is_checked_at_both_ends_of_its_range() {
    for (text, outside) in [
        (
            "mlp=[1],dropout=0",
            vec!["dropout=1", "dropout=-0.1", "dropout=nan", "dropout=inf", "dropout=high"],
        ),
        ("mlp=[1],dropout=0.999", vec!["dropout=[0.1,0.2]"]),
        ("rnn=1,dropout=0", vec!["dropout=1", "dropout=nan"]),
        ("transformer=1,dropout=0", vec!["dropout=1", "dropout=nan"]),
        (
            "cnn=[1],dropout=[0,0.999]",
            vec!["dropout=[0,1]", "dropout=[nan,0]", "dropout=[0,0,0]", "dropout=[]"],
        ),
        ("cnn=[1],kernel=1", vec!["kernel=0", "kernel=1.5", "kernel=-1", "kernel=nan"]),
        ("cnn=[1],stride=1", vec!["stride=0", "stride=none"]),
        ("cnn=[1],dense=[1]", vec!["dense=[0]", "dense=[64,x]"]),
        ("cnn=[1],padding=valid", vec!["padding=vaild", "padding=1"]),
        ("cnn=[1],pool=none", vec!["pool=mean"]),
        ("mlp=[1],activation=tanh", vec!["activation=tahn", "activation=none"]),
        ("mlp=[1],norm=layer", vec!["norm=instance"]),
        ("transformer=1,heads=1", vec!["heads=0"]),
        ("transformer=1,width=4", vec!["width=0"]),
        ("transformer=1,feed_forward=1", vec!["feed_forward=0", "feed_forward=nan"]),
        ("transformer=1,pooling=last", vec!["pooling=max"]),
        ("gru=1,bidirectional=false", vec!["bidirectional=2", "bidirectional=none"]),
        ("lstm=1,embedding=1", vec!["embedding=0", "embedding=nan"]),
    ] {
        let base = spec(text);
        for field in outside {
            let kind = text.split(',').next().unwrap();
            let error = refused(&format!("{kind},{field}"));
            let (name, value) = field.split_once('=').unwrap();
            assert!(error.starts_with(&format!("model: `{name}` must be ")), "{error}");
            assert!(error.ends_with(&format!(", not {value}")), "{error}");
            let changed: Result<ModelPatch, _> = field.parse();
            assert!(changed.and_then(|patch| patch.apply(&base)).is_err(), "{text} {field}");
        }
    }
    for text in [
        "mlp=[]",
        "mlp=[0]",
        "mlp=none",
        "cnn=[]",
        "rnn=0",
        "rnn=[]",
        "gru=[4,0]",
        "lstm=x",
        "transformer=0",
        "layers=[]",
        "linear=3",
    ] {
        let kind = text.split('=').next().unwrap();
        assert!(refused(text).starts_with(&format!("model: `{kind}` must be ")), "{text}: {}", refused(text));
    }
    assert_eq!(refused("mlp=[8],dropout=nan"), "model: `dropout` must be in [0, 1), not nan");
    assert_eq!(refused("cnn=[8],pool=mean"), "model: `pool` must be max, avg or none, not mean");
    let error = refused("transformer=1,heads=4,width=30");
    assert_eq!(error, "model: `width` must be a multiple of `heads`, 4, not 30");
}

#[test]
fn numbers_that_a_program_sets_are_checked_when_the_model_is_built() {
    let mlp = MlpSpec { units: vec![4], activation: Activation::Relu, dropout: 0.0, norm: Norm::None };
    let refused = |network: NetworkSpec, embedding| {
        let model = ModelSpec { network, embedding };
        model.build(&InputShape::numbers(2), 1, &mut Init::new(0, &device())).unwrap_err().to_string()
    };
    for dropout in [1.0, -0.5, f64::NAN, f64::INFINITY] {
        let error = refused(NetworkSpec::Mlp(MlpSpec { dropout, ..mlp.clone() }), None);
        assert_eq!(error, format!("model: `dropout` must be in [0, 1), not {dropout}"));
    }
    let NetworkSpec::Cnn(mut cnn) = spec("cnn").network else { panic!("cnn") };
    cnn.dropout[1] = f64::NAN;
    assert_eq!(refused(NetworkSpec::Cnn(cnn), None), "model: `dropout` must be in [0, 1), not NaN");
    let error = refused(NetworkSpec::Mlp(MlpSpec { units: vec![4, 0], ..mlp.clone() }), None);
    assert!(
        error.starts_with("model: `mlp` must be a list of one or more") && error.ends_with(", not [4,0]"),
        "{error}"
    );
    let error = refused(NetworkSpec::Mlp(mlp), Some(0));
    assert!(error.starts_with("model: `embedding` must be ") && error.ends_with(", not 0"), "{error}");
    let error = refused(NetworkSpec::Layers(vec![LayerSpec::Dropout(f64::NAN)]), None);
    assert!(error.ends_with("not `dropout NaN`"), "{error}");
    let error = refused(NetworkSpec::Layers(Vec::new()), None);
    assert!(error.starts_with("model: `layers` must be a list of layer texts"), "{error}");
}

#[test]
fn an_unknown_field_or_kind_suggests_the_nearest() {
    for (text, start) in [
        ("mpl=[64]", "model has no field `mpl`, did you mean `mlp`?"),
        ("transfomer=2", "model has no field `transfomer`, did you mean `transformer`?"),
        ("mlp=[64],droput=0.1", "model has no field `droput`, did you mean `dropout`?"),
        (
            "mlp=[64],kernel=3",
            "model `mlp` has no field `kernel`; it has: mlp, activation, norm, dropout, embedding",
        ),
        ("linear,dropout=0.1", "model `linear` has no field `dropout`"),
        ("layers=[desne 3]", "unknown layer `desne`, did you mean `dense`?"),
        ("dropout=0.1", "model `dropout=0.1` names no kind of model; start with one of linear, mlp, cnn"),
        ("", "model `` names no kind of model"),
        ("mlp=[64],cnn=[8]", "model: `mlp` and `cnn` are two kinds of model; give one"),
        ("mlp=[64],mlp=[8]", "model `mlp=[64],mlp=[8]`: `mlp` is given twice"),
        ("mlp=[64", "model: unmatched bracket in `[64`"),
        ("mlp=64]", "model: unmatched bracket in `64]`"),
    ] {
        assert!(refused(text).starts_with(start), "{text}: {}", refused(text));
    }
    for value in [json!(3), json!(null), json!([64])] {
        let error = ModelSpec::from_value(&value).unwrap_err().to_string();
        assert!(error.starts_with("a model must be a text or a table, not "), "{error}");
    }
    let error = serde_json::from_value::<ModelSpec>(json!({"mlp": [64], "droput": 0.1})).unwrap_err();
    assert!(error.to_string().contains("did you mean `dropout`?"), "{error}");
    assert_eq!(ModelSpec::default_of("mlpp").unwrap_err().to_string(), {
        "unknown model `mlpp`, did you mean `mlp`?; known: linear, mlp, cnn, rnn, gru, lstm, transformer, gpt, layers"
    });
}

#[test]
fn a_malformed_layer_shows_the_form_of_its_text() {
    for text in [
        "dense",
        "dense 0",
        "dense 1.5",
        "dense 4 4",
        "conv",
        "conv 0",
        "conv 4 0",
        "conv 4 3 vaild",
        "conv 4 3 stride",
        "conv 4 3 stride 0",
        "conv 4 3 valid same",
        "maxpool 0",
        "maxpool x",
        "avgpool 2 stride 0",
        "flatten 2",
        "relu 2",
        "dropout",
        "dropout 1",
        "dropout -0.1",
        "dropout nan",
        "batchnorm 3",
        "layernorm 3",
        "rnn",
        "gru 0",
        "lstm x",
        "last 1",
        "mean 1",
    ] {
        let error = text.parse::<LayerSpec>().unwrap_err().to_string();
        let name = text.split(' ').next().unwrap();
        assert!(error.starts_with(&format!("model: `layers` must be written `{name}")), "{error}");
        assert!(error.ends_with(&format!(", not `{text}`")), "{error}");
    }
    for name in LayerSpec::names() {
        let text = match name {
            "dense" | "conv" | "rnn" | "gru" | "lstm" => format!("{name} 4"),
            "dropout" => "dropout 0.5".into(),
            name => name.into(),
        };
        let layer: LayerSpec = text.parse().unwrap();
        assert_eq!(layer.to_string().parse::<LayerSpec>().unwrap(), layer);
        assert!(layer.check().is_ok());
    }
}

#[test]
fn one_field_is_set_by_its_name_and_an_error_changes_nothing() {
    let mut model = spec("mlp=[64,64],dropout=0.1,norm=batch");
    model.set("dropout", &json!(0.5)).unwrap();
    model.set("units", &json!([32])).unwrap();
    assert_eq!(model.to_string(), "mlp=[32],norm=batch,dropout=0.5");
    model.set("mlp", &json!("[16, 8]")).unwrap();
    model.set("norm", &json!("none")).unwrap();
    // A search gives whole numbers as 3.0, too.
    model.set("embedding", &json!(3.0)).unwrap();
    assert_eq!(model.to_string(), "mlp=[16,8],dropout=0.5,embedding=3");
    model.set("embedding", &Value::Null).unwrap();
    let before = model.clone();
    for (field, value) in [
        ("dropout", json!(1.0)),
        ("cnn", json!([0])),
        ("kernel", json!(3)),
        ("linear", json!(false)),
        ("depth", json!(1)),
    ] {
        assert!(model.set(field, &value).unwrap_err().is_usage());
        assert_eq!(model, before, "{field}");
    }
    let error = spec("linear").set("units", &json!([3])).unwrap_err().to_string();
    assert!(error.starts_with("model `linear` has no field `units`"), "{error}");
}

#[test]
fn another_kind_keeps_the_fields_that_both_have() {
    for (base, patch, changed) in [
        (
            "mlp=[64],dropout=0.1,norm=batch,activation=tanh",
            "cnn=[8]",
            "cnn=[8],activation=tanh,norm=batch,dropout=0.1",
        ),
        ("cnn=[8],dropout=[0.1,0.25],kernel=5", "mlp=[32]", "mlp=[32],dropout=0.25"),
        ("rnn=[8,4],bidirectional=true,dropout=0.1", "lstm=16", "lstm=16,bidirectional=true,dropout=0.1"),
        (
            "gru=8,embedding=5,dropout=0.1",
            "transformer=1,heads=2",
            "transformer=1,heads=2,dropout=0.1,embedding=5",
        ),
        ("mlp=[64],dropout=0.1", "linear", "linear"),
        ("linear", "layers=[dense 4]", "layers=[dense 4]"),
        ("mlp=[64,64],dropout=0.1", "dropout=0.2", "mlp=[64,64],dropout=0.2"),
        ("cnn=[8],dropout=[0.1,0.25]", "dropout=0.5", "cnn=[8],dropout=0.5"),
        ("mlp=[64,64]", "units=[32]", "mlp=[32]"),
        ("mlp=[64,64]", "", "mlp=[64,64]"),
    ] {
        let patch: ModelPatch = patch.parse().unwrap();
        assert_eq!(patch.apply(&spec(base)).unwrap().to_string(), changed);
        let json = serde_json::to_string(&patch).unwrap();
        assert_eq!(serde_json::from_str::<ModelPatch>(&json).unwrap(), patch);
        assert_eq!(patch.to_string().parse::<ModelPatch>().unwrap(), patch);
    }
}

#[test]
fn a_patch_is_checked_when_it_is_read_and_when_it_is_applied() {
    let patch: ModelPatch = "dropout=0.2,mlp=[32]".parse().unwrap();
    assert_eq!((patch.kind(), patch.to_string().as_str()), (Some("mlp"), "mlp=[32],dropout=0.2"));
    assert_eq!(serde_json::to_string(&patch).unwrap(), r#"{"mlp":[32],"dropout":0.2}"#);
    let partial: ModelPatch = "kernel=5".parse().unwrap();
    assert_eq!((partial.kind(), partial.is_empty()), (None, false));
    assert!("".parse::<ModelPatch>().unwrap().is_empty());
    let error = partial.apply(&spec("mlp=[4]")).unwrap_err().to_string();
    assert!(error.starts_with("model `mlp` has no field `kernel`"), "{error}");
    let error = "width=30".parse::<ModelPatch>().unwrap().apply(&spec("transformer=1")).unwrap_err();
    assert_eq!(error.to_string(), "model: `width` must be a multiple of `heads`, 4, not 30");
    for text in ["kernel=0", "dropout=1", "dropout=nan", "kernle=3", "dropout", "mlp=[4],rnn=3"] {
        assert!(text.parse::<ModelPatch>().unwrap_err().is_usage(), "{text}");
    }
    // Two probabilities are for a `cnn`, which the base of the patch may be.
    let patch: ModelPatch = "dropout=[0.1,0.2]".parse().unwrap();
    assert_eq!(patch.apply(&spec("cnn=[8]")).unwrap().to_string(), "cnn=[8],dropout=[0.1,0.2]");
    let error = patch.apply(&spec("mlp=[8]")).unwrap_err().to_string();
    assert_eq!(error, "model: `dropout` must be in [0, 1), not [0.1,0.2]");
}
