//! `mechanic`: a learned factor of all steps so far.

use crate::Error;
use crate::around::total::Total;
use crate::around::{GradientTransform, Wrapper, base, base_field, twice};
use crate::driver::any_rule::StepSettings;
use crate::driver::tracking::Tracking;
use crate::driver::walk::StepContext;
use crate::driver::{Assembly, Parameters, Path};
use crate::rule::precision::in_32_bits_at_least;
use crate::rules::parts::moments::moving_average;
use crate::spec::OptimizerSpec;
use burn::backend::DispatchTensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use optlab_core::range::{self, NON_NEGATIVE, POSITIVE};
use optlab_core::settings;
use optlab_core::settings::Search;
use optlab_kernel::{Buffer, Operands, Update, Value};
use std::collections::HashMap;

settings! {
    /// Mechanic: learns the factor of the sum of all steps since the start, so that the learning rate needs
    /// no tuning; a schedule of it is followed in its shape.
    ///
    /// ```text
    /// x₀ = θ₀;  m, v, r = 0, sᵢ = σ;  βᵢ = 1 − 10⁻ⁱ for i = 1, …, n;  S = Σᵢ sᵢ before the step
    /// Δ = (x₀ − θₜ₋₁) / (S + ε)
    /// h = ⟨g + λ S ‖g‖ / (‖θₜ₋₁‖ + ε) θₜ₋₁, Δ⟩              over all parameters together
    /// rᵢ ← βᵢ rᵢ + min(max(h, −mᵢ), mᵢ) sᵢ
    /// mᵢ ← max(βᵢ mᵢ, |h| + ε)
    /// vᵢ ← βᵢ² vᵢ + h²
    /// sᵢ ← (σ mᵢ / n + max(rᵢ, 0)) / (√vᵢ + ε)
    /// θₜ = x₀ − Σᵢ sᵢ (Δ + θₜ₋₁ − θ′)                       θ′ is the base's result for θₜ₋₁
    /// ```
    ///
    /// The base's learning rate sets the size of a step before the factor; 1 is usual, or a schedule with the
    /// peak 1. `g` is the gradient that the base sees, clipped and with its penalties. One more tensor per
    /// parameter, `4 n` numbers for all parameters, two more passes over memory, and it waits for the device
    /// once a step. A parameter without a gradient in a step is left out of it.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range;
    /// [`Error::Usage`] if the base already is `mechanic`, trains at other weights than its rule moves
    /// (`lookahead`, `schedule_free`, `ema_nesterov` and rules that do so) or keeps norms (`hyperball`).
    ///
    /// # Example
    /// ```
    /// let spec: optlab_optim::OptimizerSpec = "mechanic:base=lion".parse()?;
    /// assert_eq!(spec.default_lr(), 1.0);
    /// # Ok::<(), optlab_optim::Error>(())
    /// ```
    ///
    /// # Reference
    /// Cutkosky, Defazio & Mehta, *Mechanic: A Learning Rate Tuner*, 2023,
    /// <https://arxiv.org/abs/2306.00144>; the authors' code in optax, `optax.contrib.mechanize`
    pub struct MechanicConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// Pull towards zero in the learning of the factor; not a decay of the parameters.
        weight_decay: f64 = 1e-2, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
        /// Added to denominators.
        epsilon: f64 = 1e-8, "ε", in POSITIVE;
        /// Factor that each `β` starts with.
        initial: f64 = 1e-6, "σ", in POSITIVE, search(1, Search::Log(1e-8, 1e-2));
        /// Number of decays, and of learned factors that are added.
        decays: usize = 6, "n", allowed "1…16";
    }
}

/// The largest number of decays: with more, the last ones are 1 in 64 bits.
const MOST_DECAYS: usize = 16;

impl Wrapper for MechanicConfig {
    base_field!();

    fn default_rate(&self) -> f64 {
        1.0
    }

    fn wrap(&self, owner: &str, mut assembly: Assembly) -> Result<Assembly, Error> {
        let MechanicConfig { weight_decay, epsilon, initial, decays, .. } = *self;
        let mechanic = Mechanic { weight_decay, epsilon, initial, decays };
        match assembly.extras.mechanic.replace(mechanic) {
            None => Ok(assembly),
            Some(_) => Err(twice(owner)),
        }
    }
}

/// The settings of [`MechanicConfig`] without its base.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mechanic {
    /// Pull towards zero in the learning of the factor, `[0, ∞)`.
    pub weight_decay: f64,
    /// Added to denominators, `(0, ∞)`.
    pub epsilon: f64,
    /// Factor that each decay starts with, `(0, ∞)`.
    pub initial: f64,
    /// Number of decays, 1 to 16.
    pub decays: usize,
}

impl Mechanic {
    pub(crate) fn check(&self, owner: &str) -> Result<(), Error> {
        let Mechanic { weight_decay, epsilon, initial, decays } = *self;
        range::check(owner, [("weight_decay", weight_decay, NON_NEGATIVE)])?;
        range::check(owner, [("epsilon", epsilon, POSITIVE), ("initial", initial, POSITIVE)])?;
        if (1..=MOST_DECAYS).contains(&decays) {
            return Ok(());
        }
        Err(Error::invalid(owner, "decays", &format!("1…{MOST_DECAYS}"), decays))
    }

    /// Learns from the gradients of `model`, whose parameters are about to be moved; returns what
    /// [`finish`](Self::finish) needs.
    pub(crate) fn start<M: Module>(
        &self,
        model: &M,
        gradients: &GradientsParams,
        parameters: &mut Parameters,
        step: &StepContext<'_>,
        factors: &mut Factors,
    ) -> Started {
        let (path, start, totals) = (Path::default(), HashMap::new(), Default::default());
        let mut measure = Measure { path, parameters, gradients, step, start, totals };
        model.visit(&mut measure);
        let Measure { start, totals, .. } = measure;
        let sums = totals.map(|total: Total| total.value());
        if factors.0.is_empty() {
            factors.0 = vec![Factor { scale: self.initial, ..Factor::default() }; self.decays];
        }
        let before = factors.sum();
        self.learn(factors, sums);
        let average = step.extras.average_at(step.t);
        Started { start, before, after: factors.sum(), epsilon: self.epsilon, average }
    }

    /// Updates the factors from `⟨g, x₀ − θ⟩`, `⟨θ, x₀ − θ⟩`, `‖g‖²` and `‖θ‖²`.
    fn learn(&self, factors: &mut Factors, [of_gradient, of_parameter, gradient, parameter]: [f64; 4]) {
        let Mechanic { weight_decay, epsilon, initial, decays } = *self;
        let sum = factors.sum();
        let pull = weight_decay * sum * gradient.sqrt() / (parameter.sqrt() + epsilon);
        let gain = (of_gradient + pull * of_parameter) / (sum + epsilon);
        for (place, factor) in factors.0.iter_mut().enumerate() {
            let decay = 1.0 - 0.1_f64.powi(place as i32 + 1);
            let clipped = gain.max(-factor.largest).min(factor.largest);
            factor.reward = decay * factor.reward + clipped * factor.scale;
            factor.largest = (decay * factor.largest).max(gain.abs() + epsilon);
            factor.square = decay * decay * factor.square + gain * gain;
            let wealth = initial / decays as f64 * factor.largest + factor.reward.max(0.0);
            factor.scale = wealth / (factor.square.sqrt() + epsilon);
        }
    }

    /// Returns `model` after the base's step, with the learned factor, and updates the average of its
    /// weights.
    pub(crate) fn finish<M: Module>(model: M, started: Started, parameters: &mut Parameters) -> M {
        model.map(&mut Rescale { path: Path::default(), parameters, started, moved: HashMap::new() })
    }
}

/// The learned factor of each decay.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Factors(pub Vec<Factor>);

impl Factors {
    fn sum(&self) -> f64 {
        self.0.iter().map(|factor| factor.scale).sum()
    }
}

/// The numbers of one decay.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Factor {
    /// `s`.
    pub scale: f64,
    /// `r`.
    pub reward: f64,
    /// `m`.
    pub largest: f64,
    /// `v`.
    pub square: f64,
}

/// The parameters before the base's step, and the sums of the factors before and after it.
pub(crate) struct Started {
    /// The parameters that have a gradient, in at least 32 bits, by id.
    start: HashMap<ParamId, DispatchTensor>,
    before: f64,
    after: f64,
    epsilon: f64,
    /// The decay of the running average of the weights in this step.
    average: Option<f64>,
}

struct Measure<'a> {
    path: Path,
    parameters: &'a mut Parameters,
    gradients: &'a GradientsParams,
    step: &'a StepContext<'a>,
    start: HashMap<ParamId, DispatchTensor>,
    totals: [Total; 4],
}

impl ModuleVisitor for Measure<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let place = self.path.place_in(self.parameters).expect("a parameter of this model");
        let parameter = &mut self.parameters.0[place];
        if parameter.rule.is_none() || parameter.tied_to.is_some() {
            return;
        }
        let Some(grad) = self.gradients.get::<D>(param.id) else {
            return;
        };
        let theta = in_32_bits_at_least(param.base().inner());
        self.start.insert(param.id, theta.clone().into_dispatch());
        let settings = self.step.settings(parameter);
        let of_theta = Buffer::new(theta.clone());
        let on_host = matches!(of_theta, Buffer::Host(_));
        let grad = in_32_bits_at_least(grad);
        let (grad, settings) =
            if on_host { (grad, settings) } else { self.step.transformed(&theta, grad, settings) };
        let StepSettings { transform, factor, .. } = settings;
        let beside = &mut parameter.beside;
        if self.step.extras.has_running_average() {
            beside.average.get_or_insert_with(|| of_theta.clone());
        }
        let initial = beside.initial.get_or_insert_with(|| of_theta.clone()).clone();
        let mut operands = Operands { theta: of_theta, grad: Buffer::new(grad), state: vec![initial] };
        let sums = operands.sums(&Products { transform, factor });
        self.totals.iter_mut().zip(sums).for_each(|(total, sum)| total.add(sum));
    }
}

/// Terms of the sums: `g (x₀ − θ)`, `θ (x₀ − θ)`, `g²` and `θ²`.
#[derive(Debug, Clone, Copy)]
struct Products {
    /// The transform of the gradient that the rule's pass makes.
    transform: GradientTransform,
    /// Factor of the gradient that clips its norm.
    factor: f64,
}

impl Products {
    #[inline(always)]
    fn gradient<V: Value>(&self, theta: &V, grad: V) -> V {
        self.transform.elementwise(theta, grad).mul_scalar(self.factor)
    }
}

impl Update for Products {
    const SUMS: usize = 4;

    const BUFFERS: (usize, usize) = (1, 1);

    #[inline(always)]
    fn term<V: Value>(&self, sum: usize, theta: V, grad: V, state: &mut [V]) -> V {
        match sum {
            0 => self.gradient(&theta, grad) * (state[0].clone() - theta),
            1 => theta.clone() * (state[0].clone() - theta),
            2 => self.gradient(&theta, grad).square(),
            _ => theta.square(),
        }
    }

    fn update<V: Value>(&self, theta: V, _grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta
    }
}

struct Rescale<'a> {
    path: Path,
    parameters: &'a mut Parameters,
    started: Started,
    /// The new tensors by id: a parameter under several paths must stay one tensor.
    moved: HashMap<ParamId, DispatchTensor>,
}

impl ModuleMapper for Rescale<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let place = self.path.place_in(self.parameters).expect("a parameter of this model");
        let id = param.id;
        if let Some(moved) = self.moved.get(&id) {
            let moved = Tensor::from_dispatch(moved.clone());
            return param.map(|_| moved);
        }
        let Some(start) = self.started.start.remove(&id) else {
            return param;
        };
        let beside = &mut self.parameters.0[place].beside;
        let initial = beside.initial.as_ref().expect("kept since the first step");
        let (start, initial): (Tensor<D>, Tensor<D>) =
            (Tensor::from_dispatch(start), initial.clone().into_tensor());
        let Started { before, after, epsilon, average, .. } = self.started;
        param.map(|tensor| {
            let (theta, tracking) = Tracking::strip(tensor);
            let step = start.clone() - theta;
            let sum = (initial.clone() - start).div_scalar(before + epsilon) + step;
            let moved = initial - sum.mul_scalar(after);
            if let (Some(decay), Some(before)) = (average, beside.average.take()) {
                let average = moving_average(&before.into_tensor(), moved.clone(), decay);
                beside.average = Some(Buffer::new(average));
            }
            let moved = tracking.restore(moved);
            self.moved.insert(id, moved.clone().into_dispatch());
            moved
        })
    }
}
