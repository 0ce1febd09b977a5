//! The header of a `.npy` file: the text of a Python dictionary with the type, order and shape of the array.
//!
//! ```text
//! \x93NUMPY, u8 major, u8 minor, u16 (version 1) or u32 (2, 3) length, text, values
//! {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
//! ```

use super::Fault;
use super::number_type::NumberType;
use std::io::Read;

/// The first bytes of a `.npy` file.
pub(super) const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// The largest header in bytes; NumPy itself writes at most a few hundred for an array of numbers.
const LONGEST: usize = 1 << 16;

/// The largest number of dimensions, as in NumPy.
const MOST_DIMENSIONS: usize = 64;

/// Type, order and shape of an array.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    /// The type of the numbers; the text in the file if it is another type.
    pub number_type: Result<NumberType, String>,
    /// Whether the first index changes fastest in the file.
    pub is_fortran: bool,
    pub shape: Vec<usize>,
    /// Length in bytes, from the magic bytes to the values.
    pub bytes: u64,
}

impl Header {
    /// Reads the header and leaves `source` at the first value.
    ///
    /// # Errors
    /// [`Fault::Damaged`] if the bytes are not a header of version 1, 2 or 3 or end within it.
    pub fn read(source: &mut impl Read) -> Result<Header, Fault> {
        let start: [u8; 8] = read_array(source)?;
        let [magic @ .., major, _minor] = start;
        if magic != MAGIC {
            return Err(Fault::damaged("does not begin as a .npy file does"));
        }
        let (length, prefix) = match major {
            1 => (usize::from(u16::from_le_bytes(read_array(source)?)), 10),
            2 | 3 => (u32::from_le_bytes(read_array(source)?) as usize, 12),
            _ => return Err(Fault::damaged(format!("is .npy version {major}; versions 1 to 3 are known"))),
        };
        if length > LONGEST {
            return Err(Fault::damaged(format!(
                "has a header of {length} bytes; at most {LONGEST} are read"
            )));
        }
        let mut text = vec![0; length];
        source.read_exact(&mut text).map_err(Fault::from_read)?;
        let text = String::from_utf8_lossy(&text);
        let parsed = Text(&text).dictionary();
        let (number_type, is_fortran, shape) = parsed
            .ok_or_else(|| Fault::damaged(format!("has a header that cannot be read: {}", text.trim())))?;
        Ok(Header { number_type, is_fortran, shape, bytes: (prefix + length) as u64 })
    }

    /// Returns the number of values, `None` if it exceeds `usize`.
    pub fn count(&self) -> Option<usize> {
        self.shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size))
    }
}

fn read_array<const N: usize>(source: &mut impl Read) -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes).map_err(Fault::from_read)?;
    Ok(bytes)
}

/// The rest of a header's text.
struct Text<'a>(&'a str);

type Fields = (Result<NumberType, String>, bool, Vec<usize>);

impl<'a> Text<'a> {
    /// Reads a dictionary with the keys `descr`, `fortran_order` and `shape` in any order.
    fn dictionary(mut self) -> Option<Fields> {
        let (mut number_type, mut is_fortran, mut shape) = (None, None, None);
        self.expect('{')?;
        while !self.accept('}') {
            let key = self.quoted()?;
            self.expect(':')?;
            match key {
                "descr" => number_type = Some(self.number_type()?),
                "fortran_order" => is_fortran = Some(self.truth()?),
                "shape" => shape = Some(self.tuple()?),
                _ => return None,
            }
            if !self.accept(',') {
                self.expect('}')?;
                break;
            }
        }
        Some((number_type?, is_fortran?, shape?))
    }

    /// Reads the type: a quoted text, or a list of fields, which is no type of numbers.
    fn number_type(&mut self) -> Option<Result<NumberType, String>> {
        self.0 = self.0.trim_start();
        if !self.0.starts_with('[') {
            let text = self.quoted()?;
            return Some(NumberType::parse(text).ok_or_else(|| text.into()));
        }
        let mut depth = 0_usize;
        let end = self.0.find(|character| {
            match character {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            depth == 0
        })?;
        let (list, rest) = self.0.split_at(end + 1);
        self.0 = rest;
        Some(Err(list.into()))
    }

    fn truth(&mut self) -> Option<bool> {
        self.0 = self.0.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.0.strip_prefix(word) {
                self.0 = rest;
                return Some(value);
            }
        }
        None
    }

    /// Reads `()`, `(3,)`, `(3, 4)`; Python 2 wrote `(3L, 4L)`.
    fn tuple(&mut self) -> Option<Vec<usize>> {
        let mut sizes = Vec::new();
        self.expect('(')?;
        while !self.accept(')') {
            self.0 = self.0.trim_start();
            let end = self.0.find(|character: char| !character.is_ascii_digit())?;
            let (digits, rest) = self.0.split_at(end);
            sizes.push(digits.parse().ok().filter(|_| sizes.len() < MOST_DIMENSIONS)?);
            self.0 = rest.strip_prefix('L').unwrap_or(rest);
            if !self.accept(',') {
                self.expect(')')?;
                break;
            }
        }
        Some(sizes)
    }

    fn quoted(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let quote = text.chars().next().filter(|character| matches!(character, '\'' | '"'))?;
        let (quoted, rest) = text[1..].split_once(quote)?;
        self.0 = rest;
        Some(quoted)
    }

    fn accept(&mut self, character: char) -> bool {
        match self.0.trim_start().strip_prefix(character) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, character: char) -> Option<()> {
        self.accept(character).then_some(())
    }
}
