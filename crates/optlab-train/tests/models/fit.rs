//! Models get the sizes of the data that they are built for, or say what does not fit.

use crate::subject::*;
use optlab_train::model::{Init, InputShape, ModelSpec};
use optlab_train::nn::Mode;

#[test]
fn every_model_maps_rows_of_its_shape_to_rows_of_outputs() {
    for (text, shape) in models() {
        let device = device();
        let model = build(text, &shape, &device);
        assert_eq!(model.input_shape(), &shape);
        for batch in [1, 4] {
            for mode in [Mode::Evaluate, Mode::Train { seed: 1, step: 0 }] {
                let outputs = model.forward(tensor(&inputs(&shape, batch), &device), mode);
                assert_eq!(outputs.dims(), [batch, 3], "{text}");
                assert!(rows(outputs).concat().iter().all(|x| x.is_finite()), "{text}");
            }
        }
    }
}

#[test]
fn a_shape_has_the_sizes_that_it_was_made_from() {
    assert_eq!(InputShape::from_sizes(&[4]).unwrap(), InputShape::numbers(4));
    let sequences = InputShape::Sequence { time: 4, features: 3 };
    assert_eq!(InputShape::from_sizes(&[4, 3]).unwrap(), sequences);
    let images = InputShape::Image { channels: 2, height: 6, width: 5 };
    assert_eq!(InputShape::from_sizes(&[2, 6, 5]).unwrap(), images);
    assert_eq!(
        [sequences.elements(), images.elements(), categories().elements(), TOKENS.elements()],
        [12, 60, 5, 4]
    );
    for sizes in [&[][..], &[1, 2, 3, 4]] {
        let error = InputShape::from_sizes(sizes).unwrap_err().to_string();
        assert!(error.starts_with("model: `input shape` must be [features], "), "{error}");
    }
}

#[test]
fn a_kind_of_model_that_cannot_read_the_inputs_says_which_can() {
    let table = InputShape::numbers(10);
    assert_eq!(
        refusal("cnn=[8]", &table),
        "model: `cnn` must be given images [channels, height, width], not a table of 10 columns; these fit `linear` and `mlp`"
    );
    for text in ["rnn=8", "gru=8", "lstm=8", "transformer=1"] {
        let kind = text.split('=').next().unwrap();
        let start = format!(
            "model: `{kind}` must be given sequences [time, features], tokens [time] or images, not a table"
        );
        assert!(refusal(text, &table).starts_with(&start), "{}", refusal(text, &table));
        assert!(refusal(text, &categories()).ends_with("of 5 columns; these fit `linear` and `mlp`"));
    }
    for shape in [SEQUENCES, TOKENS] {
        let error = refusal("cnn=[8]", &shape);
        assert!(error.contains("not sequences of 4 ") && error.contains("these fit `rnn`, `gru`"), "{error}");
    }
}

#[test]
fn a_layer_without_anything_left_to_read_is_named() {
    let small = InputShape::Image { channels: 1, height: 8, width: 8 };
    for (text, error) in [
        (
            "cnn=[4,4,4,4]",
            "model: `max_pool.3` must be given images of at least 2 × 2 pixels, not [4, 1, 1] of images of 1 × 8 × 8",
        ),
        (
            "cnn=[4,4,4],kernel=4,padding=valid,pool=none",
            "model: `conv.2` must be given images of at least 4 × 4 pixels, not [4, 2, 2] of images of 1 × 8 × 8",
        ),
        (
            "cnn=[4],kernel=9,padding=valid",
            "model: `conv.0` must be given images of at least 9 × 9 pixels, not [1, 8, 8] of images of 1 × 8 × 8",
        ),
        (
            "layers=[relu,maxpool 9]",
            "model: `layer 2, maxpool 9` must be given images of at least 9 × 9 pixels, not [1, 8, 8] of images of 1 × 8 × 8",
        ),
        (
            "layers=[conv 4 3,dense 8]",
            "model: `layer 2, dense 8` must be given a flat input or a sequence (`flatten` first), not [4, 8, 8] of images of 1 × 8 × 8",
        ),
        (
            "layers=[flatten,conv 4 3]",
            "model: `layer 2, conv 4 3` must be given images [channels, height, width], not [64] of images of 1 × 8 × 8",
        ),
        (
            "layers=[flatten,avgpool]",
            "model: `layer 2, avgpool 2` must be given images [channels, height, width], not [64] of images of 1 × 8 × 8",
        ),
        (
            "layers=[flatten,gru 4]",
            "model: `layer 2, gru 4` must be given sequences [time, features] or images, not [64] of images of 1 × 8 × 8",
        ),
        (
            "layers=[last]",
            "model: `layer 1, last` must be given sequences [time, features], not [1, 8, 8] of images of 1 × 8 × 8",
        ),
        (
            "layers=[rnn 4,mean,mean]",
            "model: `layer 3, mean` must be given sequences [time, features], not [4] of images of 1 × 8 × 8",
        ),
    ] {
        assert_eq!(refusal(text, &small), error);
    }
    // One pooling less leaves one pixel, which is enough.
    build("cnn=[4,4,4]", &small, &device());
    build("cnn=[4],kernel=8,padding=valid,pool=none", &small, &device());
    build("cnn=[4],kernel=9", &small, &device());
}

#[test]
fn empty_shapes_and_models_without_outputs_are_refused() {
    for shape in [
        InputShape::numbers(0),
        InputShape::Sequence { time: 0, features: 3 },
        InputShape::Tokens { time: 0, vocabulary: 3 },
        InputShape::Image { channels: 1, height: 0, width: 3 },
    ] {
        assert!(
            refusal("mlp=[4]", &shape)
                .starts_with("model: `input shape` must be of at least one number, not ")
        );
    }
    for count in [0, (1 << 24) + 1] {
        let tokens = InputShape::Tokens { time: 3, vocabulary: count };
        for shape in [InputShape::Columns(vec![None, Some(count)]), tokens] {
            let error = format!("model: `number of categories` must be from 1 to 16777216, not {count}");
            assert_eq!(refusal("mlp=[4]", &shape), error);
        }
    }
    let spec: ModelSpec = "linear".parse().unwrap();
    let error = spec.build(&InputShape::numbers(3), 0, &mut Init::new(1, &device())).unwrap_err();
    assert_eq!(error.to_string(), "model: `outputs` must be at least 1, not 0");
    build("linear", &InputShape::Tokens { time: 1, vocabulary: 1 }, &device());
}

#[test]
fn a_model_that_fits_no_memory_is_refused_before_it_is_drawn() {
    for text in
        ["mlp=[1000000,1000000]", "transformer=1,width=1000000", "rnn=[100000]", "mlp=[1000000000000000000]"]
    {
        let error = refusal(text, &SEQUENCES);
        assert!(
            error.starts_with("model: `number of parameters` must be at most 4294967296, not "),
            "{error}"
        );
    }
}
