//! The state that the operations around a rule keep for a parameter: how it is used in a step, saved and
//! loaded.

use crate::around::Extras;
use crate::around::gradient_filter::{FilterMemory, GradientFilter};
use crate::around::wrapped_step::StepExtras;
use burn::optim::{StateSink, StateSource};
use burn::tensor::{Device, Tensor};
use burn_pack::Scalar;
use optlab_kernel::{Buffer, Operands, Sum, Update, Value};

/// The names of the tensors in a file. Those of a filter are in [`GradientFilter::buffers`].
const SLOW_WEIGHTS: &str = "slow_weights";
const WEIGHT_AVERAGE: &str = "weight_average";
const FREE_WEIGHTS: &str = "schedule_free_weights";
const MEAN_STEP: &str = "mean_step";
const INITIAL: &str = "mechanic_initial_parameter";
const SNAPSHOT: &str = "snapshot_";
const WINDOW: &str = "filter_gradient_";

/// The names of the numbers in a file.
const AVERAGED: [&str; 2] = ["schedule_free_weight_sum", "schedule_free_largest_lr"];
const RADIUS: &str = "radius";
const FILTERED: &str = "filtered_gradients";
const SNAPSHOTS: &str = "snapshots";

/// The state of the operations around the rule of one parameter. Everything is kept from the first step on,
/// if its operation is in use.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// The slow weights.
    pub slow: Option<Buffer>,
    /// The running average of the weights.
    pub average: Option<Buffer>,
    /// The fast weights of [`ScheduleFree`](crate::around::ScheduleFree).
    pub fast: Option<Buffer>,
    /// The sum of the weights of its average, and the largest learning rate.
    pub averaged: [f64; 2],
    /// The norm that a matrix keeps.
    pub radius: Option<f64>,
    /// The mean of the steps of [`EmaNesterov`](crate::around::EmaNesterov).
    pub mean_step: Option<Buffer>,
    /// The parameter before the first step of [`Mechanic`](crate::around::Mechanic).
    pub initial: Option<Buffer>,
    /// The state of the filter of gradients.
    pub filter: Option<FilterMemory>,
    /// The latest snapshots of the weights, the oldest first.
    pub snapshots: Vec<Buffer>,
}

/// The operations around the rules that keep state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept<'a> {
    pub extras: &'a Extras,
    pub filter: Option<GradientFilter>,
}

impl Beside {
    /// Takes the buffers of the operations in the pass; before the first step they are copies of the
    /// parameter.
    pub fn take_buffers<const D: usize>(&mut self, extras: &StepExtras, theta: &Tensor<D>) -> Vec<Buffer> {
        let mut buffers = Vec::with_capacity(extras.buffers());
        for (buffer, is_kept) in self.in_pass(extras) {
            if is_kept {
                buffers.push(buffer.take().unwrap_or_else(|| Buffer::new(theta.clone())));
            }
        }
        buffers
    }

    /// Puts back the buffers that [`take_buffers`](Self::take_buffers) took, from the end of `buffers`.
    pub fn put_buffers(&mut self, extras: &StepExtras, buffers: &mut Vec<Buffer>) {
        for (buffer, is_kept) in self.in_pass(extras).into_iter().rev() {
            if is_kept {
                *buffer = buffers.pop();
            }
        }
    }

    /// Returns the buffers of the operations in the pass in their order, and whether each is kept.
    fn in_pass(&mut self, extras: &StepExtras) -> [(&mut Option<Buffer>, bool); 3] {
        [
            (&mut self.fast, extras.schedule_free.is_some()),
            (&mut self.slow, extras.lookahead.is_some()),
            (&mut self.average, extras.average.is_some()),
        ]
    }

    /// Stores the numbers of a step that was made.
    pub fn advance(&mut self, extras: &StepExtras) {
        if let Some(step) = extras.schedule_free {
            self.averaged = step.averaged;
        }
    }

    /// Returns the norm to keep, computed before the first step; `None` for vectors and for zeros.
    pub fn radius<const D: usize>(&mut self, extras: &Extras, theta: &Tensor<D>) -> Option<f64> {
        if !extras.hyperball || D < 2 {
            return None;
        }
        let radius = *self.radius.get_or_insert_with(|| norm(theta));
        Some(radius).filter(|radius| *radius > 0.0)
    }

    /// Adds a snapshot; keeps the latest `count`.
    pub fn take_snapshot<const D: usize>(&mut self, count: usize, theta: Tensor<D>) {
        self.snapshots.push(Buffer::new(theta));
        let surplus = self.snapshots.len().saturating_sub(count);
        self.snapshots.drain(..surplus);
    }

    /// Returns the mean of the snapshots; `None` before the first one.
    pub fn mean_of_snapshots<const D: usize>(&self) -> Option<Tensor<D>> {
        let mut snapshots = self.snapshots.iter().map(|snapshot| snapshot.clone().into_tensor::<D>());
        let first = snapshots.next()?;
        let sum = snapshots.fold(first, |sum, snapshot| sum + snapshot);
        Some(sum.div_scalar(self.snapshots.len() as f64))
    }

    pub fn is_empty(&self) -> bool {
        self.tensors(None).is_empty() && self.radius.is_none() && self.filter.is_none()
    }

    /// Returns all tensors with their names in a file.
    fn tensors(&self, filter: Option<GradientFilter>) -> Vec<(String, &Buffer)> {
        let named = [
            (SLOW_WEIGHTS, &self.slow),
            (WEIGHT_AVERAGE, &self.average),
            (FREE_WEIGHTS, &self.fast),
            (MEAN_STEP, &self.mean_step),
            (INITIAL, &self.initial),
        ];
        let named = named.into_iter().filter_map(|(name, buffer)| Some((name.to_string(), buffer.as_ref()?)));
        let numbered =
            |prefix: &'static str| move |(place, buffer): (usize, _)| (format!("{prefix}{place}"), buffer);
        let snapshots = self.snapshots.iter().enumerate().map(numbered(SNAPSHOT));
        let mut tensors: Vec<(String, &Buffer)> = named.chain(snapshots).collect();
        if let (Some(memory), Some(filter)) = (&self.filter, filter) {
            tensors.extend(filter.buffers().iter().map(|name| name.to_string()).zip(&memory.buffers));
            tensors.extend(memory.window.iter().enumerate().map(numbered(WINDOW)));
        }
        tensors
    }

    pub fn flatten(&self, path: &str, kept: Kept<'_>, sink: &mut StateSink) {
        for (name, buffer) in self.tensors(kept.filter) {
            sink.push_tensor(path, &name, buffer.clone().into_data());
        }
        if self.fast.is_some() {
            for (name, number) in AVERAGED.iter().zip(self.averaged) {
                sink.push_scalar(path, name, Scalar::from(number));
            }
        }
        if let Some(radius) = self.radius {
            sink.push_scalar(path, RADIUS, Scalar::from(radius));
        }
        if let Some(memory) = &self.filter {
            sink.push_scalar(path, FILTERED, Scalar::from(memory.seen));
        }
        if !self.snapshots.is_empty() {
            sink.push_scalar(path, SNAPSHOTS, Scalar::from(self.snapshots.len() as u64));
        }
    }

    /// Returns whether a tensor of that name in a file may belong to it.
    pub fn is_known(name: &str, kept: Kept<'_>) -> bool {
        let is_numbered = |prefix: &str| {
            name.strip_prefix(prefix).is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let of_filter = kept.filter.is_some_and(|filter| filter.buffers().contains(&name));
        [SLOW_WEIGHTS, WEIGHT_AVERAGE, FREE_WEIGHTS, MEAN_STEP, INITIAL].contains(&name)
            || of_filter
            || is_numbered(SNAPSHOT)
            || is_numbered(WINDOW)
    }

    /// Reads the state of the parameter `path` from `source`; the error says what is missing or too much.
    pub fn unflatten(
        path: &str,
        kept: Kept<'_>,
        source: &mut StateSource,
        device: &Device,
    ) -> Result<Self, String> {
        let mut beside = Beside::default();
        let extras = kept.extras;
        let mut take =
            |name: &str| source.take_tensor(path, name).map(|data| Buffer::from_data(data, device));
        for (name, buffer, is_kept) in [
            (SLOW_WEIGHTS, &mut beside.slow, extras.lookahead.is_some()),
            (WEIGHT_AVERAGE, &mut beside.average, extras.has_running_average()),
            (FREE_WEIGHTS, &mut beside.fast, extras.schedule_free.is_some()),
            (MEAN_STEP, &mut beside.mean_step, extras.ema_nesterov.is_some()),
            (INITIAL, &mut beside.initial, extras.mechanic.is_some()),
        ] {
            *buffer = take(name);
            match (&buffer, is_kept) {
                (Some(_), false) => {
                    return Err(format!("holds `{name}` of `{path}`, which these settings do not keep"));
                }
                (None, true) => return Err(missing(name, path)),
                _ => {}
            }
        }
        if extras.schedule_free.is_some() {
            for (name, number) in AVERAGED.iter().zip(&mut beside.averaged) {
                *number = number_of(source, path, name).ok_or_else(|| missing(name, path))?;
            }
        }
        if extras.hyperball {
            beside.radius = number_of(source, path, RADIUS);
        }
        if let Some(count) = count_of(source, path, SNAPSHOTS) {
            beside.snapshots = numbered(SNAPSHOT, count, path, source, device)?;
        }
        if let Some(filter) = kept.filter {
            let seen = count_of(source, path, FILTERED).ok_or_else(|| missing(FILTERED, path))?;
            let buffer = |name: &&'static str| {
                let data = source.take_tensor(path, name).ok_or_else(|| missing(name, path))?;
                Ok(Buffer::from_data(data, device))
            };
            let buffers = filter.buffers().iter().map(buffer).collect::<Result<_, String>>()?;
            let count = filter.window_after(seen) as u64;
            let window = numbered(WINDOW, count, path, source, device)?;
            beside.filter = Some(FilterMemory { seen, buffers, window });
        }
        Ok(beside)
    }
}

fn missing(name: &str, path: &str) -> String {
    format!("holds no `{name}` of `{path}`")
}

fn number_of(source: &mut StateSource, path: &str, name: &str) -> Option<f64> {
    f64::try_from(source.take_scalar(path, name)?).ok()
}

fn count_of(source: &mut StateSource, path: &str, name: &str) -> Option<u64> {
    u64::try_from(source.take_scalar(path, name)?).ok()
}

/// Reads `count` tensors whose names are `prefix` and a number.
fn numbered(
    prefix: &str,
    count: u64,
    path: &str,
    source: &mut StateSource,
    device: &Device,
) -> Result<Vec<Buffer>, String> {
    let tensor = |place: u64| {
        let name = format!("{prefix}{place}");
        let data = source.take_tensor(path, &name).ok_or_else(|| missing(&name, path))?;
        Ok(Buffer::from_data(data, device))
    };
    (0..count).map(tensor).collect()
}

/// Returns the Euclidean norm of a tensor; waits for the device that computes it.
fn norm<const D: usize>(theta: &Tensor<D>) -> f64 {
    let theta = Buffer::new(theta.clone());
    let mut operands = Operands { grad: theta.clone(), theta, state: Vec::new() };
    let square = match operands.sums(&Square).remove(0) {
        Sum::Host(sum) => sum,
        Sum::Device(sum) => sum.into_data().iter::<f64>().sum(),
    };
    square.sqrt()
}

/// Term of a sum: the square of the parameter.
#[derive(Debug, Clone, Copy)]
struct Square;

impl Update for Square {
    const SUMS: usize = 1;

    const BUFFERS: (usize, usize) = (0, 0);

    #[inline(always)]
    fn term<V: Value>(&self, _sum: usize, theta: V, _grad: V, _state: &mut [V]) -> V {
        theta.square()
    }

    fn update<V: Value>(&self, theta: V, _grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta
    }
}
