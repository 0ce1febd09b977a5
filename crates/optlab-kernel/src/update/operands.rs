//! The buffers that an [`Update`] works on, and the choice between the pass on the host and the formula.

use crate::memory::buffer::{Buffer, HostBuffer};
use crate::memory::compact::{CompactBuffer, Rounding};
use crate::memory::source::{PIECE, Source};
use crate::update::loops::Loops;
use crate::update::pass::{self, Part, Parts};
use crate::update::{MAX_BUFFERS, Update};
use crate::with_rank;
use burn::tensor::Tensor;

/// The input of an [`Update`]: a parameter, its gradient and the rule's buffers, all of one shape.
#[derive(Debug, Clone)]
pub struct Operands {
    /// The parameter, replaced by [`apply`](Self::apply).
    pub theta: Buffer,
    /// The gradient of the parameter.
    pub grad: Buffer,
    /// The rule's buffers, replaced by [`apply`](Self::apply).
    pub state: Vec<Buffer>,
}

impl Operands {
    /// Returns whether all buffers are in host memory, as 32-bit floats or compact, so that
    /// [`apply`](Self::apply) takes one pass.
    pub fn are_on_host(&self) -> bool {
        let is_on_host = |buffer: &Buffer| matches!(buffer, Buffer::Host(_));
        is_on_host(&self.theta)
            && is_on_host(&self.grad)
            && self.state.iter().all(|buffer| is_on_host(buffer) || is_compact(buffer))
    }

    /// Returns the number of elements of the parameter, or 0 if it is not on the host.
    pub fn size_on_host(&self) -> usize {
        match &self.theta {
            Buffer::Host(theta) => theta.len(),
            Buffer::Device(_) | Buffer::Compact(_) => 0,
        }
    }

    /// Applies `update` and returns the new parameter and buffers.
    ///
    /// On the host this takes one pass, in place unless a buffer is shared, which is copied first. Elsewhere
    /// it is the formula on tensors. Compact buffers are rounded with the default [`Rounding`].
    ///
    /// # Panics
    /// If the gradient or a buffer has another number of elements than the parameter.
    pub fn apply<U: Update>(mut self, update: &U) -> (Buffer, Vec<Buffer>) {
        if self.are_on_host() {
            self.apply_on_host(update);
            (self.theta, self.state)
        } else {
            self.apply_formula(update)
        }
    }

    /// Does the same as [`apply`](Self::apply), for operands that [are on the host](Self::are_on_host).
    ///
    /// # Panics
    /// If they are not on the host or differ in length; if the number of buffers is outside
    /// [`Update::BUFFERS`].
    pub fn apply_on_host<U: Update>(&mut self, update: &U) {
        self.apply_on_host_rounded(update, Rounding::default());
    }

    /// Does the same as [`apply_on_host`](Self::apply_on_host), with the random bits of `rounding` for
    /// compact buffers.
    ///
    /// # Panics
    /// As [`apply_on_host`](Self::apply_on_host) does.
    pub fn apply_on_host_rounded<U: Update>(&mut self, update: &U, rounding: Rounding) {
        let Operands { theta, grad, state } = self;
        apply_in_pass(update, host_mut(theta), host(grad), state, rounding);
    }

    /// Applies `update` to the rows whose gradient is not 0 everywhere; the others keep their parameters and
    /// their state. A row is what has one index in the first dimension, of `rows`.
    ///
    /// On the host, only the gradient of the other rows is read. Sums are over all rows.
    ///
    /// # Panics
    /// If the gradient or a buffer has another number of elements than the parameter, or is compact; if
    /// `rows` does not divide that number.
    pub fn apply_to_rows<U: Update>(mut self, update: &U, rows: usize) -> (Buffer, Vec<Buffer>) {
        let len = self.theta.len();
        assert!(rows > 0 && len.is_multiple_of(rows), "{rows} rows of {len} elements");
        assert!(!self.state.iter().any(is_compact), "rows of a compact buffer");
        if len == 0 {
            return (self.theta, self.state);
        }
        if self.are_on_host() {
            let Operands { theta, grad, state } = &mut self;
            apply_to_rows_in_pass(update, host_mut(theta), host(grad), state, len / rows);
            return (self.theta, self.state);
        }
        let before: Vec<Buffer> = std::iter::once(&self.theta).chain(&self.state).cloned().collect();
        let grad: Tensor<2> = any_rank(self.grad.clone()).reshape([rows, len / rows]);
        let touched = grad.not_equal_elem(0.0).any_dim(1).expand([rows, len / rows]);
        let (theta, state) = self.apply_formula(update);
        let mut rows_of =
            before.into_iter().zip(std::iter::once(theta).chain(state)).map(|(before, after)| {
                let (before, after) = (any_rank(before), any_rank(after));
                let shape = after.shape();
                let [before, after] = [before, after].map(|tensor| tensor.reshape([rows, len / rows]));
                let moved: Tensor<2> = before.mask_where(touched.clone(), after);
                with_rank!(shape.num_dims(), D => Buffer::new(moved.reshape(shape.dims::<D>())))
            });
        let theta = rows_of.next().expect("the parameter comes first");
        (theta, rows_of.collect())
    }

    /// Returns the sums that `update` needs. On the host they take one pass, which changes nothing, and are
    /// added in 64 bits.
    ///
    /// # Panics
    /// If the gradient or a buffer has another number of elements than the parameter; if the number of
    /// buffers is outside [`Update::BUFFERS`].
    pub fn sums<U: Update>(&mut self, update: &U) -> Vec<Sum> {
        if !self.are_on_host() {
            let (theta, grad) = (any_rank(self.theta.clone()), any_rank(self.grad.clone()));
            let as_tensor = |buffer: &Buffer| match buffer {
                Buffer::Compact(compact) => any_rank(compact.decoded_like(&self.theta)),
                buffer => any_rank(buffer.clone()),
            };
            let state: Vec<AnyRank> = self.state.iter().map(as_tensor).collect();
            let term = |sum| update.term(sum, theta.clone(), grad.clone(), &mut state.clone());
            return (0..U::SUMS).map(|sum| Sum::Device(term(sum).sum())).collect();
        }
        let Operands { theta, grad, state } = self;
        let (theta, grad) = (host(theta), host(grad));
        let state = parts(state, theta.len());
        assert_eq!(grad.len(), theta.len(), "a gradient of another size than its parameter");
        let sums = theta.with_slice(|theta| {
            grad.with_source(|grad: Source<'_>| pass::sums(update, theta, grad, &state, 0))
        });
        sums[..U::SUMS].iter().copied().map(Sum::Host).collect()
    }

    /// Does the same as [`apply`](Self::apply), always as the formula on tensors, on any backend.
    pub fn apply_formula<U: Update>(self, update: &U) -> (Buffer, Vec<Buffer>) {
        self.apply_formula_rounded(update, Rounding::default())
    }

    /// Does the same as [`apply_formula`](Self::apply_formula), with the random bits of `rounding` for
    /// compact buffers: they become tensors on the parameter's device, and are encoded again on the host.
    pub fn apply_formula_rounded<U: Update>(self, update: &U, rounding: Rounding) -> (Buffer, Vec<Buffer>) {
        let as_tensor = |buffer| match buffer {
            Buffer::Compact(compact) => {
                let tensor = any_rank(compact.decoded_like(&self.theta));
                (Some(compact), tensor)
            }
            buffer => (None, any_rank(buffer)),
        };
        let (compact, mut state): (Vec<_>, Vec<AnyRank>) = self.state.into_iter().map(as_tensor).unzip();
        let (theta, grad) = (any_rank(self.theta), any_rank(self.grad));
        let sums: Vec<AnyRank> = (0..U::SUMS)
            .map(|sum| {
                let term = update.term(sum, theta.clone(), grad.clone(), &mut state.clone());
                with_rank!(theta.shape().num_dims(), D => any_rank(Buffer::new(term.sum().reshape([1; D]))))
            })
            .collect();
        let theta = update.update(theta, grad, &mut state, &sums);
        let stored = |(index, (compact, tensor)): (usize, (Option<CompactBuffer>, AnyRank))| match compact {
            Some(mut compact) => {
                compact.encode(&Buffer::new(tensor).to_floats(), rounding, index);
                Buffer::Compact(compact)
            }
            None => Buffer::new(tensor),
        };
        let state = compact.into_iter().zip(state).enumerate().map(stored).collect();
        (Buffer::new(theta), state)
    }
}

/// A tensor of any rank. Burn reads as many dimensions of a tensor's shape as its type states, here none, so
/// each formula is compiled once instead of once for each rank.
type AnyRank = Tensor<0>;

fn any_rank(buffer: Buffer) -> AnyRank {
    buffer.into_tensor()
}

/// A sum over the elements of a tensor.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and soon taken apart")]
pub enum Sum {
    /// A known number.
    Host(f64),
    /// A number on a device, which may still be computing it.
    Device(Tensor<1>),
}

/// Calls `run` for each of `jobs`, which have `size` elements, in one parallel region: each thread takes
/// neighbouring jobs that together have about as many elements as one piece of a large tensor.
pub fn in_one_region<J: Send>(
    jobs: &mut [J],
    size: impl Fn(&J) -> usize + Copy + Sync,
    run: impl Fn(&mut J) + Copy + Sync,
) {
    let total: usize = jobs.iter().map(size).sum();
    if jobs.len() <= 1 || total <= PIECE {
        return jobs.iter_mut().for_each(run);
    }
    let mut before = 0;
    let middle = jobs.iter().position(|job| {
        before += size(job);
        before >= total / 2
    });
    let middle = middle.map_or(1, |middle| (middle + 1).min(jobs.len() - 1));
    let (left, right) = jobs.split_at_mut(middle);
    rayon::join(|| in_one_region(left, size, run), || in_one_region(right, size, run));
}

fn host(buffer: &Buffer) -> &HostBuffer {
    match buffer {
        Buffer::Host(buffer) => buffer,
        Buffer::Device(_) | Buffer::Compact(_) => panic!("a buffer that is not 32-bit floats on the host"),
    }
}

fn host_mut(buffer: &mut Buffer) -> &mut HostBuffer {
    match buffer {
        Buffer::Host(buffer) => buffer,
        Buffer::Device(_) | Buffer::Compact(_) => panic!("a buffer that is not 32-bit floats on the host"),
    }
}

fn is_compact(buffer: &Buffer) -> bool {
    matches!(buffer, Buffer::Compact(_))
}

/// Returns the elements of the buffers, each of `len` elements. Buffers that are in another order are first
/// copied to row-major order.
fn parts(state: &mut [Buffer], len: usize) -> Parts<'_> {
    assert!(state.len() <= MAX_BUFFERS, "{} buffers beside a parameter", state.len());
    let mut buffers = state.iter_mut();
    std::array::from_fn(|_| match buffers.next() {
        None => Part::Absent,
        Some(buffer) => {
            assert_eq!(buffer.len(), len, "a buffer of another size than its parameter");
            match buffer {
                Buffer::Compact(compact) => Part::Compact(compact.codes_mut()),
                buffer => Part::Floats(host_mut(buffer).slice_mut()),
            }
        }
    })
}

fn apply_to_rows_in_pass(
    update: &dyn Loops,
    theta: &mut HostBuffer,
    grad: &HostBuffer,
    state: &mut [Buffer],
    width: usize,
) {
    assert_eq!(grad.len(), theta.len(), "a gradient of another size than its parameter");
    let state = parts(state, theta.len());
    let theta = theta.slice_mut();
    grad.with_slice(|grad| {
        let sums = pass::sums(update, theta, Source::Slice(grad), &state, 0).map(|sum| sum as f32);
        pass::apply_rows(update, &sums[..update.number_of_sums()], theta, grad, state, width);
    });
}

fn apply_in_pass(
    update: &dyn Loops,
    theta: &mut HostBuffer,
    grad: &HostBuffer,
    state: &mut [Buffer],
    rounding: Rounding,
) {
    assert_eq!(grad.len(), theta.len(), "a gradient of another size than its parameter");
    let state = parts(state, theta.len());
    let theta = theta.slice_mut();
    grad.with_source(|grad: Source<'_>| {
        let sums = pass::sums(update, theta, grad, &state, 0).map(|sum| sum as f32);
        pass::apply(update, &sums[..update.number_of_sums()], theta, grad, state, rounding, 0);
    });
}
