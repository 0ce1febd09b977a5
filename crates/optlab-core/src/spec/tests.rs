use super::*;
use serde::Deserialize;
use serde_json::json;

/// A family of specs for tests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "lowercase")]
enum Tree {
    Leaf(Leaf),
    Node(Node),
    Lists(Lists),
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Lists {
    all: Vec<Tree>,
    sizes: Vec<f64>,
    pace: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Leaf {
    rate: f64,
    fast: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Node {
    /// A nested spec whose default is not none.
    inner: Box<Tree>,
    outer: Option<Box<Tree>>,
    weight: f64,
}

impl Default for Node {
    fn default() -> Self {
        let inner = Box::new(Tree::Leaf(Leaf { rate: 0.5, ..Leaf::default() }));
        Node { inner, outer: None, weight: 0.0 }
    }
}

impl Spec for Tree {
    const KIND: &'static str = "optimizer";
    const TAG: &'static str = "rule";
    const NESTED: &'static [&'static str] = &["inner", "outer", "all"];
    const FOREIGN: &'static [&'static str] = &["pace"];
    const NO_VALUE: &'static str = NONE;

    fn names() -> Vec<&'static str> {
        vec!["leaf", "node", "lists"]
    }

    fn default_of(name: &str) -> Option<Self> {
        match name {
            "leaf" => Some(Tree::Leaf(Leaf::default())),
            "node" => Some(Tree::Node(Node::default())),
            "lists" => Some(Tree::Lists(Lists::default())),
            _ => None,
        }
    }
}

fn read(value: impl Into<Value>) -> Result<Tree, Error> {
    from_value(&value.into())
}

fn leaf(rate: f64, fast: bool) -> Tree {
    Tree::Leaf(Leaf { rate, fast })
}

fn node(inner: Tree, outer: Option<Tree>, weight: f64) -> Tree {
    Tree::Node(Node { inner: Box::new(inner), outer: outer.map(Box::new), weight })
}

#[test]
fn a_line_of_text_becomes_an_object_with_typed_values() {
    let value = parse_text::<Tree>("sgd:momentum=0.9,nesterov=true,mode=fast,steps=3").unwrap();
    let expected = json!({"rule": "sgd", "momentum": 0.9, "nesterov": true, "mode": "fast", "steps": 3});
    assert_eq!(value, expected);
}

#[test]
fn a_field_without_a_value_or_given_twice_is_refused() {
    assert!(parse_text::<Tree>("sgd:momentum").is_err());
    assert!(parse_text::<Tree>("sgd:momentum=1,momentum=2").is_err());
    assert!(parse_text::<Tree>("sgd:nested=(sgd:momentum),steps=3").is_err());
}

#[test]
fn a_nested_spec_ends_with_the_line_or_at_its_parenthesis() {
    for (text, expected) in [
        ("node:outer=leaf", node(leaf(0.5, false), Some(leaf(0.0, false)), 0.0)),
        ("node:outer=leaf,weight=2", node(leaf(0.5, false), Some(leaf(0.0, false)), 2.0)),
        ("node:weight=2,outer=leaf:rate=3,fast=true", node(leaf(0.5, false), Some(leaf(3.0, true)), 2.0)),
        ("node:outer=(leaf:rate=3),weight=2", node(leaf(0.5, false), Some(leaf(3.0, false)), 2.0)),
        (" node : outer = ( leaf : rate = 3 ) , weight = 2 ,", {
            node(leaf(0.5, false), Some(leaf(3.0, false)), 2.0)
        }),
        ("node:outer=(leaf)", node(leaf(0.5, false), Some(leaf(0.0, false)), 0.0)),
        ("node:inner=(node:outer=(leaf:rate=1),weight=2),outer=node:inner=leaf:rate=4", {
            let inner = node(leaf(0.5, false), Some(leaf(1.0, false)), 2.0);
            node(inner, Some(node(leaf(4.0, false), None, 0.0)), 0.0)
        }),
    ] {
        assert_eq!(read(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn a_table_holds_a_nested_spec_as_a_table_or_a_text() {
    let expected = node(leaf(0.5, false), Some(leaf(3.0, true)), 0.0);
    for nested in [json!({"rule": "leaf", "rate": 3, "fast": true}), json!("leaf:rate=3,fast=true")] {
        assert_eq!(read(json!({"rule": "node", "outer": nested})).unwrap(), expected);
    }
    let none = json!({"rule": "node", "outer": null});
    assert_eq!(read(none).unwrap(), Tree::Node(Node::default()));
}

#[test]
fn a_list_in_brackets_is_read_and_written_back() {
    let lists = |all: Vec<Tree>, sizes: Vec<f64>| Tree::Lists(Lists { all, sizes, pace: None });
    let (plain, fast) = (leaf(0.0, false), leaf(3.0, true));
    for (text, expected, shortest) in [
        ("lists:sizes=[1,2.5]", lists(vec![], vec![1.0, 2.5]), "lists:sizes=[1.0,2.5]"),
        ("lists:sizes=[]", lists(vec![], vec![]), "lists"),
        ("lists: sizes = [ 1 , 2.5 ] ,", lists(vec![], vec![1.0, 2.5]), "lists:sizes=[1.0,2.5]"),
        (
            "lists:all=[leaf,(leaf:rate=3,fast=true)],sizes=[1]",
            lists(vec![plain.clone(), fast.clone()], vec![1.0]),
            "lists:all=[leaf,(leaf:fast=true,rate=3.0)],sizes=[1.0]",
        ),
        (
            "lists:all=[leaf:rate=3,(lists:all=[leaf,leaf])]",
            lists(vec![leaf(3.0, false), lists(vec![plain.clone(), plain.clone()], vec![])], vec![]),
            "lists:all=[(leaf:rate=3.0),(lists:all=[leaf,leaf])]",
        ),
    ] {
        assert_eq!(read(text).unwrap(), expected, "{text}");
        assert_eq!(to_text(&expected), shortest);
        assert_eq!(read(shortest).unwrap(), expected, "{shortest}");
    }
    let table = json!({"rule": "lists", "all": ["leaf", {"rule": "leaf", "rate": 3, "fast": true}]});
    assert_eq!(read(table).unwrap(), lists(vec![plain, fast], vec![]));
    for (text, said) in [
        ("lists:sizes=[1,2", "unmatched parenthesis or bracket in `[1,2`"),
        ("lists:sizes=[1,2)", "unmatched parenthesis or bracket"),
        ("lists:sizes=1]", "unmatched parenthesis or bracket"),
        ("lists:sizes=[1]2", "there must be a comma between `[1]` and `2`"),
        ("lists:sizes=3", "lists: `sizes` must be of the right type"),
        ("lists:sizes=[one]", "lists: `sizes` must be of the right type"),
        ("lists:all=[leag]", "unknown optimizer `leag`, did you mean `leaf`?"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(said), "{text}: {error}");
    }
}

#[test]
fn a_spec_of_another_family_stays_a_text() {
    for (text, pace, sizes) in [
        ("lists:pace=slow", Some("slow"), vec![]),
        ("lists:pace=slow,sizes=[1.0]", Some("slow"), vec![1.0]),
        (
            "lists:pace=(slow:by=[1,2],then=(fast:of=3)),sizes=[1.0]",
            Some("slow:by=[1,2],then=(fast:of=3)"),
            { vec![1.0] },
        ),
        ("lists:pace=none,sizes=[1.0]", None, vec![1.0]),
    ] {
        let spec = Tree::Lists(Lists { all: Vec::new(), sizes, pace: pace.map(Into::into) });
        assert_eq!(read(text).unwrap(), spec, "{text}");
        assert_eq!(read(to_text(&spec)).unwrap(), spec, "{text}");
    }
    for text in ["lists:pace=slow:by=1", "lists:pace=(slow", "lists:pace=(slow)er", "lists:pace=[slow]"] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.ends_with("must be in parentheses"), "{text}: {error}");
    }
}

#[test]
fn a_text_is_as_short_as_it_can_be_and_reads_back() {
    for (spec, text) in [
        (node(leaf(0.5, false), None, 0.0), "node"),
        (node(leaf(0.0, false), None, 0.0), "node:inner=leaf"),
        (node(leaf(0.0, false), None, 2.0), "node:inner=leaf,weight=2.0"),
        (node(leaf(3.0, true), None, 2.0), "node:weight=2.0,inner=leaf:fast=true,rate=3.0"),
        (node(leaf(3.0, false), Some(leaf(0.0, false)), 0.0), "node:outer=leaf,inner=leaf:rate=3.0"),
        (node(leaf(3.0, false), Some(leaf(4.0, false)), 0.0), {
            "node:inner=(leaf:rate=3.0),outer=leaf:rate=4.0"
        }),
        (node(node(leaf(3.0, false), None, 2.0), None, 1.0), {
            "node:weight=1.0,inner=node:weight=2.0,inner=leaf:rate=3.0"
        }),
    ] {
        assert_eq!(to_text(&spec), text);
        assert_eq!(read(text).unwrap(), spec, "{text}");
    }
}

#[test]
fn a_mistake_in_a_nested_spec_names_that_spec() {
    for (text, said) in [
        ("node:outer=(leaf:rate=3,weight=2", "unmatched parenthesis or bracket in `(leaf:rate=3,weight=2`"),
        ("node:outer=leaf:rate=3),weight=2", "unmatched parenthesis or bracket in `3),weight=2`"),
        ("node:outer=((leaf:rate=3)", "unmatched parenthesis or bracket"),
        ("node:outer=(leaf)weight=2", "there must be a comma between `(leaf)` and `weight=2`"),
        ("node:weight=(2", "unmatched parenthesis or bracket"),
        ("node:weight=2)", "unmatched parenthesis or bracket"),
        ("node:outer=leag", "unknown optimizer `leag`, did you mean `leaf`?"),
        ("node:outer=leag:rate=3", "unknown optimizer `leag`"),
        ("node:outer=leaf:rat=3", "optimizer `leaf` has no field `rat`, did you mean `rate`?"),
        ("node:outer=leaf:rate=fast", "leaf: `rate` must be a finite number, not fast"),
        ("node:outer=3", "optimizer must be a text or a table, not 3"),
        ("node:weight=leaf:rate=3", "node: `weight` must be a finite number, not leaf:rate=3"),
        ("node:weight=0.9:rate=0.99", "a comma separates settings, not the colon in `0.9:rate=0.99`"),
        ("leaf:outer=leaf", "optimizer `leaf` has no field `outer`"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(said), "{text}: {error}");
    }
    let nothing = json!({"rule": "node", "inner": null});
    assert!(read(nothing).unwrap_err().to_string().contains("node: `inner` must be of the right type"));
}

#[test]
fn a_listing_shows_a_nested_spec_as_its_text() {
    let shown = fields(&Tree::Node(Node::default()));
    let expected = [("inner", "leaf:rate=0.5"), ("outer", "none"), ("weight", "0.0")];
    assert_eq!(shown, expected.map(|(field, value)| (field.into(), value.into())));
}

#[test]
fn a_colon_in_place_of_a_comma_is_named() {
    for text in
        ["leaf:rate=0.5:fast=true", "node:weight=1:outer=leaf", "leaf:fast=true:rate=1", "leaf:rate=:fast"]
    {
        let error = parse_text::<Tree>(text).unwrap_err().to_string();
        assert!(error.contains("a comma separates settings, not the colon in"), "{text}: {error}");
    }
    assert!(parse_text::<Tree>("node:outer=leaf:rate=1").is_ok());
}

#[test]
fn a_spec_of_sixteen_levels_is_read_and_one_of_seventeen_is_refused_in_text_and_in_tables() {
    let text = |levels: usize| format!("{}leaf", "node:inner=".repeat(levels - 1));
    let table = |levels: usize| {
        (1..levels).fold(json!({"rule": "leaf"}), |inner, _| json!({"rule": "node", "inner": inner}))
    };
    let sixteen = from_value::<Tree>(&text(MOST_LEVELS).into()).unwrap();
    assert_eq!(from_value::<Tree>(&table(MOST_LEVELS)).unwrap(), sixteen);
    assert_eq!(to_text(&sixteen), text(MOST_LEVELS));
    let in_lists = "lists:all=[(".repeat(MOST_LEVELS) + &")]".repeat(MOST_LEVELS);
    let mixed = json!({"rule": "node", "inner": {"rule": "node", "inner": text(MOST_LEVELS - 1)}});
    let lists_alone = format!("lists:sizes={}{}", "[".repeat(40), "]".repeat(40));
    for deep in
        [text(MOST_LEVELS + 1).into(), table(MOST_LEVELS + 1), in_lists.into(), mixed, lists_alone.into()]
    {
        let error = from_value::<Tree>(&deep).unwrap_err().to_string();
        assert_eq!(error, "optimizer: more than 16 levels, one within the other");
    }
}

#[test]
fn a_text_of_ten_thousand_levels_or_of_megabytes_is_refused_in_a_short_line() {
    for text in [
        format!("{}leaf", "node:inner=".repeat(10_000)),
        "[".repeat(10_000),
        "node:inner=(".repeat(1_000),
        "x".repeat(10_000_000),
        "leaf:".to_string() + &"rate=1,".repeat(100_000),
        format!("leaf:rate={}", "9".repeat(16_000)),
        format!("leaf:{}=1", "x".repeat(16_000)),
    ] {
        let error = from_value::<Tree>(&text.into()).unwrap_err().to_string();
        assert!(error.chars().count() <= crate::line::MOST, "{error}");
    }
}

#[test]
fn a_table_is_refused_before_it_is_read_if_it_is_too_deep() {
    let nested = |levels: usize| (0..levels).fold(json!(1), |value, _| json!([value]));
    assert!(check_depth("optimizer", &nested(34)).is_ok());
    assert!(check_depth("optimizer", &nested(35)).unwrap_err().is_usage());
}
