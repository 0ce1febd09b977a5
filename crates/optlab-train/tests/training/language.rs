//! Workloads that predict the next token: their data, their training, the texts that they write.

use crate::StopAfter;
use burn::tensor::{Device, Int, Tensor};
use optlab_train::Error;
use optlab_train::data::{Draw, Preparation, Source};
use optlab_train::registry::{self, SavedRun};
use optlab_train::train::{self, Budget, Recipe, RunDirectory, RunOptions, Trial};
use optlab_train::workload::{Generation, Language, Workload, language};
use std::path::PathBuf;

fn workload(name: &str) -> Language {
    language::all().into_iter().find(|workload| workload.info().name == name).unwrap()
}

fn numbers<const D: usize>(tensor: Tensor<D, Int>) -> Vec<i64> {
    tensor.into_data().iter::<i64>().collect()
}

fn preparation(validation: f64) -> Preparation {
    Preparation { validation, ..Preparation::default() }
}

/// The folder of the texts that do not ship with the program.
fn texts() -> Source {
    let folder = std::env::var("OPTLAB_TEXT_FOLDER").expect("OPTLAB_TEXT_FOLDER names a folder");
    Source { data_dir: Some(PathBuf::from(folder)), show_progress: false }
}

#[test]
fn a_window_of_a_text_predicts_the_character_after_each_of_its_own() {
    let parts = workload("jargon-gpt").parts(&Source::default(), &preparation(0.1)).unwrap();
    let device = Device::default();
    let text = |tokens: &[i64]| -> String {
        tokens.iter().map(|token| parts.facts.alphabet[*token as usize]).collect()
    };
    assert_eq!((parts.facts.context, parts.facts.alphabet.len()), (64, 155));
    let batch = parts.train.batch(&[0, 1], None, &device).unwrap();
    let (tokens, targets) = (numbers(batch.tokens), numbers(batch.targets));
    assert_eq!(tokens[1..64], targets[..63]);
    assert_eq!(tokens[64], targets[63], "the second window begins where the first one ends");
    assert!(text(&tokens).contains("The Jargon File"), "{}", text(&tokens));
    // In training a window begins anywhere.
    let draw = Draw { seed: 1, step: 3, first: 0 };
    let moved = numbers(parts.train.batch(&[0, 1], Some(draw), &device).unwrap().tokens);
    let whole: String =
        text(&tokens) + &text(&numbers(parts.train.batch(&[2], None, &device).unwrap().tokens));
    assert!(moved[..64] != tokens[..64] && whole.contains(&text(&moved[..64])));
    let again = numbers(parts.train.batch(&[0, 1], Some(draw), &device).unwrap().tokens);
    assert_eq!(moved, again);
    let other = Draw { step: 4, ..draw };
    assert_ne!(moved, numbers(parts.train.batch(&[0, 1], Some(other), &device).unwrap().tokens));
}

#[test]
fn a_text_is_cut_at_the_same_place_whatever_is_held_out_for_validation() {
    let lens = |validation: f64| {
        let parts = workload("jargon-gpt").parts(&Source::default(), &preparation(validation)).unwrap();
        [parts.train.len(), parts.validation.len(), parts.test.len()]
    };
    // 1,618,757 characters.
    let characters = 1_618_757.0;
    for (validation, shares) in [(0.1, [0.9, 0.05, 0.05]), (0.0, [0.9, 0.0, 0.1]), (0.4, [0.6, 0.2, 0.2])] {
        for (given, share) in lens(validation).into_iter().zip(shares) {
            assert!((given as f64 - share * characters / 64.0).abs() <= 2.0, "{validation}: {given}");
        }
    }
    let error = workload("jargon-gpt").parts(&Source::default(), &preparation(0.99999)).unwrap_err();
    assert!(error.to_string().contains("leaves no window"), "{error}");
}

#[test]
fn a_sum_is_predicted_after_its_sign_alone_and_no_pair_is_in_two_parts() {
    let parts = workload("grokking").parts(&Source::default(), &preparation(0.1)).unwrap();
    assert_eq!([parts.train.len(), parts.validation.len(), parts.test.len()], [4704, 941, 3764]);
    let mut pairs = Vec::new();
    for part in [&parts.train, &parts.validation, &parts.test] {
        let rows: Vec<u32> = (0..part.len() as u32).collect();
        let batch = part.batch(&rows, None, &Device::default()).unwrap();
        assert_eq!(batch.counted, part.len());
        let (tokens, targets) = (numbers(batch.tokens), numbers(batch.targets));
        for (tokens, targets) in tokens.chunks(4).zip(targets.chunks(4)) {
            let &[a, 97, b, 98] = tokens else { panic!("{tokens:?}") };
            assert_eq!(targets, [-1, -1, -1, (a + b) % 97]);
            pairs.push((a, b));
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    assert_eq!(pairs.len(), 97 * 97);
    let other = Preparation { split: Some(1), ..preparation(0.1) };
    let other = workload("grokking").parts(&Source::default(), &other).unwrap();
    let first = |parts: &optlab_train::workload::Parts<_, _>| {
        let batch: language::TokenBatch = parts.train.batch(&[0], None, &Device::default()).unwrap();
        numbers(batch.tokens)
    };
    assert_ne!(first(&parts), first(&other));
}

fn trial(name: &str, steps: usize) -> Trial {
    let default = Trial::new(&workload(name).info());
    // The schedule ends with the steps, so it has a shorter warm-up, too.
    let schedule = "warmup_cosine:warmup_steps=5".parse().unwrap();
    let recipe = Recipe { budget: Budget::Steps(steps), ..default.recipe };
    Trial { schedule, recipe, backend: "flex".into(), ..default }
}

#[test]
fn the_defaults_of_shakespeare_are_nanogpts() {
    let trial = Trial::new(&workload("shakespeare-gpt").info());
    let optimizer = "no_vector_decay:base=(adamw:beta_2=0.99,weight_decay=0.1)".parse().unwrap();
    assert_eq!((trial.optimizer, trial.lr), (optimizer, 1e-3));
    assert_eq!(trial.schedule, "warmup_cosine:warmup_steps=100,end_lr=1e-4".parse().unwrap());
    let Recipe { budget, batch_size, clip_norm, validation, .. } = trial.recipe;
    assert_eq!((budget, batch_size, clip_norm, validation), (Budget::Steps(2000), 12.into(), Some(1.0), 0.1));
}

#[test]
fn a_language_model_learns_resumes_to_the_same_bytes_and_writes_what_its_seed_says() {
    let (workload, trial) =
        (workload("jargon-gpt").with_model(&"gpt=1,width=32".parse().unwrap()).unwrap(), {
            let mut trial = trial("jargon-gpt", 60);
            trial.model = "gpt=1,width=32".parse().unwrap();
            trial
        });
    let folder = tempfile::tempdir().unwrap();
    let options = |name: &str, resume: bool| RunOptions {
        resume,
        ..RunOptions::new(RunDirectory::new(folder.path().join(name)))
    };
    let outcome = train::run(&workload, &trial, &options("whole", false), &mut ()).unwrap();
    // A model that knows nothing has log₂ 155 = 7.28 bits.
    let bits = outcome.test.as_ref().unwrap().metric;
    assert!(bits < 6.0, "{bits}");
    let stopped = train::run(&workload, &trial, &options("parts", false), &mut StopAfter(37)).unwrap_err();
    assert!(matches!(stopped, Error::Interrupted { .. }), "{stopped}");
    train::run(&workload, &trial, &options("parts", true), &mut ()).unwrap();
    let model =
        |name: &str| std::fs::read(folder.path().join(name).join("checkpoints/step-000060/model.bpk"));
    assert_eq!(model("whole").unwrap(), model("parts").unwrap());

    let any = registry::open_trial(&trial).unwrap();
    let run = || SavedRun::new(RunDirectory::new(folder.path().join("whole")), trial.clone());
    let write = |generation: &Generation| any.generate(&run(), generation).map(|generated| generated.text);
    let generation = Generation { prompt: "hacker ".into(), length: 80, ..Generation::default() };
    let text = write(&generation).unwrap();
    assert!(text.starts_with("hacker ") && text.chars().count() == 7 + 80, "{text}");
    assert_eq!(text, write(&generation).unwrap());
    assert_ne!(text, write(&Generation { seed: 1, ..generation.clone() }).unwrap());
    let likeliest = Generation { temperature: 0.0, ..generation.clone() };
    let of_one = Generation { top: Some(1), ..generation.clone() };
    assert_eq!(write(&likeliest).unwrap(), write(&of_one).unwrap());
    for (wrong, said) in [
        (
            Generation { prompt: "漢".into(), ..generation.clone() },
            "'漢', a character that the model has never seen",
        ),
        (Generation { temperature: -1.0, ..generation.clone() }, "`temperature` must be"),
        (Generation { temperature: f64::NAN, ..generation.clone() }, "`temperature` must be"),
        (Generation { top: Some(0), ..generation.clone() }, "`top` must be at least 1"),
        (Generation { seed: u64::MAX, ..generation }, "`seed` must be"),
    ] {
        let error = write(&wrong).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_workload_without_texts_says_so_and_a_language_model_takes_no_other_kind() {
    let error = workload("jargon-gpt").with_model(&"mlp=[3]".parse().unwrap()).unwrap_err().to_string();
    assert_eq!(error, "`jargon-gpt` takes a `gpt`, not a `mlp`");
    let digits = registry::find("digits-cnn").unwrap();
    let error = digits.with_model(&"gpt=2".parse().unwrap()).map(|_| ()).and_then(|()| {
        let trial = Trial { model: "gpt=2".parse().unwrap(), ..Trial::new(&digits.info()) };
        let folder = tempfile::tempdir().unwrap();
        let options = RunOptions::new(RunDirectory::new(folder.path()));
        registry::open_trial(&trial)?.train(&trial, &options, &mut ()).map(|_| ())
    });
    assert!(error.unwrap_err().to_string().contains("tokens whose next one is to be predicted"));
}

#[test]
#[ignore = "needs texts: OPTLAB_TEXT_FOLDER=DIR cargo test --test training -- language:: --ignored"]
fn texts_come_from_a_folder_and_another_file_is_refused() {
    let parts = workload("shakespeare-gpt").parts(&texts(), &preparation(0.1)).unwrap();
    assert_eq!((parts.facts.alphabet.len(), parts.train.len()), (65, 15_685));
    let names = workload("names-transformer").parts(&texts(), &preparation(0.1)).unwrap();
    // makemore holds out 1,000 names, and the longest has 15 letters.
    assert_eq!((names.test.len(), names.facts.context, names.facts.alphabet.len()), (1000, 16, 27));
    assert_eq!(names.train.len() + names.validation.len(), 32_033 - 1000);
    let batch = names.train.batch(&[0], None, &Device::default()).unwrap();
    let (tokens, targets) = (numbers(batch.tokens), numbers(batch.targets));
    let letters = batch.counted - 1;
    assert_eq!(tokens[0], 0);
    assert_eq!(tokens[1..=letters], targets[..letters]);
    assert_eq!(targets[letters], 0, "a name ends");
    assert!(targets[letters + 1..].iter().all(|target| *target == -1));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tinyshakespeare.txt"), "First Citizen:\n").unwrap();
    let source = Source { data_dir: Some(folder.path().into()), show_progress: false };
    let error = workload("shakespeare-gpt").parts(&source, &preparation(0.1)).unwrap_err().to_string();
    assert!(error.contains("wrong content") && error.contains("tinyshakespeare.txt"), "{error}");
    let error = workload("names-transformer").parts(&source, &preparation(0.1)).unwrap_err().to_string();
    assert!(error.contains("names.txt"), "{error}");
}

#[test]
fn a_rule_that_needs_drawn_labels_is_refused_where_none_can_be_drawn_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    for optimizer in ["sophia_g", "ema:base=sophia_g", "group:parameters=*weight,other=sophia_g"] {
        let trial = Trial { optimizer: optimizer.parse().unwrap(), ..trial("jargon-gpt", 8) };
        let options = RunOptions::new(RunDirectory::new(folder.path().join("run")));
        let error = train::run(&workload("jargon-gpt"), &trial, &options, &mut ()).unwrap_err().to_string();
        assert!(error.contains("draws no labels from its predictions, which `"), "{optimizer}: {error}");
        assert!(!folder.path().join("run").exists(), "{optimizer}");
        let test = train::LrRangeTest { steps: 20, ..train::LrRangeTest::default() };
        let error = train::find_lr(&workload("jargon-gpt"), &trial, &test, &Source::default());
        assert!(error.unwrap_err().to_string().contains("draws no labels"), "{optimizer}");
    }
}
