//! Runs a trial: this module prepares everything, and [`step_loop`](crate::train::step_loop) makes the steps.

use crate::data::{BatchSizes, Batches, Preparation, Source};
use crate::train::abilities;
use crate::train::branch::Branch;
use crate::train::checkpoint::State;
use crate::train::environment::Environment;
use crate::train::observer::{Observer, Start};
use crate::train::rates::Rates;
use crate::train::run_directory::{Resumed, RunDirectory};
use crate::train::slow_rule::slow_rule;
use crate::train::snapshot::Saver;
use crate::train::step_loop::Training;
use crate::train::{EpochLoss, Outcome, Trial};
use crate::workload::{Parts, Workload};
use crate::{Error, device};
use burn::module::Module;
use optlab_optim::{ModelOptimizer, schedule};

/// Number of losses that are read together, on a device where each read waits for the device.
const LOSSES_READ_AT_ONCE: usize = 32;

/// The options of a run besides its trial; they do not change its result.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The run's folder.
    pub directory: RunDirectory,
    /// The source of data that does not ship with the program.
    pub source: Source,
    /// Whether to resume from the newest valid checkpoint in the folder, if there is one.
    pub resume: bool,
    /// The checkpoint of another run to start from, if the run does not resume.
    pub from: Option<Branch>,
    /// Number of steps between checkpoints, in addition to checkpoints at the best evaluations and at the
    /// end; `None` keeps the number of a run that resumes.
    pub checkpoint_every: Option<usize>,
    /// Number of newest checkpoints to keep, besides the best.
    pub keep_checkpoints: usize,
    /// Whether checkpoints are written by a thread of their own while the training goes on, which pauses only
    /// until they are copied to memory.
    pub saves_in_background: bool,
    /// Whether the history has a row for each step, and each checkpoint, in addition to the rows of
    /// evaluations.
    pub records_steps: bool,
    /// Whether a run that diverges makes its steps since the last checkpoint again, to find the first value
    /// that was not finite.
    pub traces_divergence: bool,
}

impl RunOptions {
    /// Creates the options of a new run in `directory`.
    pub fn new(directory: RunDirectory) -> Self {
        RunOptions {
            directory,
            source: Source::default(),
            resume: false,
            from: None,
            checkpoint_every: None,
            keep_checkpoints: 3,
            saves_in_background: false,
            records_steps: true,
            traces_divergence: true,
        }
    }
}

/// Trains `trial` and writes history, checkpoints and outcome to the run's folder.
///
/// # Errors
/// Fails for a trial out of range, a backend without a device, data that cannot be read, a folder that cannot
/// be written or that another process works in, or a trunk whose steps are not those of the trial. A loss
/// that is not finite is not an error, but gives an [`Outcome`] with
/// [`Status::Diverged`](crate::train::Status).
pub fn run<W: Workload>(
    workload: &W,
    trial: &Trial,
    options: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    trial.validate()?;
    let device = device::open(&trial.backend)?;
    let parts = prepared(workload, trial, &options.source)?;
    let own_batch = workload.info().batch_size;
    let sizes = trial.recipe.batch_sizes(own_batch, parts.train.len())?;
    let length = length(trial, own_batch, &sizes);
    let total_steps = length.total_steps;
    let mut optimizers = optimizers(workload, trial, length)?;
    let rates = Rates::of(&trial.schedule, optimizers[0].groups(), length)?;

    let training_device = device.clone().autodiff();
    let mut model = workload.model(&parts.facts, trial.seed, &training_device)?;
    optimizers.iter().try_for_each(|optimizer| optimizer.check(&model))?;
    abilities::check(workload, trial, &optimizers, &model, &parts, &training_device)?;
    let mut state = State { schedule: rates.state(), ..State::default() };
    let branch = options.from.as_ref().filter(|_| !options.resume);
    let trunks = branch.map(|branch| branch.open(trial, own_batch, &sizes)).transpose()?;
    let _ownership = options.directory.own(options.resume)?;
    if let (Some(branch), Some(checkpoint)) = (branch, &trunks) {
        drop(options.directory.begin(trial, &parts.facts)?);
        branch.copy(checkpoint, &options.directory, trial)?;
    }
    let Resumed { from, history, passed_over } = match options.resume || branch.is_some() {
        true => options.directory.resume(trial, &parts.facts)?,
        false => Resumed::nothing(options.directory.begin(trial, &parts.facts)?),
    };
    if let Some((checkpoint, saved)) = from {
        model = checkpoint.load_model(model)?;
        checkpoint.load_optimizers(&mut optimizers, &model, &device)?;
        rates.load_state(&saved.schedule)?;
        state = saved;
        if let Some(sum) = state.epoch_loss_sum.take() {
            // Only checkpoints from before batch sizes followed schedules have no number of examples.
            let steps = state.step - sizes.steps_of(sizes.epoch_of(state.step)).start;
            state.epoch_loss = EpochLoss::of_whole_batches(sum, steps, sizes.of_step(0));
        }
    }
    let environment = Environment::here(&trial.backend);
    // A damaged or missing file says nothing, and decides nothing.
    let before = options.directory.read_environment().ok().flatten().filter(|_| state.step > 0);
    let elsewhere = before.as_ref().map(|before| before.decides_bytes(&environment));
    let elsewhere = elsewhere.filter(|before| *before != environment.decides_bytes(&environment));
    let examples = (&*parts.train, sizes.of_step(0));
    let slow_rule = slow_rule(workload, &optimizers, &model, &parts.facts, examples, &device)?;
    observer.start(&Start {
        total_steps,
        epochs: sizes.epochs_begun(total_steps),
        batch_sizes: sizes.extremes(),
        examples: [&parts.train, &parts.validation, &parts.test].map(|part| part.len()),
        parameters: model.num_params(),
        resumed_step: state.step,
        passed_over: &passed_over,
        elsewhere: elsewhere.as_deref(),
        slow_rule,
    });
    let environment = match before {
        Some(before) => environment.after(before),
        None => environment,
    };
    options.directory.write_environment(&environment)?;
    state.checkpoint_every = options.checkpoint_every.or(state.checkpoint_every);
    let (backend, _) = device::parse(&trial.backend)?;
    let mut training = Training {
        workload,
        trial,
        options,
        observer,
        parts: &parts,
        batches: Batches::of_run(&*parts.train, sizes, trial.seed),
        rates,
        length,
        total_steps,
        device,
        training_device,
        reads_losses_at_once: if backend.is_host { 1 } else { LOSSES_READ_AT_ONCE },
        optimizers,
        state,
        history,
        saver: Saver {
            checkpoints: options.directory.checkpoints(),
            keep: options.keep_checkpoints,
            is_in_background: options.saves_in_background,
            running: None,
        },
        unread: Vec::new(),
        unwritten_rows: Vec::new(),
    };
    let outcome = training.run(model)?;
    options.directory.write_outcome(&outcome)?;
    training.observer.end(&outcome);
    Ok(outcome)
}

/// Returns the length of the run of `trial` as schedules see it; its rate is the trial's, scaled with the
/// batch size. `own_batch` is the workload's default batch size.
pub(super) fn length(trial: &Trial, own_batch: usize, sizes: &BatchSizes) -> schedule::Run {
    let steps_per_epoch = sizes.steps_per_epoch();
    // Epochs whose numbers of steps differ are not counted: then the length is in steps.
    let total_steps = trial.recipe.budget.steps(steps_per_epoch.unwrap_or(1));
    schedule::Run { lr: trial.scaled_lr(own_batch), total_steps, steps_per_epoch }
}

/// Returns the preparation of the workload's data for a trial.
pub fn preparation(trial: &Trial) -> Preparation {
    Preparation {
        validation: trial.recipe.validation,
        seed: trial.seed,
        split: trial.recipe.split,
        pad: trial.recipe.pad,
        standardize: false,
        augmentation: trial.recipe.augmentation,
    }
}

/// Loads the data of a trial.
///
/// # Errors
/// A recipe that does not fit the data; data that cannot be read; a training part without examples.
pub fn prepared<W: Workload>(
    workload: &W,
    trial: &Trial,
    source: &Source,
) -> Result<Parts<W::Batch, W::Facts>, Error> {
    let info = workload.info();
    if !info.augments {
        trial.recipe.augmentation.check(&[])?;
        if trial.recipe.pad {
            let allowed = "false for data that are not 28 × 28 images";
            return Err(Error::invalid("trial", "pad", allowed, true));
        }
    }
    let parts = workload.parts(source, &preparation(trial))?;
    if parts.train.is_empty() {
        let reason = "there are no examples to train on".into();
        return Err(Error::Workload { workload: info.name, reason });
    }
    Ok(parts)
}

/// Builds the trial's optimizer for a run of `length`, once for each turn of a step.
pub(super) fn optimizers<W: Workload>(
    workload: &W,
    trial: &Trial,
    length: schedule::Run,
) -> Result<Vec<ModelOptimizer>, Error> {
    let build = || {
        let optimizer = trial.optimizer.build_for(length)?.with_seed(trial.seed);
        Ok(optimizer.with_gradient_transform(trial.recipe.gradient_transform())?)
    };
    (0..workload.turns().max(1)).map(|_| build()).collect()
}
