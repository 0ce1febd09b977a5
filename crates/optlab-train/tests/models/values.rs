//! The outputs of every kind of model are those of its definition, computed in 64 bits.

use crate::reference::*;
use crate::subject::*;
use burn::module::Module;
use burn::tensor::DType;
use optlab_train::model::InputShape;
use optlab_train::nn::Mode;

const BATCH: usize = 3;
const TRAIN: Mode = Mode::Train { seed: 3, step: 4 };

/// Checks the outputs of a model with scrambled weights against a definition of its batch.
#[track_caller]
fn check_batch(
    text: &str,
    shape: &InputShape,
    mode: Mode,
    sizes: &[usize],
    expected: impl Fn(&Parameters, Vec<Array>) -> Vec<Array>,
) {
    let device = device();
    let model = scrambled(build(text, shape, &device));
    let batch = inputs(shape, BATCH);
    let outputs = rows(model.forward(tensor(&batch, &device), mode));
    let parameters = parameters(&model);
    let arrays = batch.into_iter().map(|row| {
        // The model sees the inputs in 32 bits.
        Array::new(sizes, row.into_iter().map(|x| f64::from(x as f32)).collect())
    });
    let hidden = expected(&parameters, arrays.collect());
    for (row, (outputs, hidden)) in outputs.iter().zip(hidden).enumerate() {
        let expected = dense(&parameters, "output", &hidden.flat()).numbers;
        assert_eq!(outputs.len(), expected.len());
        for (given, expected) in outputs.iter().zip(&expected) {
            let is_close = (given - expected).abs() <= 1e-5 * expected.abs().max(1.0);
            assert!(is_close, "{text} {mode:?}: row {row}: {given} for {expected}");
        }
    }
}

/// Checks the outputs in evaluation, which depend on each example alone.
#[track_caller]
fn check(text: &str, shape: &InputShape, expected: impl Fn(&Parameters, Array) -> Array) {
    let sizes: Vec<usize> = match *shape {
        InputShape::Sequence { time, features } => vec![time, features],
        InputShape::Image { channels, height, width } => vec![channels, height, width],
        _ => vec![shape.elements()],
    };
    check_batch(text, shape, Mode::Evaluate, &sizes, |of, batch| {
        batch.into_iter().map(|x| expected(of, x)).collect()
    });
}

#[test]
fn linear_is_one_dense_layer() {
    check("linear", &InputShape::numbers(6), |_, x| x);
    check("linear", &IMAGES, |_, x| x);
    check("linear", &TOKENS, |of, x| tokens(of, &x));
    check("linear", &categories(), |of, x| columns(of, &categories(), &x));
}

#[test]
fn mlp_applies_each_activation_after_each_dense_layer() {
    for name in ["relu", "tanh", "gelu", "sigmoid", "silu", "leaky_relu"] {
        check(&format!("mlp=[5,4],activation={name}"), &IMAGES, |of, x| {
            let x = dense(of, "dense.0", &x.flat()).map(activation(name));
            dense(of, "dense.1", &x).map(activation(name))
        });
    }
}

#[test]
fn mlp_normalizes_before_the_activation() {
    check("mlp=[5],norm=layer", &SEQUENCES, |of, x| {
        layer_norm(of, "layer_norm.0", &dense(of, "dense.0", &x.flat())).map(activation("relu"))
    });
    for mode in [Mode::Evaluate, TRAIN] {
        check_batch("mlp=[5],norm=batch", &SEQUENCES, mode, &[4, 3], |of, batch| {
            let batch: Vec<Array> = batch.iter().map(|x| dense(of, "dense.0", &x.flat())).collect();
            let normalized = batch_norm(of, "batch_norm.0", &batch, mode == TRAIN);
            normalized.iter().map(|x| x.map(activation("relu"))).collect()
        });
    }
}

#[test]
fn cnn_convolves_activates_and_pools() {
    let relu = activation("relu");
    check("cnn=[3,4],dense=[5]", &IMAGES, |of, x| {
        let x = pool(&conv(of, "conv.0", &x, 1, 1, [6, 5]).map(relu), 2, max);
        let x = pool(&conv(of, "conv.1", &x, 1, 1, [3, 2]).map(relu), 2, max);
        dense(of, "dense.0", &x.flat()).map(relu)
    });
    check("cnn=[3],padding=valid,pool=avg,dense=[],activation=tanh", &IMAGES, |of, x| {
        pool(&conv(of, "conv.0", &x, 0, 1, [4, 3]).map(f64::tanh), 2, mean)
    });
    // Of the one row and column of padding around a kernel of 4 pixels the larger half is below and right.
    check("cnn=[3],kernel=4,pool=none,dense=[]", &IMAGES, |of, x| {
        conv(of, "conv.0", &x, 1, 1, [6, 5]).map(relu)
    });
    check(
        "cnn=[3],kernel=3,stride=2,pool=none,dense=[]",
        &InputShape::Image { channels: 2, height: 5, width: 5 },
        |of, x| conv(of, "conv.0", &x, 1, 2, [3, 3]).map(relu),
    );
    check("cnn=[3],kernel=2,stride=3,padding=valid,pool=none,dense=[]", &IMAGES, |of, x| {
        conv(of, "conv.0", &x, 0, 3, [2, 2]).map(relu)
    });
}

#[test]
fn cnn_normalizes_before_the_activation() {
    let relu = activation("relu");
    check("cnn=[3],norm=layer,dense=[4]", &IMAGES, |of, x| {
        let x = layer_norm(of, "layer_norm.0", &conv(of, "conv.0", &x, 1, 1, [6, 5]));
        let x = dense(of, "dense.0", &pool(&x.map(relu), 2, max).flat());
        layer_norm(of, "layer_norm.1", &x).map(relu)
    });
    for mode in [Mode::Evaluate, TRAIN] {
        check_batch("cnn=[3],norm=batch,dense=[]", &IMAGES, mode, &[2, 6, 5], |of, batch| {
            let batch: Vec<Array> = batch.iter().map(|x| conv(of, "conv.0", x, 1, 1, [6, 5])).collect();
            let normalized = batch_norm(of, "batch_norm.0", &batch, mode == TRAIN);
            normalized.iter().map(|x| pool(&x.map(relu), 2, max)).collect()
        });
    }
}

#[test]
fn recurrent_layers_predict_from_their_last_states() {
    for cell in ["rnn", "gru", "lstm"] {
        check(&format!("{cell}=4"), &SEQUENCES, |of, x| stacked(of, cell, 1, false, &x));
        check(&format!("{cell}=[4,3]"), &SEQUENCES, |of, x| stacked(of, cell, 2, false, &x));
        check(&format!("{cell}=[4,3],bidirectional=true"), &SEQUENCES, |of, x| {
            stacked(of, cell, 2, true, &x)
        });
        check(&format!("{cell}=4"), &TOKENS, |of, x| stacked(of, cell, 1, false, &tokens(of, &x)));
        check(&format!("{cell}=4"), &IMAGES, |of, x| stacked(of, cell, 1, false, &image_rows(&x)));
    }
}

#[test]
fn transformer_attends_to_all_time_steps() {
    check("transformer=2,heads=2,width=6", &SEQUENCES, |of, x| {
        mean_over_time(&blocks(of, 2, 2, &dense(of, "dense.0", &x)))
    });
    check("transformer=1,heads=3,width=6,feed_forward=5,pooling=last", &TOKENS, |of, x| {
        last_step(&blocks(of, 1, 3, &tokens(of, &x)))
    });
    check("transformer=1,heads=1,width=4,embedding=3", &TOKENS, |of, x| {
        mean_over_time(&blocks(of, 1, 1, &dense(of, "dense.0", &tokens(of, &x))))
    });
    check("transformer=1,heads=2,width=4", &IMAGES, |of, x| {
        mean_over_time(&blocks(of, 1, 2, &dense(of, "dense.0", &image_rows(&x))))
    });
}

#[test]
fn a_list_of_layers_is_computed_in_its_order() {
    let text = "layers=[conv 3 2 stride 2 valid,gelu,avgpool 2 stride 1,flatten,layernorm,dense 5,relu,dense 4,tanh]";
    check(text, &IMAGES, |of, x| {
        let x = pool(&conv(of, "conv.0", &x, 0, 2, [3, 2]).map(gelu), 1, mean);
        let x = dense(of, "dense.0", &layer_norm(of, "layer_norm.0", &x.flat()));
        dense(of, "dense.1", &x.map(activation("relu"))).map(f64::tanh)
    });
    check("layers=[dense 4,rnn 3,layernorm,last]", &SEQUENCES, |of, x| {
        let x = Array::of_rows(&recurrent(of, "rnn", "recurrent.0", &dense(of, "dense.0", &x)));
        last_step(&layer_norm(of, "layer_norm.0", &x))
    });
    check("layers=[conv 3,maxpool,gru 3,lstm 2,mean]", &IMAGES, |of, x| {
        let x = image_rows(&pool(&conv(of, "conv.0", &x, 1, 1, [6, 5]), 2, max));
        let x = Array::of_rows(&recurrent(of, "gru", "recurrent.0", &x));
        mean_over_time(&Array::of_rows(&recurrent(of, "lstm", "recurrent.1", &x)))
    });
    for mode in [Mode::Evaluate, TRAIN] {
        check_batch("layers=[batchnorm,mean]", &SEQUENCES, mode, &[4, 3], |of, batch| {
            let normalized = batch_norm(of, "batch_norm.0", &batch, mode == TRAIN);
            normalized.iter().map(mean_over_time).collect()
        });
    }
}

#[test]
fn burns_operations_which_other_backends_use_compute_the_same() {
    for (text, shape) in models() {
        // Burn's own layer mixes 32 bits into 64 when it returns all states.
        if text.starts_with("rnn=[") || text.contains("rnn 3") {
            continue;
        }
        let device = device();
        let model = scrambled(build(text, &shape, &device));
        let x = tensor(&inputs(&shape, BATCH), &device);
        let (wide, x_wide) = (in_64_bits(model.valid()), x.clone().cast(DType::F64));
        for mode in [Mode::Evaluate, TRAIN] {
            let given = rows(model.forward(x.clone(), mode)).concat();
            let expected = rows(wide.forward(x_wide.clone(), mode)).concat();
            for (given, expected) in given.iter().zip(&expected) {
                assert!(
                    (given - expected).abs() <= 1e-5 * expected.abs().max(1.0),
                    "{text}: {given} for {expected}"
                );
            }
        }
    }
}
