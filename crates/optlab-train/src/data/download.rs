//! Files from the network: fetched, checked, and kept in a cache folder.

use crate::Error;
use crate::data::bundled::{self, unpack};
use crate::files::checksum;
use indicatif::{ProgressBar, ProgressStyle};
use optlab_core::bounded_file;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A file that has the same name on every mirror, and the checksum of its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct RemoteFile {
    pub data_set: &'static str,
    /// The name of the copy that is kept, without `.gz`.
    pub name: &'static str,
    /// The name on the mirrors, without `.gz`.
    pub remote: &'static str,
    /// How mirrors and copies hold it.
    pub packing: Packing,
    /// SHA-256 of the unpacked content, in lower-case hexadecimal digits.
    pub sha256: &'static str,
    /// Alternative that the error recommends to users without a network.
    pub alternative: &'static str,
}

/// How a file is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// As it is.
    Plain,
    /// By gzip, with `.gz` after its name.
    Gzip,
}

impl Packing {
    /// Returns what follows the name.
    fn suffix(self) -> &'static str {
        match self {
            Packing::Plain => "",
            Packing::Gzip => ".gz",
        }
    }
}

/// Download limit in bytes: no file of ours is larger, and a faulty server may send without end.
const LARGEST: u64 = 64 << 20;

impl RemoteFile {
    /// Returns the unpacked content: from `folder` if it has an intact copy, else from the first of `mirrors`
    /// (base addresses) that has one, which is then saved in `folder`.
    ///
    /// A copy gets its name only once it is complete and checked, so a broken download leaves nothing behind,
    /// and several processes may load the same file at once.
    ///
    /// # Errors
    /// [`Error::Download`] if no mirror has an intact copy; [`Io`](optlab_core::Error::Io) if `folder` cannot
    /// be written.
    pub fn load(&self, folder: &Path, mirrors: &[String], show_progress: bool) -> Result<Vec<u8>, Error> {
        let kept = folder.join(format!("{}{}", self.name, self.packing.suffix()));
        if let Ok(packed) = bounded_file::read(&kept, bundled::LARGEST)
            && let Ok(content) = self.unpack_and_check(&packed)
        {
            return Ok(content);
        }
        let mut failures = Vec::new();
        for mirror in mirrors {
            let url = self.url(mirror);
            let fetched = fetch(&url, self.name, show_progress);
            match fetched.and_then(|packed| Ok((self.unpack_and_check(&packed)?, packed))) {
                Ok((content, packed)) => {
                    keep(&packed, folder, &kept)?;
                    return Ok(content);
                }
                Err(reason) => failures.push((url, reason)),
            }
        }
        Err(self.failure(failures))
    }

    /// Does the same with the user's cache folder.
    ///
    /// # Errors
    /// As [`load`](Self::load); [`Error::Download`] for a user without a cache folder.
    pub fn load_from_cache(&self, mirrors: &[String], show_progress: bool) -> Result<Vec<u8>, Error> {
        let Some(cache) = dirs::cache_dir() else {
            let url = mirrors.first().map_or_else(String::new, |mirror| self.url(mirror));
            return Err(self.error(url, "this user has no cache folder to keep it in"));
        };
        self.load(&cache.join("optlab").join(self.data_set), mirrors, show_progress)
    }

    /// Returns the error that lists what went wrong at each address.
    fn failure(&self, failures: Vec<(String, String)>) -> Error {
        let mut failures = failures.into_iter();
        let (url, mut reason) =
            failures.next().unwrap_or_else(|| (self.name.into(), "no address is known".into()));
        for (url, other) in failures {
            reason = format!("{reason}; {url}: {other}");
        }
        self.error(url, reason)
    }

    /// Returns an [`Error::Download`] for this file.
    pub fn error(&self, url: impl Into<String>, reason: impl Into<String>) -> Error {
        Error::Download {
            data_set: self.data_set,
            url: url.into(),
            reason: reason.into(),
            alternative: self.alternative,
        }
    }

    /// Returns its address at `mirror`.
    pub fn url(&self, mirror: &str) -> String {
        format!("{}/{}{}", mirror.trim_end_matches('/'), self.remote, self.packing.suffix())
    }

    fn unpack_and_check(&self, packed: &[u8]) -> Result<Vec<u8>, String> {
        let content = match self.packing {
            Packing::Plain => packed.to_vec(),
            Packing::Gzip => unpack(Path::new(self.name), packed).map_err(|error| match error {
                Error::Data { reason, .. } => format!("the downloaded file {reason}"),
                error => error.to_string(),
            })?,
        };
        self.check(&content)?;
        Ok(content)
    }

    /// Compares the checksum of unpacked content with the expected one.
    pub fn check(&self, content: &[u8]) -> Result<(), String> {
        let sum = checksum::sha256(content);
        if sum == self.sha256 {
            Ok(())
        } else {
            Err(format!("wrong content: its SHA-256 is {sum}, not {}", self.sha256))
        }
    }
}

/// Returns the response body of `url`.
fn fetch(url: &str, name: &str, show_progress: bool) -> Result<Vec<u8>, String> {
    let address: ureq::http::Uri = url.parse().map_err(|error| format!("not an address: {error}"))?;
    let config = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        // The timeout of each read, not of the whole: a slow connection may take its time, a dead one may
        // not.
        .timeout_per_read(Some(Duration::from_secs(30)));
    let config = if is_this_machine(&address) { config.proxy(None) } else { config };
    let response = config.build().new_agent().get(address).call().map_err(|error| error.to_string())?;

    let body = response.into_body();
    let bar = progress_bar(body.content_length(), name, show_progress);
    let mut packed = Vec::new();
    let read = bar.wrap_read(body.into_with_config().limit(LARGEST).reader()).read_to_end(&mut packed);
    bar.finish_and_clear();
    read.map_err(|error| format!("broke off after {} bytes: {error}", packed.len()))?;
    Ok(packed)
}

/// Returns whether the host is this machine, which a proxy cannot reach.
fn is_this_machine(address: &ureq::http::Uri) -> bool {
    matches!(address.host(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

fn progress_bar(length: Option<u64>, name: &str, show_progress: bool) -> ProgressBar {
    if !show_progress {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
    bar.with_style(style).with_message(name.to_string())
}

/// Writes `packed` to a temporary file in `folder` and renames it to `path`.
fn keep(packed: &[u8], folder: &Path, path: &PathBuf) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let mut file = tempfile::Builder::new()
        .suffix(".part")
        .tempfile_in(folder)
        .map_err(Error::io("write into", folder))?;
    file.write_all(packed)
        .and_then(|()| file.as_file().sync_all())
        .map_err(Error::io("write", file.path()))?;
    file.persist(path).map_err(|error| Error::io("write", path)(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Shutdown, TcpListener};
    use std::thread;

    /// SHA-256 of the text `some digits\n`, by coreutils' `sha256sum`.
    const SUM: &str = "211c50ef184892fcd614452801d6aeecbbf8229375c1ce18d9468eaa0ab836f2";

    const FILE: RemoteFile = RemoteFile {
        data_set: "mnist",
        name: "digits-file",
        remote: "digits-file",
        packing: Packing::Gzip,
        sha256: SUM,
        alternative: "something else",
    };

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// Returns an HTTP response that promises `length` bytes and has `body`.
    fn answer(status: &str, length: usize, body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        [head.as_bytes(), body].concat()
    }

    fn good() -> Vec<u8> {
        let body = gzip(b"some digits\n");
        answer("200 OK", body.len(), &body)
    }

    /// Starts a local server that sends each of `answers` to one request, closes the connection, and stops
    /// after the last.
    ///
    /// Joining its thread returns the requested paths.
    fn server(answers: Vec<Vec<u8>>) -> (String, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/some/folder/", listener.local_addr().unwrap());
        let visits = thread::spawn(move || {
            let visit = |answer: Vec<u8>| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = vec![];
                let mut byte = [0];
                while !request.ends_with(b"\r\n\r\n") {
                    stream.read_exact(&mut byte).unwrap();
                    request.push(byte[0]);
                }
                stream.write_all(&answer).unwrap();
                stream.shutdown(Shutdown::Both).unwrap();
                let request = String::from_utf8(request).unwrap();
                request.split(' ').nth(1).unwrap().to_string()
            };
            answers.into_iter().map(visit).collect()
        });
        (url, visits)
    }

    fn files_in(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).map(|entries| entries.collect()).unwrap_or_else(|_| vec![]);
        entries
            .into_iter()
            .map(|entry: std::io::Result<_>| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_file_is_fetched_once_and_then_comes_from_the_folder() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("new/cache");
        let (url, visits) = server(vec![good()]);
        let content = FILE.load(&folder, std::slice::from_ref(&url), false).unwrap();
        assert_eq!(content, b"some digits\n");
        assert_eq!(visits.join().unwrap(), ["/some/folder/digits-file.gz"]);
        assert_eq!(files_in(&folder), ["digits-file.gz"]);
        // The server has stopped by now.
        assert_eq!(FILE.load(&folder, &[url], false).unwrap(), b"some digits\n");
        assert_eq!(FILE.load(&folder, &[], false).unwrap(), b"some digits\n");
    }

    #[test]
    fn a_broken_download_is_an_error_and_leaves_nothing_behind() {
        let foreign = gzip(b"other digits\n");
        let whole = gzip(b"some digits\n");
        let half = &whole[..whole.len() / 2];
        for (answer, reason) in [
            (answer("200 OK", foreign.len(), &foreign), "wrong content"),
            (answer("200 OK", half.len(), half), "cannot be unpacked"),
            (answer("200 OK", 5, b"hello"), "cannot be unpacked"),
            (answer("200 OK", whole.len(), half), "broke off after"),
            (answer("404 Not Found", 0, b""), "404"),
            (b"HTTP/1.1 200".to_vec(), ""),
            (vec![], ""),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let (url, visits) = server(vec![answer]);
            let error = FILE.load(folder.path(), &[url], false).unwrap_err();
            assert!(matches!(error, Error::Download { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains(reason) && text.contains("something else"), "{text}");
            assert!(text.contains("/some/folder/digits-file.gz"), "{text}");
            assert!(files_in(folder.path()).is_empty(), "{text}");
            visits.join().unwrap();
        }
    }

    #[test]
    fn a_refused_connection_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        // A port that was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = FILE.load(folder.path(), &[format!("http://127.0.0.1:{port}")], false).unwrap_err();
        assert!(matches!(error, Error::Download { .. }), "{error}");
        assert!(files_in(folder.path()).is_empty());
    }

    #[test]
    fn an_invalid_address_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for url in ["", "nonsense", "http://", "ftp://127.0.0.1/x", "http://a b"] {
            let error = FILE.load(folder.path(), &[url.into()], false).unwrap_err();
            assert!(matches!(error, Error::Download { .. }), "{error}");
        }
    }

    #[test]
    fn a_plain_file_is_kept_under_its_own_name() {
        let home = tempfile::tempdir().unwrap();
        let plain = RemoteFile { remote: "raw/input", packing: Packing::Plain, ..FILE };
        let (url, visits) = server(vec![answer("200 OK", 12, b"some digits\n")]);
        assert_eq!(plain.load(home.path(), &[url], false).unwrap(), b"some digits\n");
        assert_eq!(visits.join().unwrap(), ["/some/folder/raw/input"]);
        assert_eq!(files_in(home.path()), ["digits-file"]);
        let (url, visits) = server(vec![answer("200 OK", 5, b"other")]);
        std::fs::write(home.path().join("digits-file"), "damaged").unwrap();
        let error = plain.load(home.path(), &[url], false).unwrap_err().to_string();
        assert!(error.contains("wrong content"), "{error}");
        visits.join().unwrap();
    }

    #[test]
    fn the_next_mirror_is_tried_when_one_fails() {
        let folder = tempfile::tempdir().unwrap();
        let (bad, bad_visits) = server(vec![answer("500 Oh No", 0, b"")]);
        let (well, visits) = server(vec![good()]);
        assert_eq!(FILE.load(folder.path(), &[bad, well], false).unwrap(), b"some digits\n");
        assert_eq!((bad_visits.join().unwrap().len(), visits.join().unwrap().len()), (1, 1));

        let folder = tempfile::tempdir().unwrap();
        let (first, first_visits) = server(vec![answer("500 Oh No", 0, b"")]);
        let (second, second_visits) = server(vec![answer("403 Forbidden", 0, b"")]);
        let error =
            FILE.load(folder.path(), &[first.clone(), second.clone()], false).unwrap_err().to_string();
        for part in [&first, &second, "500", "403"] {
            assert!(error.contains(part), "{error}");
        }
        assert_eq!((first_visits.join().unwrap().len(), second_visits.join().unwrap().len()), (1, 1));
    }

    #[test]
    fn a_broken_copy_in_the_folder_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("digits-file.gz");
        std::fs::write(&path, &gzip(b"some digits\n")[..9]).unwrap();
        let (url, visits) = server(vec![good()]);
        assert_eq!(FILE.load(folder.path(), &[url], false).unwrap(), b"some digits\n");
        visits.join().unwrap();
        assert_eq!(std::fs::read(path).unwrap(), gzip(b"some digits\n"));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error_with_its_name() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("a file");
        std::fs::write(&folder, "in the way").unwrap();
        let (url, visits) = server(vec![good()]);
        let error = FILE.load(&folder, &[url], false).unwrap_err();
        visits.join().unwrap();
        assert!(
            matches!(error, Error::Core(optlab_core::Error::Io { .. }))
                && error.to_string().contains("a file"),
            "{error}"
        );
    }
}
