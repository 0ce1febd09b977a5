use super::buffer::{Buffer, HostBuffer};
use super::pass::{self, PIECE, Source};
use super::{MAX_SUMS, Update};
use burn::tensor::Tensor;

/// What an [`Update`] works on: a parameter, its gradient and the rule's buffers, all of one shape.
#[derive(Debug, Clone)]
pub struct Operands {
    /// The parameter, replaced by [`apply`](Self::apply).
    pub theta: Buffer,
    /// Its gradient.
    pub grad: Buffer,
    /// What the rule remembers, replaced by [`apply`](Self::apply).
    pub state: Vec<Buffer>,
}

impl Operands {
    /// Whether everything is in the memory of the host as 32-bit floats, so that [`apply`](Self::apply) takes one pass.
    pub fn are_on_host(&self) -> bool {
        let is_on_host = |buffer: &Buffer| matches!(buffer, Buffer::Host(_));
        is_on_host(&self.theta) && is_on_host(&self.grad) && self.state.iter().all(is_on_host)
    }

    /// Elements of the parameter, where it is on the host, else 0.
    pub fn size_on_host(&self) -> usize {
        match &self.theta {
            Buffer::Host(theta) => theta.len(),
            Buffer::Device(_) => 0,
        }
    }

    /// The parameter and the buffers after the step.
    ///
    /// On the host that is one pass: in place where nothing else shares a buffer, after a copy where something does.
    /// Elsewhere it is the formula on tensors of rank `D`, which has to be that of the parameter.
    ///
    /// # Panics
    /// If the gradient or a buffer has another number of elements than the parameter.
    pub fn apply<U: Update, const D: usize>(mut self, update: &U) -> (Buffer, Vec<Buffer>) {
        if self.are_on_host() {
            self.apply_on_host(update);
            (self.theta, self.state)
        } else {
            self.apply_formula::<U, D>(update)
        }
    }

    /// [`apply`](Self::apply) for operands that [are on the host](Self::are_on_host), whatever their rank.
    ///
    /// # Panics
    /// If they are not, or of different lengths.
    pub fn apply_on_host<U: Update>(&mut self, update: &U) {
        let Operands { theta, grad, state } = self;
        let (theta, grad) = (host_mut(theta), host(grad));
        match state.len() {
            0 => apply_on_host::<U, 0>(update, theta, grad, state),
            1 => apply_on_host::<U, 1>(update, theta, grad, state),
            2 => apply_on_host::<U, 2>(update, theta, grad, state),
            3 => apply_on_host::<U, 3>(update, theta, grad, state),
            4 => apply_on_host::<U, 4>(update, theta, grad, state),
            5 => apply_on_host::<U, 5>(update, theta, grad, state),
            6 => apply_on_host::<U, 6>(update, theta, grad, state),
            more => panic!("{more} buffers beside a parameter"),
        }
    }

    /// [`apply`](Self::apply) as the formula on tensors of rank `D`, wherever they are.
    pub fn apply_formula<U: Update, const D: usize>(self, update: &U) -> (Buffer, Vec<Buffer>) {
        let (theta, grad) = (self.theta.into_tensor::<D>(), self.grad.into_tensor::<D>());
        let mut state: Vec<Tensor<D>> = self.state.into_iter().map(Buffer::into_tensor).collect();
        let sums: Vec<Tensor<D>> = (0..U::SUMS)
            .map(|sum| {
                let term = update.term(sum, theta.clone(), grad.clone(), &mut state.clone());
                term.sum().reshape([1; D])
            })
            .collect();
        let theta = update.update(theta, grad, &mut state, &sums);
        (Buffer::new(theta), state.into_iter().map(Buffer::new).collect())
    }
}

/// A sum over the elements of a tensor.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and soon taken apart")]
pub enum Sum {
    /// Known.
    Host(f64),
    /// On a device, which may still be computing it.
    Device(Tensor<1>),
}

/// The first sum that `update`, which has no buffers, asks for, over a parameter of rank `D` and its gradient. On the host
/// it takes one pass and is added up in 64 bits.
///
/// # Panics
/// If the gradient has another number of elements than the parameter.
pub fn sum<U: Update, const D: usize>(update: &U, theta: Tensor<D>, grad: Tensor<D>) -> Sum {
    match (Buffer::new(theta), Buffer::new(grad)) {
        (Buffer::Host(theta), Buffer::Host(grad)) => {
            assert_eq!(grad.len(), theta.len(), "a gradient of another size than its parameter");
            let [sum, ..] = theta
                .with_slice(|theta| grad.with_source(|grad| pass::sums::<U, 0>(update, theta, grad, [])));
            Sum::Host(sum)
        }
        (theta, grad) => {
            Sum::Device(update.term(0, theta.into_tensor::<D>(), grad.into_tensor(), &mut []).sum())
        }
    }
}

/// Calls `run` for each of `jobs`, in one parallel region: each thread takes a run of neighbours that together have about
/// as many elements as one piece of a large tensor.
pub fn in_one_region<J: Send>(
    jobs: &mut [J],
    operands: impl Fn(&J) -> &Operands + Copy + Sync,
    run: impl Fn(&mut J) + Copy + Sync,
) {
    let total: usize = jobs.iter().map(|job| operands(job).size_on_host()).sum();
    if jobs.len() <= 1 || total <= PIECE {
        return jobs.iter_mut().for_each(run);
    }
    let mut before = 0;
    let middle = jobs.iter().position(|job| {
        before += operands(job).size_on_host();
        before >= total / 2
    });
    let middle = middle.map_or(1, |middle| (middle + 1).min(jobs.len() - 1));
    let (left, right) = jobs.split_at_mut(middle);
    rayon::join(|| in_one_region(left, operands, run), || in_one_region(right, operands, run));
}

fn host(buffer: &Buffer) -> &HostBuffer {
    match buffer {
        Buffer::Host(buffer) => buffer,
        Buffer::Device(_) => panic!("a buffer that is not in the memory of the host"),
    }
}

fn host_mut(buffer: &mut Buffer) -> &mut HostBuffer {
    match buffer {
        Buffer::Host(buffer) => buffer,
        Buffer::Device(_) => panic!("a buffer that is not in the memory of the host"),
    }
}

fn apply_on_host<U: Update, const N: usize>(
    update: &U,
    theta: &mut HostBuffer,
    grad: &HostBuffer,
    state: &mut [Buffer],
) {
    let len = theta.len();
    assert_eq!(grad.len(), len, "a gradient of another size than its parameter");
    let mut buffers = state.iter_mut().map(|buffer| host_mut(buffer).slice_mut());
    let mut state: [&mut [f32]; N] =
        std::array::from_fn(|_| buffers.next().expect("as many buffers as were counted"));
    assert!(state.iter().all(|buffer| buffer.len() == len), "a buffer of another size than its parameter");
    let theta = theta.slice_mut();
    grad.with_source(|grad: Source<'_>| {
        let sums: [f64; MAX_SUMS] = if U::SUMS == 0 {
            [0.0; MAX_SUMS]
        } else {
            pass::sums(update, theta, grad, state.each_ref().map(|buffer| &**buffer))
        };
        let sums = sums.map(|sum| sum as f32);
        pass::apply(update, &sums[..U::SUMS], theta, grad, state.each_mut().map(|buffer| &mut **buffer));
    });
}
