/// A tensor's elements in memory, in whatever order and however often: a transposed, sliced or broadcast view.
pub(super) struct Strided<'a> {
    storage: &'a [f32],
    shape: &'a [usize],
    strides: &'a [isize],
    offset: usize,
}

impl<'a> Strided<'a> {
    /// The view whose element `[i, j, …]` is `storage[offset + i · strides[0] + j · strides[1] + …]`.
    pub fn new(storage: &'a [f32], shape: &'a [usize], strides: &'a [isize], offset: usize) -> Self {
        Strided { storage, shape, strides, offset }
    }

    /// Reads the elements from number `start` on, counted row-major, until `out` is full.
    pub fn read(&self, start: usize, out: &mut [f32]) {
        let Some((&row, outer)) = self.shape.split_last() else {
            return out.fill(self.storage[self.offset]);
        };
        let stride = self.strides[outer.len()];
        let (mut line, mut column) = (start / row, start % row);
        let mut rest = out;
        while !rest.is_empty() {
            let (part, after) = rest.split_at_mut(rest.len().min(row - column));
            let first = self.line_offset(line) + column as isize * stride;
            match stride {
                0 => part.fill(self.storage[first as usize]),
                1 => part.copy_from_slice(&self.storage[first as usize..first as usize + part.len()]),
                _ => {
                    for (i, element) in part.iter_mut().enumerate() {
                        *element = self.storage[(first + i as isize * stride) as usize];
                    }
                }
            }
            rest = after;
            column = 0;
            line += 1;
        }
    }

    /// Where the line number `line` begins, a line being a run along the last dimension.
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
