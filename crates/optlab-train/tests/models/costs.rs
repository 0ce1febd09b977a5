//! Parameters, operations and bytes of models are those of closed forms.

use crate::subject::*;
use burn::module::Module;
use optlab_train::model::{InputShape, ModelSpec, Summary};

fn summary(text: &str, shape: &InputShape) -> Summary {
    text.parse::<ModelSpec>().unwrap().summary(shape, 3).unwrap()
}

#[test]
fn parameters_and_operations_equal_their_closed_forms() {
    let table = InputShape::numbers(6);
    let attention = |width: u64, hidden: u64| {
        4 * width * width + 3 * width + 2 * width * hidden + hidden + width + 4 * width
    };
    for (text, shape, parameters, flops) in [
        ("linear", table.clone(), 6 * 3 + 3, 2 * 6 * 3),
        ("mlp=[5,4]", table, 6 * 5 + 5 + 5 * 4 + 4 + 4 * 3 + 3, 2 * (6 * 5 + 5 * 4 + 4 * 3)),
        // Without bias, but with scale and shift; layer norm keeps the bias.
        ("mlp=[5],norm=batch", SEQUENCES, 12 * 5 + 2 * 5 + 5 * 3 + 3, 2 * (12 * 5 + 5 * 3)),
        ("mlp=[5],norm=layer", SEQUENCES, 12 * 5 + 5 + 2 * 5 + 5 * 3 + 3, 2 * (12 * 5 + 5 * 3)),
        // 6×5 pixels, pooled to 3×2, then to 1×1.
        (
            "cnn=[3,4],dense=[5]",
            IMAGES,
            3 * 2 * 9 + 3 + 4 * 3 * 9 + 4 + 4 * 5 + 5 + 5 * 3 + 3,
            2 * (30 * 3 * 2 * 9 + 6 * 4 * 3 * 9 + 4 * 5 + 5 * 3),
        ),
        (
            "cnn=[3],norm=layer,pool=none,dense=[]",
            IMAGES,
            3 * 2 * 9 + 3 + 6 + 90 * 3 + 3,
            2 * (30 * 3 * 2 * 9 + 90 * 3),
        ),
        ("rnn=4", SEQUENCES, (3 + 4 + 2) * 4 + 4 * 3 + 3, 2 * (4 * (3 + 4) * 4 + 4 * 3)),
        ("gru=4", SEQUENCES, 3 * (3 + 4 + 2) * 4 + 4 * 3 + 3, 2 * (4 * 3 * (3 + 4) * 4 + 4 * 3)),
        (
            "lstm=[4,5],bidirectional=true",
            SEQUENCES,
            2 * 4 * ((3 + 4 + 2) * 4 + (8 + 5 + 2) * 5) + 10 * 3 + 3,
            2 * (4 * 2 * 4 * ((3 + 4) * 4 + (8 + 5) * 5) + 10 * 3),
        ),
        (
            "transformer=2,heads=3,width=6,feed_forward=5",
            SEQUENCES,
            3 * 6 + 6 + 4 * 6 + 2 * attention(6, 5) + 2 * 6 + 6 * 3 + 3,
            2 * (4 * 3 * 6 + 2 * (4 * 4 * 36 + 2 * 16 * 6 + 2 * 4 * 6 * 5) + 6 * 3),
        ),
        (
            "transformer=1,heads=1,width=4",
            TOKENS,
            7 * 4 + 4 * 4 + attention(4, 16) + 2 * 4 + 4 * 3 + 3,
            2 * (4 * 4 * 16 + 2 * 16 * 4 + 2 * 4 * 4 * 16 + 4 * 3),
        ),
        // Half the categories, rounded up: 7 tokens as 4 numbers, 5 and 3 categories as 3 and 2.
        ("linear", TOKENS, 7 * 4 + 16 * 3 + 3, 2 * 16 * 3),
        ("linear", categories(), 5 * 3 + 3 * 2 + 8 * 3 + 3, 2 * 8 * 3),
        ("linear,embedding=6", categories(), 8 * 6 + 15 * 3 + 3, 2 * 15 * 3),
        ("linear", InputShape::Columns(vec![Some(1000)]), 1000 * 50 + 50 * 3 + 3, 2 * 50 * 3),
        ("layers=[dense 4]", SEQUENCES, 3 * 4 + 4 + 16 * 3 + 3, 2 * (4 * 3 * 4 + 16 * 3)),
    ] {
        let summary = summary(text, &shape);
        assert_eq!((summary.parameters, summary.flops), (parameters, flops), "{text} {shape}");
    }
}

#[test]
fn a_summary_says_of_each_layer_what_the_model_has() {
    for (text, shape) in models() {
        let model = build(text, &shape, &device());
        let summary = model.summary();
        assert_eq!(summary, crate::costs::summary(text, &shape));
        let of = parameters(&model);
        let size = |path: &&String| of[*path].1.len() as u64;
        for (place, layer) in summary.layers.iter().enumerate() {
            let later = summary.layers[place + 1..].iter().any(|other| other.name == layer.name);
            assert!(!later, "{text}: two layers {}", layer.name);
            // Two names cover more than one path: embeddings of all categories, and both directions.
            let first = layer.name.split('.').next().unwrap();
            let is_its = |path: &&String| match first {
                "embedding" => path.starts_with("embedding."),
                "recurrent" => {
                    let reverse = layer.name.replace("recurrent", "recurrent_reverse");
                    path.starts_with(&format!("{}.", layer.name)) || path.starts_with(&format!("{reverse}."))
                }
                "positions" => *path == "positions",
                _ => path.starts_with(&format!("{}.", layer.name)),
            };
            let trained = of.keys().filter(is_its).filter(|path| !is_statistic(path));
            assert_eq!(
                layer.parameters,
                trained.map(|path| size(&path)).sum::<u64>(),
                "{text}: {}",
                layer.name
            );
        }
        let sum = |trained: bool| {
            of.keys().filter(|path| is_statistic(path) != trained).map(|path| size(&path)).sum::<u64>()
        };
        assert_eq!((summary.parameters, summary.statistics), (sum(true), sum(false)), "{text}");
        assert_eq!(model.num_params() as u64, summary.parameters + summary.statistics, "{text}");
        assert_eq!(summary.weight_bytes, 4 * model.num_params() as u64, "{text}");
        assert_eq!(summary.parameters, summary.layers.iter().map(|layer| layer.parameters).sum::<u64>());
        assert_eq!(summary.flops, summary.layers.iter().map(|layer| layer.flops).sum::<u64>());
        assert_eq!(summary.layers.last().unwrap().output, [3]);
    }
}

#[test]
fn a_summary_lists_layers_with_their_output_shapes() {
    let shown = |text: &str, shape: &InputShape| -> Vec<String> {
        let layers = summary(text, shape).layers.into_iter();
        layers.map(|layer| format!("{} {:?} {}", layer.name, layer.output, layer.activations)).collect()
    };
    let images = InputShape::Image { channels: 2, height: 9, width: 8 };
    assert_eq!(
        shown(
            "cnn=[3,4],kernel=2,padding=valid,norm=batch,dense=[5],activation=tanh,dropout=[0.1,0]",
            &images
        ),
        [
            "conv.0 [3, 8, 7] 168",
            "batch_norm.0 [3, 8, 7] 168",
            "tanh.0 [3, 8, 7] 168",
            "max_pool.0 [3, 4, 3] 36",
            "dropout.0 [3, 4, 3] 36",
            "conv.1 [4, 3, 2] 24",
            "batch_norm.1 [4, 3, 2] 24",
            "tanh.1 [4, 3, 2] 24",
            "max_pool.1 [4, 1, 1] 4",
            "dropout.1 [4, 1, 1] 4",
            "flatten.0 [4] 0",
            "dense.0 [5] 5",
            "batch_norm.2 [5] 5",
            "tanh.2 [5] 5",
            "output [3] 3",
        ]
    );
    assert_eq!(
        shown("transformer=1,heads=2,width=4,feed_forward=5", &IMAGES),
        [
            "rows.0 [6, 10] 0",
            "dense.0 [6, 4] 24",
            "positions [6, 4] 24",
            "block.0 [6, 4] 372",
            "layer_norm.0 [6, 4] 24",
            "mean.0 [4] 4",
            "output [3] 3"
        ]
    );
    assert_eq!(
        shown("gru=[4,3],bidirectional=true", &TOKENS),
        ["embedding.0 [4, 4] 16", "recurrent.0 [4, 8] 128", "recurrent.1 [6] 96", "output [3] 3"]
    );
    // Bytes: 4 of each number.
    assert_eq!(summary("mlp=[5]", &InputShape::numbers(6)).activation_bytes, 4 * (5 + 3));
}
