//! Steps need no new memory: the update allocates nothing, parameters stay at their addresses, and a run's
//! memory does not grow with its steps.

use burn::backend::Flex;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use optlab_kernel::{Buffer, Operands, in_one_region};
use optlab_optim::{AdamWConfig, At, ElementwiseRule, ModelOptimizer};
use optlab_train::Error;
use optlab_train::data::{Preparation, Source, Splits};
use optlab_train::nn::Mode;
use optlab_train::objective::Objective;
use optlab_train::train::{self, Budget, Recipe, RunDirectory, RunOptions, Trial};
use optlab_train::workload::{self, BuiltIn, Info, Network, Supervised};
use stats_alloc::{INSTRUMENTED_SYSTEM, Stats, StatsAlloc};
use std::alloc::System;
use std::sync::Mutex;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Runs one test at a time, so that each counts its own allocations. The harness may print a name meanwhile,
/// so a call that must not allocate at all is tried several times.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn live_bytes(stats: &Stats) -> isize {
    stats.bytes_allocated as isize - stats.bytes_deallocated as isize
}

/// Returns the fewest allocations, and their bytes, of `tries` calls.
fn fewest_allocations(tries: usize, mut call: impl FnMut()) -> (usize, usize) {
    let counts = (0..tries).map(|_| {
        let before = ALLOCATOR.stats();
        call();
        let during = ALLOCATOR.stats() - before;
        (during.allocations + during.reallocations, during.bytes_allocated)
    });
    counts.min().unwrap()
}

#[test]
fn a_step_in_place_allocates_nothing() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let device = Device::flex();
    let rule = AdamWConfig { amsgrad: true, ..AdamWConfig::default() }.build().unwrap();
    let tensor = |len: usize| Tensor::<1>::ones([len], &device);
    let buffer = |len: usize| Buffer::new(tensor(len));
    let sizes = [5, 100, 3000, 20_000, 200_000, 70, 50_000];
    let mut jobs: Vec<Operands> = sizes
        .iter()
        .map(|&len| Operands {
            theta: buffer(len),
            grad: buffer(len),
            state: vec![buffer(len), buffer(len), buffer(len)],
        })
        .collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    pool.install(|| {
        let step = rule.at_step(At { lr: 1e-3, t: 1, elements: 0, numbers: &mut [] });
        let counts = fewest_allocations(20, || {
            in_one_region(&mut jobs, Operands::size_on_host, |job| job.apply_on_host(&step));
        });
        assert_eq!(counts, (0, 0));
    });
}

#[derive(Module, Debug)]
struct Matrix {
    theta: Param<Tensor<2>>,
}

#[test]
fn a_step_of_a_model_allocates_only_handles_however_large_the_model_is() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let device = Device::flex();
    let bytes = |side: usize| {
        let theta = Tensor::ones([side, side], &device.clone().autodiff()).require_grad();
        let mut model = Some(Matrix { theta: Param::from_tensor(theta) });
        let mut optimizer = ModelOptimizer::elementwise("adamw", AdamWConfig::default().build().unwrap());
        let gradient = Tensor::<2>::ones([side, side], &device);
        let mut step = || {
            let held = model.take().unwrap();
            let mut gradients = burn::optim::GradientsParams::new();
            gradients.register(held.theta.id, gradient.clone());
            model = Some(optimizer.apply(1e-3, held, &mut gradients));
        };
        // The first step allocates the state.
        step();
        fewest_allocations(20, step).1
    };
    let (small, large) = (bytes(100), bytes(1000));
    assert!(small < 8192, "{small} bytes for a model of one parameter");
    assert!(large < small + 1024, "{small} bytes for 40 kB of parameters, {large} for 4 MB");
}

/// A workload that records the model's memory in each training step.
struct Watched {
    inner: BuiltIn,
    /// The memory addresses of the parameters, per step.
    addresses: Mutex<Vec<Vec<usize>>>,
    live_bytes: Mutex<Vec<isize>>,
}

impl Supervised for Watched {
    type Model = Network;

    fn info(&self) -> Info {
        self.inner.info()
    }

    fn objective(&self) -> Objective {
        self.inner.objective()
    }

    fn splits(&self, source: &Source, preparation: &Preparation) -> Result<Splits, Error> {
        self.inner.splits(source, preparation)
    }

    fn model(&self, input_shape: &[usize], seed: u64, device: &Device) -> Result<Network, Error> {
        self.inner.model(input_shape, seed, device)
    }

    fn forward(&self, model: &Network, inputs: Tensor<2>, mode: Mode) -> Tensor<2> {
        if let Mode::Train { .. } = mode {
            self.addresses.lock().unwrap().push(addresses(model));
            self.live_bytes.lock().unwrap().push(live_bytes(&ALLOCATOR.stats()));
        }
        self.inner.forward(model, inputs, mode)
    }
}

fn addresses(model: &Network) -> Vec<usize> {
    struct Addresses(Vec<usize>);
    impl ModuleVisitor for Addresses {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = param.base().inner().try_into_primitive::<Flex>().unwrap();
            self.0.push(tensor.bytes().as_ptr() as usize);
        }
    }
    let mut addresses = Addresses(Vec::new());
    model.visit(&mut addresses);
    addresses.0
}

#[test]
fn training_updates_parameters_in_place_and_needs_no_more_memory_with_every_step() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let steps = 200;
    let inner = workload::built_in("digits-cnn").unwrap();
    let trial = Trial {
        optimizer: "adamw".parse().unwrap(),
        backend: "flex".into(),
        recipe: Recipe {
            budget: Budget::Steps(steps),
            clip_norm: Some(1.0),
            ..Trial::new(&inner.info()).recipe
        },
        ..Trial::new(&inner.info())
    };
    let watched = Watched { inner, addresses: Mutex::new(Vec::new()), live_bytes: Mutex::new(Vec::new()) };
    let folder = tempfile::tempdir().unwrap();
    // Checkpoints and evaluations run between steps and hold the model meanwhile.
    let options = RunOptions {
        checkpoint_every: Some(7),
        ..RunOptions::new(RunDirectory::new(folder.path().join("run")))
    };
    // One thread: with several, each keeps its work buffers from whenever it first gets the largest piece.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| train::run(&watched, &trial, &options, &mut ()).unwrap());

    let addresses = watched.addresses.into_inner().unwrap();
    assert_eq!(addresses.len(), steps);
    for (step, pair) in addresses.windows(2).enumerate() {
        assert_eq!(pair[0], pair[1], "a parameter moved to other memory in step {}", step + 1);
    }
    let live = watched.live_bytes.into_inner().unwrap();
    let highest = |part: &[isize]| *part.iter().max().unwrap();
    let (early, late) = (highest(&live[20..100]), highest(&live[120..]));
    assert!(late <= early + 16 * 1024, "{early} bytes in steps 20 to 100, {late} in steps 120 to 200");
}
