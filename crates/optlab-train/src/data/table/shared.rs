//! Keeps a table in a file as it was read, so that the processes of many trials read its text once.
//!
//! ```text
//! magic (8 bytes)   key (32)   the table in MessagePack
//! ```
//!
//! The magic bytes change with the format and with the way that tables are read. The key is the SHA-256 of
//! the magic bytes, the path, length and time of modification of the table's file, and the options.

use super::{ReadOptions, Table};
use crate::Error;
use crate::files::cache_key::CacheKey;
use crate::files::{checksum, disk};
use optlab_core::bounded_file;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// The format's name and version.
const MAGIC: [u8; 8] = *b"opttabl1";

impl Table {
    /// Saves the table, which was read from its file with `options`, to a file in `folder`, from where other
    /// processes take it by [`read_shared`](Self::read_shared). The folder is created if it is missing; its
    /// files may be deleted at any time. A file of the same table from before it changed is replaced.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub fn share(&self, options: &ReadOptions, folder: &Path) -> Result<(), Error> {
        let key = key(&self.path, options).map_err(Error::io("read", &self.path))?;
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let mut bytes = [&MAGIC[..], &key].concat();
        let file = file(&self.path, options, folder);
        // With names, because fields that are left out would shift those after them.
        let mut encoder = rmp_serde::Serializer::new(&mut bytes).with_struct_map();
        serde::Serialize::serialize(self, &mut encoder)
            .map_err(|reason| Error::Data { path: file.clone(), reason: reason.to_string() })?;
        disk::replace(&file, &bytes)
    }

    /// Returns the table of the file at `path` as another process saved it, if it did so with these options
    /// and the file has not changed since.
    pub fn read_shared(path: &Path, options: &ReadOptions, folder: &Path) -> Option<Table> {
        let table: Table = rmp_serde::from_read(open(path, options, folder)?).ok()?;
        Some(Table { path: path.into(), ..table })
    }

    /// Returns whether [`read_shared`](Self::read_shared) has a table, by the beginning of the saved file.
    pub fn is_shared(path: &Path, options: &ReadOptions, folder: &Path) -> bool {
        open(path, options, folder).is_some()
    }
}

/// Opens the file of a table behind its header, if it is that of this table.
fn open(path: &Path, options: &ReadOptions, folder: &Path) -> Option<BufReader<File>> {
    let mut file = BufReader::new(bounded_file::open(&file(path, options, folder), u64::MAX).ok()?);
    let mut header = [0; 8 + 32];
    file.read_exact(&mut header).ok()?;
    (header[..8] == MAGIC && header[8..] == key(path, options).ok()?).then_some(file)
}

/// Returns the path of the file of a table in `folder`.
fn file(path: &Path, options: &ReadOptions, folder: &Path) -> PathBuf {
    let whole = path.canonicalize().unwrap_or_else(|_| path.into());
    let name = format!("{}\n{options:?}", whole.display());
    folder.join(format!("table-{}.bin", checksum::fingerprint(name.as_bytes())))
}

/// Returns the SHA-256 of everything that the table depends on.
fn key(path: &Path, options: &ReadOptions) -> std::io::Result<[u8; 32]> {
    let mut key = CacheKey::default();
    key.add(&MAGIC);
    key.add(path.canonicalize()?.as_os_str().as_encoded_bytes());
    key.add_state(&std::fs::metadata(path)?)?;
    key.add(format!("{options:?}").as_bytes());
    Ok(key.finish())
}
