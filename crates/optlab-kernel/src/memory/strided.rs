//! Strided views of memory.

/// The side of a tile: the elements of a cache line.
const TILE: usize = 16;

/// A tensor's elements in memory, in any order and with repetitions: a transposed, sliced or broadcast view.
pub(crate) struct Strided<'a> {
    storage: &'a [f32],
    shape: &'a [usize],
    strides: &'a [isize],
    offset: usize,
}

impl<'a> Strided<'a> {
    /// Creates the view whose element `[i, j, …]` is `storage[offset + i · strides[0] + j · strides[1] + …]`.
    pub fn new(storage: &'a [f32], shape: &'a [usize], strides: &'a [isize], offset: usize) -> Self {
        Strided { storage, shape, strides, offset }
    }

    /// Reads elements into `out` until it is full, beginning at row-major index `start`.
    pub fn read(&self, start: usize, out: &mut [f32]) {
        if out.is_empty() {
            return;
        }
        let Some((&row, outer)) = self.shape.split_last() else {
            return out.fill(self.storage[self.offset]);
        };
        let stride = self.strides[outer.len()];
        // The size of the second-to-last dimension; without one, a single line with a huge stride.
        let lines = outer.last().copied().unwrap_or(1);
        let line_stride = outer.len().checked_sub(1).map_or(isize::MAX, |axis| self.strides[axis]);
        let (mut line, mut column) = (start / row, start % row);
        let mut rest = out;
        while !rest.is_empty() {
            let first = self.line_offset(line) + column as isize * stride;
            let whole_lines = if column == 0 { (rest.len() / row).min(lines - line % lines) } else { 0 };
            let part;
            if whole_lines > 1 && stride.unsigned_abs() > line_stride.unsigned_abs().max(1) {
                (part, rest) = rest.split_at_mut(whole_lines * row);
                self.read_across(first, line_stride, stride, row, part);
                line += whole_lines;
            } else {
                (part, rest) = rest.split_at_mut(rest.len().min(row - column));
                self.read_line(first, stride, part);
                line += 1;
            }
            column = 0;
        }
    }

    /// Reads part of a line.
    fn read_line(&self, first: isize, stride: isize, out: &mut [f32]) {
        match stride {
            0 => out.fill(self.storage[first as usize]),
            1 => out.copy_from_slice(&self.storage[first as usize..first as usize + out.len()]),
            _ => {
                for (i, element) in out.iter_mut().enumerate() {
                    *element = self.storage[(first + i as isize * stride) as usize];
                }
            }
        }
    }

    /// Reads whole lines of length `row`, in square tiles, if neighbouring lines are closer in memory than
    /// the elements of a line: each cache line is used fully while it is cached.
    fn read_across(&self, first: isize, line_stride: isize, stride: isize, row: usize, out: &mut [f32]) {
        for (band, out) in out.chunks_mut(row * TILE).enumerate() {
            let first = first + (band * TILE) as isize * line_stride;
            let lines = out.len() / row;
            for begin in (0..row).step_by(TILE) {
                let columns = TILE.min(row - begin);
                let mut tile = [[0.0; TILE]; TILE];
                for (column, tile) in tile[..columns].iter_mut().enumerate() {
                    let first = first + (begin + column) as isize * stride;
                    self.read_line(first, line_stride, &mut tile[..lines]);
                }
                for (line, out) in out.chunks_exact_mut(row).enumerate() {
                    for (element, column) in out[begin..begin + columns].iter_mut().zip(&tile) {
                        *element = column[line];
                    }
                }
            }
        }
    }

    /// Returns the offset of line `line`; a line is a run along the last dimension.
    fn line_offset(&self, mut line: usize) -> isize {
        let outer = self.shape.len() - 1;
        let mut offset = self.offset as isize;
        for (&size, &stride) in self.shape[..outer].iter().zip(self.strides).rev() {
            offset += (line % size) as isize * stride;
            line /= size;
        }
        offset
    }
}
