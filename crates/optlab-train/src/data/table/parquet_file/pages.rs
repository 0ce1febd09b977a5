//! Checks the pages of a column before the Parquet reader decodes them.

use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};

/// The pages of a column, of which none needs a dictionary that the file lacks: the reader panics there.
pub(super) struct CheckedPages {
    pages: Box<dyn PageReader>,
    /// Whether each value of a dictionary is a length of four bytes and as many bytes.
    has_lengths: bool,
    has_dictionary: bool,
}

impl CheckedPages {
    /// Checks `pages`, of a column of the type `of`, while they are read.
    pub fn new(pages: Box<dyn PageReader>, of: Type) -> Self {
        Self { pages, has_lengths: of == Type::BYTE_ARRAY, has_dictionary: false }
    }
}

/// Returns whether `bytes` hold so many values with their lengths.
fn are_whole(mut bytes: &[u8], values: u32) -> bool {
    for _ in 0..values {
        let Some((length, rest)) = bytes.split_first_chunk() else { return false };
        let Some(rest) = rest.get(u32::from_le_bytes(*length) as usize..) else { return false };
        bytes = rest;
    }
    true
}

impl Iterator for CheckedPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        match &page {
            // The reader panics at a length that is cut off.
            Some(Page::DictionaryPage { buf, num_values, .. })
                if self.has_lengths && !are_whole(buf, *num_values) =>
            {
                return Err(ParquetError::General("a dictionary that is cut off".into()));
            }
            Some(Page::DictionaryPage { .. }) => self.has_dictionary = true,
            Some(page) if !self.has_dictionary => {
                #[allow(deprecated)]
                let needs_dictionary =
                    matches!(page.encoding(), Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY);
                if needs_dictionary {
                    return Err(ParquetError::General("a page without its dictionary".into()));
                }
            }
            _ => {}
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}
