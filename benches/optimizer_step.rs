//! Times a step of each rule and of Burn's rule of the same name, on 10 matrices of 1,000 × 1,000, with
//! gradients that nothing else holds. `optlab bench` runs the same steps and also prints how many bytes they
//! move per second.
//!
//! ```text
//! cargo bench --bench optimizer_step                # all
//! cargo bench --bench optimizer_step -- adamw       # names that contain "adamw"
//! ```

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use optlab::bench::{Layout, Stepper, counterpart};
use optlab::device;
use optlab::kernel::compute_on_this_thread;
use optlab::optim::OptimizerSpec;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PARAMETERS: usize = 10_000_000;
const TENSORS: usize = 10;

const RULES: [&str; 4] = ["sgd:momentum=0.9", "adam", "adamw", "lion"];

/// Number of steps that are timed in a row, after their gradients have been written.
const STEPS_IN_TURN: u64 = 3;

fn optimizer_step(criterion: &mut Criterion) {
    compute_on_this_thread();
    let mut group = criterion.benchmark_group("optimizer_step");
    group.sample_size(20).throughput(Throughput::Elements(PARAMETERS as u64));
    for backend in device::compiled() {
        let device = device::open(backend.name).expect("a backend that is compiled in has a device");
        for rule in RULES {
            let rule: OptimizerSpec = rule.parse().expect("a rule of this list");
            for rule in std::iter::once(rule.clone()).chain(counterpart(&rule)) {
                let mut stepper = None;
                group.bench_function(BenchmarkId::new(rule.to_string(), backend.name), |bencher| {
                    let stepper = stepper.get_or_insert_with(|| {
                        Stepper::new(&rule, &device, PARAMETERS, TENSORS, Layout::Plain)
                            .expect("settings in their ranges")
                    });
                    bencher.iter_custom(|steps| time(stepper, steps));
                });
            }
        }
    }
}

fn time(stepper: &mut Stepper, steps: u64) -> Duration {
    let mut left = steps;
    let mut total = Duration::ZERO;
    while left > 0 {
        let turn = left.min(STEPS_IN_TURN);
        total += stepper.time(turn as usize).iter().sum::<Duration>();
        left -= turn;
    }
    total
}

criterion_group!(benches, optimizer_step);
criterion_main!(benches);
