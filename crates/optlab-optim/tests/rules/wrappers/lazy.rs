//! `lazy`: rows without a gradient stay as they are, rows with one move as with the base.

use super::*;

/// A matrix with one row for each token, as that of an embedding, and a vector.
#[derive(Module, Debug)]
struct Tokens {
    rows: Param<Tensor<2>>,
    vector: Param<Tensor<1>>,
}

const VECTOR: usize = 5;

impl Tokens {
    /// Returns the rows `ids` of a matrix with rows of `width` numbers.
    fn of(ids: &[usize], width: usize, device: &Device) -> Self {
        let values: Vec<f64> = ids.iter().flat_map(|id| random(INITIAL, *id, &[width])).collect();
        let rows = tensor::<2>(&values, &[ids.len(), width], device).require_grad();
        let vector = tensor::<1>(&random(INITIAL, 0, &[VECTOR]), &[VECTOR], device).require_grad();
        Tokens { rows: Param::from_tensor(rows), vector: Param::from_tensor(vector) }
    }

    /// Makes step `t`, in which the rows that `touches` accepts have a gradient.
    fn step(
        self,
        optimizer: &mut ModelOptimizer,
        t: usize,
        ids: &[usize],
        touches: impl Fn(usize) -> bool,
    ) -> Self {
        let [_, width] = self.rows.dims();
        let device = self.rows.device().inner();
        let row = |id: &usize| if touches(*id) { random(t, *id, &[width]) } else { vec![0.0; width] };
        let values: Vec<f64> = ids.iter().flat_map(row).collect();
        let mut gradients = GradientsParams::new();
        gradients.register(self.rows.id, tensor::<2>(&values, &[ids.len(), width], &device));
        gradients.register(self.vector.id, tensor::<1>(&random(t, 0, &[VECTOR]), &[VECTOR], &device));
        optimizer.apply(rate(t), self, &mut gradients)
    }

    fn bits_of_row(&self, row: usize) -> Vec<u32> {
        let [_, width] = self.rows.dims();
        bits(&self.rows)[row * width..(row + 1) * width].to_vec()
    }
}

/// Rules that have no, one, two and three buffers, and some that move without a gradient.
const BASES: [&str; 7] = [
    "sgd",
    "sgd:momentum=0.9",
    "adamw:weight_decay=0.1",
    "adam:amsgrad=true",
    "lion",
    "adagrad",
    "muon:other=adamw",
];

#[test]
fn rows_with_a_gradient_move_as_with_the_base_and_the_others_keep_every_bit() {
    let device = Device::default().autodiff();
    // Within a piece of memory, many pieces, and rows that are longer than a piece.
    for (rows, width) in [(7, 3), (3_000, 40), (5, 20_000)] {
        let all: Vec<usize> = (0..rows).collect();
        let touched: Vec<usize> = all.iter().copied().filter(|id| id % 3 == 1 || *id == rows - 1).collect();
        for base in BASES.iter().filter(|base| !base.starts_with("muon")) {
            let (mut lazy, mut of_touched) = (build(&format!("lazy:base={base}")), build(base));
            let mut model = Tokens::of(&all, width, &device);
            let mut expected = Tokens::of(&touched, width, &device);
            for t in 1..=4 {
                model = model.step(&mut lazy, t, &all, |id| touched.contains(&id));
                expected = expected.step(&mut of_touched, t, &touched, |_| true);
            }
            assert_eq!(bits(&model.vector), bits(&expected.vector), "{base}");
            let start = Tokens::of(&all, width, &device);
            for row in all.iter().copied() {
                let of_row = model.bits_of_row(row);
                match touched.iter().position(|id| *id == row) {
                    Some(place) => assert_eq!(of_row, expected.bits_of_row(place), "{base}: row {row}"),
                    None => assert_eq!(of_row, start.bits_of_row(row), "{base}: row {row}"),
                }
            }
        }
    }
}

#[test]
fn the_state_of_a_row_waits_for_its_next_gradient_and_is_saved() {
    let device = Device::default().autodiff();
    let ids = [0, 1, 2, 3];
    let touches = |t: usize| move |id: usize| (id + t).is_multiple_of(3);
    for base in BASES {
        let text = format!("lazy:base={base}");
        let (mut one, mut saved) = (build(&text), build(&text));
        let (mut expected, mut model) = (Tokens::of(&ids, 3, &device), Tokens::of(&ids, 3, &device));
        let folder = tempfile::tempdir().unwrap();
        for t in 1..=9 {
            expected = expected.step(&mut one, t, &ids, touches(t));
            model = model.step(&mut saved, t, &ids, touches(t));
            let path = folder.path().join(t.to_string());
            saved.save(&path).unwrap();
            saved = build(&text);
            saved.load(&path, &model, &Device::default()).unwrap();
        }
        assert_eq!(bits(&model), bits(&expected), "{base}");
        let plain = (1..=9).fold((build(base), Tokens::of(&ids, 3, &device)), |(mut optimizer, model), t| {
            let model = model.step(&mut optimizer, t, &ids, touches(t));
            (optimizer, model)
        });
        let is_same = bits(&plain.1.rows) == bits(&model.rows);
        let moves_without_gradient = !["sgd", "adagrad"].contains(&base);
        assert_eq!(is_same, !moves_without_gradient, "{base}");
    }
}

#[test]
fn penalties_of_wrappers_give_no_row_a_gradient() {
    let device = Device::default().autodiff();
    let ids = [0, 1, 2];
    let step = |text: &str| Tokens::of(&ids, 3, &device).step(&mut build(text), 1, &ids, |id| id == 1);
    let expected = bits(&step("lazy:base=sgd"));
    for around in ["decay:weight_decay=0.5,l1=0.1", "group:parameters=rows", "no_vector_decay:"] {
        let text = format!("{around},base=(lazy:base=sgd)").replace(":,", ":");
        assert_eq!(bits(&step(&text)), expected, "{around}");
    }
    let of_group = step("group:parameters=rows,other=(lazy:base=sgd),base=sgd");
    assert_eq!(bits(&of_group), expected);
}

#[test]
fn what_moves_all_rows_or_has_no_rows_is_refused() {
    let refusal = |text: &str| {
        let error = text.parse::<OptimizerSpec>().unwrap().build().unwrap_err();
        assert!(error.is_usage(), "{text}: {error}");
        error.to_string()
    };
    for base in ["muon", "prodigy", "novograd", "burn.adam", "adamw:state=bf16"] {
        let text = format!("lazy:base={base}");
        assert!(refusal(&text).contains("this base has none"), "{text}: {}", refusal(&text));
    }
    for around in [
        "ema",
        "swa",
        "lawa",
        "lookahead",
        "schedule_free",
        "ema_nesterov",
        "mechanic",
        "hyperball",
        "cautious",
    ] {
        for text in [format!("{around}:base=(lazy:base=adam)"), format!("lazy:base=({around}:base=adam)")] {
            assert!(refusal(&text).contains("`lazy` leaves rows as they are"), "{text}: {}", refusal(&text));
        }
    }
    for around in ["grokfast", "variance_reduced", "centralized"] {
        for text in [format!("{around}:base=(lazy:base=adam)"), format!("lazy:base=({around}:base=adam)")] {
            assert!(refusal(&text).contains("gives a gradient to rows that have none"), "{}", refusal(&text));
        }
    }
    let twice = "lazy:base=(group:base=(lazy:base=adam))";
    assert!(refusal(twice).contains("`lazy` wraps an optimizer that already has it"), "{}", refusal(twice));
    let compact = "compact:base=(lazy:base=adam)";
    assert!(refusal(compact).contains("`lazy` keeps its state in 32 bits"), "{}", refusal(compact));
}
