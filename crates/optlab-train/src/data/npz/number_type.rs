//! The types of numbers in a `.npy` file, and their values as `f32`.

use super::Fault;

/// A type of numbers: `<f4` and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NumberType {
    kind: NumberKind,
    is_big_endian: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NumberKind {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F16,
    F32,
    F64,
}

impl NumberType {
    /// Reads a byte order (`<`, `>`, `|` or `=`), a letter and a size in bytes; `None` for any other type.
    pub fn parse(text: &str) -> Option<Self> {
        let order = text.chars().next()?;
        let kind = match text.get(1..)? {
            "b1" => NumberKind::Bool,
            "i1" => NumberKind::I8,
            "i2" => NumberKind::I16,
            "i4" => NumberKind::I32,
            "i8" => NumberKind::I64,
            "u1" => NumberKind::U8,
            "u2" => NumberKind::U16,
            "u4" => NumberKind::U32,
            "u8" => NumberKind::U64,
            "f2" => NumberKind::F16,
            "f4" => NumberKind::F32,
            "f8" => NumberKind::F64,
            _ => return None,
        };
        let is_big_endian = match order {
            '<' | '|' => false,
            '>' => true,
            // NumPy never writes `=`, the order of the machine.
            '=' => cfg!(target_endian = "big"),
            _ => return None,
        };
        Some(Self { kind, is_big_endian })
    }

    /// Returns the size of a number in bytes.
    pub fn bytes(self) -> usize {
        match self.kind {
            NumberKind::Bool | NumberKind::I8 | NumberKind::U8 => 1,
            NumberKind::I16 | NumberKind::U16 | NumberKind::F16 => 2,
            NumberKind::I32 | NumberKind::U32 | NumberKind::F32 => 4,
            NumberKind::I64 | NumberKind::U64 | NumberKind::F64 => 8,
        }
    }

    /// Appends the numbers in `bytes` to `values`; a rest that is shorter than a number is left out.
    ///
    /// # Errors
    /// [`Fault::Unusable`] if `f32` cannot hold a whole number, or a number is too large for `f32`.
    pub fn append(self, bytes: &[u8], values: &mut Vec<f32>) -> Result<(), Fault> {
        match self.kind {
            NumberKind::Bool => self.extend(bytes, values, |[byte]| Ok(f32::from(u8::from(byte != 0)))),
            NumberKind::I8 => self.extend(bytes, values, |bytes| Ok(f32::from(i8::from_le_bytes(bytes)))),
            NumberKind::U8 => self.extend(bytes, values, |bytes| Ok(f32::from(u8::from_le_bytes(bytes)))),
            NumberKind::I16 => self.extend(bytes, values, |bytes| Ok(f32::from(i16::from_le_bytes(bytes)))),
            NumberKind::U16 => self.extend(bytes, values, |bytes| Ok(f32::from(u16::from_le_bytes(bytes)))),
            NumberKind::I32 => self.extend(bytes, values, |bytes| whole(i32::from_le_bytes(bytes).into())),
            NumberKind::U32 => self.extend(bytes, values, |bytes| whole(u32::from_le_bytes(bytes).into())),
            NumberKind::I64 => self.extend(bytes, values, |bytes| whole(i64::from_le_bytes(bytes).into())),
            NumberKind::U64 => self.extend(bytes, values, |bytes| whole(u64::from_le_bytes(bytes).into())),
            NumberKind::F16 => self.extend(bytes, values, |bytes| Ok(half(u16::from_le_bytes(bytes)))),
            NumberKind::F32 => self.extend(bytes, values, |bytes| Ok(f32::from_le_bytes(bytes))),
            NumberKind::F64 => self.extend(bytes, values, |bytes| single(f64::from_le_bytes(bytes))),
        }
    }

    /// Appends the numbers in `bytes`, each converted by `convert` from little-endian bytes.
    fn extend<const N: usize>(
        self,
        bytes: &[u8],
        values: &mut Vec<f32>,
        convert: impl Fn([u8; N]) -> Result<f32, Fault>,
    ) -> Result<(), Fault> {
        for &number in bytes.as_chunks::<N>().0 {
            let mut number = number;
            if self.is_big_endian {
                number.reverse();
            }
            values.push(convert(number)?);
        }
        Ok(())
    }
}

fn whole(number: i128) -> Result<f32, Fault> {
    let single = number as f32;
    match single as i128 == number {
        true => Ok(single),
        false => Err(Fault::Unusable(format!(
            "holds {number}, which f32 cannot hold exactly, as most whole numbers above 2²⁴; save it as float32 \
             if it may be rounded"
        ))),
    }
}

fn single(number: f64) -> Result<f32, Fault> {
    let single = number as f32;
    match single.is_infinite() && number.is_finite() {
        true => Err(Fault::Unusable(format!("holds {number:e}, which is too large for f32"))),
        false => Ok(single),
    }
}

/// Returns the value of a 16-bit float: 1 bit for the sign, 5 for the exponent, 10 for the fraction.
pub(in crate::data) fn half(bits: u16) -> f32 {
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f32::from(bits & 0x3ff);
    let size = match exponent {
        0 => fraction * 2_f32.powi(-24),
        0x1f if fraction == 0.0 => f32::INFINITY,
        0x1f => f32::NAN,
        _ => (fraction + 1024.0) * 2_f32.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}
