//! Keeps decoded pictures in a file, so that processes that train on the same pictures decode them once.
//!
//! ```text
//! magic (8 bytes)   key (32)   n (8)   channels, height, width (4 each)   pixels (one byte per value)
//! ```
//!
//! Numbers are little-endian. The magic bytes change with the format and with the way that pictures are
//! decoded. The key is the SHA-256 of the magic bytes, the options, the folder, and each picture's path,
//! length and time of modification; its first digits are the file's name.

use super::Pictures;
use super::options::{Frame, PictureOptions};
use super::pixels::Pixels;
use crate::Error;
use crate::files::cache_key::CacheKey;
use crate::files::disk;
use optlab_core::bounded_file;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

/// The format's name and version.
const MAGIC: [u8; 8] = *b"optpict1";
const HEADER: usize = 8 + 32 + 8 + 3 * 4;

impl Pictures {
    /// Returns all decoded pictures: from a file in `cache_folder` if one matches, else decodes them and
    /// saves them there for the next call.
    ///
    /// A file matches if the options, the folder, and the path, length and time of modification of every
    /// picture are the same. Processes that start together wait for the first of them to decode. The folder
    /// is created if it is missing; its files may be deleted at any time, and files that no longer match stay
    /// until then.
    ///
    /// # Errors
    /// As [`decode_all`](Self::decode_all), and [`Io`](optlab_core::Error::Io) if the cache cannot be read or
    /// written.
    pub fn open_cached(&self, options: &PictureOptions, cache_folder: &Path) -> Result<Pixels, Error> {
        options.validate()?;
        let key = self.key(options)?;
        let digits: String = key[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let path = cache_folder.join(format!("pictures-{digits}.bin"));
        if let Some(pixels) = self.read_cache(&path, &key, options)? {
            return Ok(pixels);
        }
        fs::create_dir_all(cache_folder).map_err(Error::io("create", cache_folder))?;
        let _lock = lock(&cache_folder.join(format!("pictures-{digits}.lock")))?;
        // Another process may have decoded while this one waited for the lock.
        if let Some(pixels) = self.read_cache(&path, &key, options)? {
            return Ok(pixels);
        }
        let frame = self.frame(options)?;
        let pixels = self.decode_behind(&header(&key, self.len(), &frame), frame)?;
        disk::replace(&path, &pixels.bytes)?;
        Ok(pixels)
    }

    /// Returns the SHA-256 of everything that the pixels depend on.
    fn key(&self, options: &PictureOptions) -> Result<[u8; 32], Error> {
        let folder = self.folder.canonicalize().map_err(Error::io("read", &self.folder))?;
        let mut key = CacheKey::default();
        key.add(&MAGIC);
        key.add(format!("{options:?}").as_bytes());
        key.add(folder.as_os_str().as_encoded_bytes());
        for (i, entry) in self.entries.iter().enumerate() {
            let path = self.path(i);
            let unreadable =
                |source| Error::Data { path: path.clone(), reason: format!("cannot be read: {source}") };
            let metadata = fs::metadata(&path).map_err(unreadable)?;
            key.add(entry.path.as_os_str().as_encoded_bytes());
            key.add_state(&metadata).map_err(unreadable)?;
        }
        Ok(key.finish())
    }

    /// Reads the cache file at `path`; returns `None` if there is none or it is not the file of `key`.
    fn read_cache(
        &self,
        path: &Path,
        key: &[u8; 32],
        options: &PictureOptions,
    ) -> Result<Option<Pixels>, Error> {
        let mut file = match bounded_file::open(path, u64::MAX) {
            Ok(file) => file,
            Err(error) if bounded_file::is_missing(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let length = file.metadata().map_err(Error::io("read", path))?.len();
        let mut bytes = Vec::with_capacity(length.min(HEADER as u64) as usize);
        file.by_ref().take(HEADER as u64).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
        let Some(frame) = read_frame(&bytes, options) else { return Ok(None) };
        let expected = frame.values().checked_mul(self.len()).and_then(|bytes| bytes.checked_add(HEADER));
        if bytes != header(key, self.len(), &frame) || expected.map(|bytes| bytes as u64) != Some(length) {
            return Ok(None);
        }
        bytes.reserve_exact(length as usize - HEADER);
        file.read_to_end(&mut bytes).map_err(Error::io("read", path))?;
        Ok((bytes.len() as u64 == length).then_some(Pixels { frame, bytes, start: HEADER }))
    }
}

fn header(key: &[u8; 32], n: usize, frame: &Frame) -> Vec<u8> {
    let mut header = [&MAGIC[..], key, &(n as u64).to_le_bytes()].concat();
    for side in frame.shape() {
        header.extend_from_slice(&(side as u32).to_le_bytes());
    }
    header
}

/// Returns the frame of a header; `None` if it is too short or has impossible sides.
fn read_frame(header: &[u8], options: &PictureOptions) -> Option<Frame> {
    let sides = header.get(HEADER - 12..HEADER)?;
    let mut sides = sides.as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes) as usize);
    let frame =
        Frame { channels: sides.next()?, height: sides.next()?, width: sides.next()?, fit: options.fit };
    let is_possible = [1, 3].contains(&frame.channels)
        && (1..=4096).contains(&frame.height)
        && (1..=4096).contains(&frame.width);
    is_possible.then_some(frame)
}

/// Waits until no other process holds the lock file at `path`; holds it until the file is dropped.
fn lock(path: &Path) -> Result<File, Error> {
    let file = File::create(path).map_err(Error::io("create", path))?;
    match file.lock() {
        // Some network folders have no locks; processes may then decode the same pictures twice.
        Err(error) if error.kind() != ErrorKind::Unsupported => Err(Error::io("lock", path)(error)),
        _ => Ok(file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::pictures::test_files::{folder_of, grey_png};
    use std::time::{Duration, SystemTime};

    /// Returns a folder with the pictures in `data`, 2 × 2 pixels of one value each, and their list.
    fn pictures() -> (tempfile::TempDir, Pictures) {
        let folder = folder_of(&["data/a/1.png", "data/a/2.png", "data/b/3.png"]);
        let data = folder.path().join("data");
        for (name, value) in [("a/1.png", 10), ("a/2.png", 20), ("b/3.png", 30)] {
            fs::write(data.join(name), grey_png(2, 2, &[value; 4])).unwrap();
        }
        let pictures = Pictures::list(&data).unwrap();
        (folder, pictures)
    }

    fn open(pictures: &Pictures, cache: &Path) -> Pixels {
        pictures.open_cached(&PictureOptions::default(), cache).unwrap()
    }

    /// Returns the cache's files of pixels.
    fn files(cache: &Path) -> Vec<std::path::PathBuf> {
        let entries = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().unwrap() == "bin").collect()
    }

    /// Replaces the file at `path`, but keeps its time of modification.
    fn replace_unnoticed(path: &Path, bytes: &[u8]) {
        let modified = fs::metadata(path).unwrap().modified().unwrap();
        fs::write(path, bytes).unwrap();
        File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
    }

    #[test]
    fn the_second_call_reads_the_file_of_the_first() {
        let (folder, pictures) = pictures();
        let cache = folder.path().join("deep/cache");
        let first = open(&pictures, &cache);
        let decoded = pictures.decode_all(&PictureOptions::default()).unwrap();
        assert_eq!((first.values(), first.frame()), (decoded.values(), decoded.frame()));
        assert_eq!((first.len(), first.bytes(1)), (3, &[20; 4][..]));
        assert_eq!(files(&cache).len(), 1);

        // A picture of the same length whose change shows nowhere: only the cache can still have the old one.
        let old = fs::read(pictures.path(0)).unwrap();
        let new = grey_png(2, 2, &[11; 4]);
        assert_eq!(old.len(), new.len());
        replace_unnoticed(&pictures.path(0), &new);
        assert_eq!(open(&pictures, &cache), first);
        assert_eq!(pictures.decode_all(&PictureOptions::default()).unwrap().bytes(0), [11; 4]);
    }

    #[test]
    fn changed_pictures_options_and_lists_are_decoded_again() {
        let (folder, pictures) = pictures();
        let cache = folder.path().join("cache");
        open(&pictures, &cache);

        let later = SystemTime::now() + Duration::from_secs(5);
        File::options().write(true).open(pictures.path(0)).unwrap().set_modified(later).unwrap();
        open(&pictures, &cache);
        assert_eq!(files(&cache).len(), 2);

        replace_unnoticed(&pictures.path(0), &[grey_png(2, 2, &[11; 4]), vec![0]].concat());
        assert_eq!(open(&pictures, &cache).bytes(0), [11; 4]);
        assert_eq!(files(&cache).len(), 3);

        let pad = PictureOptions { fit: crate::data::pictures::PictureFit::Pad, ..PictureOptions::default() };
        pictures.open_cached(&pad, &cache).unwrap();
        assert_eq!(files(&cache).len(), 4);

        fs::rename(pictures.path(0), pictures.path(0).with_file_name("0.png")).unwrap();
        let renamed = Pictures::list(pictures.folder()).unwrap();
        open(&renamed, &cache);
        assert_eq!(files(&cache).len(), 5);
    }

    #[test]
    fn folders_with_equal_files_have_their_own_caches() {
        let (folder, pictures) = pictures();
        let cache = folder.path().join("cache");
        open(&pictures, &cache);
        let copy = folder.path().join("copy");
        for name in ["a", "b"] {
            fs::create_dir_all(copy.join(name)).unwrap();
        }
        for i in 0..pictures.len() {
            let path = copy.join(&pictures.entries[i].path);
            fs::write(&path, fs::read(pictures.path(i)).unwrap()).unwrap();
            let modified = fs::metadata(pictures.path(i)).unwrap().modified().unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        }
        open(&Pictures::list(&copy).unwrap(), &cache);
        assert_eq!(files(&cache).len(), 2);
    }

    #[test]
    fn a_damaged_cache_file_is_replaced() {
        let (folder, pictures) = pictures();
        let cache = folder.path().join("cache");
        let first = open(&pictures, &cache);
        let path = files(&cache).remove(0);
        let whole = fs::read(&path).unwrap();
        assert_eq!(whole.len(), HEADER + 12);
        let mut damaged = vec![vec![], whole[..HEADER - 1].to_vec(), whole[..whole.len() - 1].to_vec()];
        damaged.push([&whole[..], &[0]].concat());
        for at in [0, 8, 39, 40, 48, 52, HEADER - 1] {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x80;
            damaged.push(bytes);
        }
        for bytes in damaged {
            fs::write(&path, bytes).unwrap();
            assert_eq!(open(&pictures, &cache), first);
            assert_eq!(fs::read(&path).unwrap(), whole);
        }
    }

    #[test]
    fn threads_that_start_together_get_the_same_pixels() {
        let (folder, pictures) = pictures();
        let cache = folder.path().join("cache");
        let all: Vec<Pixels> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| open(&pictures, &cache))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(all.iter().all(|pixels| *pixels == all[0]));
        assert_eq!(files(&cache).len(), 1);
    }

    #[test]
    fn a_process_waits_for_the_one_that_decodes() {
        let (folder, pictures) = pictures();
        let cache = folder.path().join("cache");
        let first = open(&pictures, &cache);
        let path = files(&cache).remove(0);
        fs::remove_file(&path).unwrap();
        let decoding = lock(&path.with_extension("lock")).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| open(&pictures, &cache));
            std::thread::sleep(Duration::from_millis(50));
            assert!(!path.exists());
            drop(decoding);
            assert_eq!(waiting.join().unwrap(), first);
        });
    }

    #[test]
    fn a_missing_picture_and_a_cache_that_is_a_file_are_errors() {
        let (folder, pictures) = pictures();
        let blocked = folder.path().join("blocked");
        fs::write(&blocked, b"").unwrap();
        let error = pictures.open_cached(&PictureOptions::default(), &blocked).unwrap_err().to_string();
        assert!(error.contains("blocked"), "{error}");
        fs::remove_file(pictures.path(2)).unwrap();
        let cache = folder.path().join("cache");
        let error = pictures.open_cached(&PictureOptions::default(), &cache).unwrap_err().to_string();
        assert!(error.contains("3.png: cannot be read"), "{error}");
    }
}
