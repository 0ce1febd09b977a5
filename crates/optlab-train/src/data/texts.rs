//! Texts for models that predict the next character.

use crate::Error;
use crate::data::Source;
use crate::data::bundled::{LARGEST, bundled};
use crate::data::download::{Packing, RemoteFile};
use optlab_core::bounded_file;
use std::path::Path;

/// A text that language models are trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextName {
    /// The Jargon File 4.4.7, 1.6 million characters of English, which ships with the program.
    Jargon,
    /// Tiny Shakespeare, 1.1 million characters of plays.
    Shakespeare,
    /// 32,033 first names, one a line.
    Names,
}

const SHAKESPEARE: RemoteFile = RemoteFile {
    data_set: "shakespeare",
    name: "tinyshakespeare.txt",
    remote: "input.txt",
    packing: Packing::Plain,
    sha256: "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    alternative: "`jargon-gpt`, whose text ships with the program, or name a folder that has `tinyshakespeare.txt` \
                  with `--data-dir`",
};

const NAMES: RemoteFile = RemoteFile {
    data_set: "names",
    name: "names.txt",
    remote: "names.txt",
    packing: Packing::Plain,
    sha256: "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
    alternative: "`jargon-gpt`, whose text ships with the program, or name a folder that has `names.txt` with \
                  `--data-dir`",
};

impl TextName {
    /// Returns the text: the one that ships with the program, else from [`Source::data_dir`] if that is
    /// given, else from the user's cache folder, else from the network.
    ///
    /// # Errors
    /// [`Error::Data`] if the file in the user's folder is missing or another one; [`Error::Download`] if the
    /// network or the cache folder fails.
    pub fn load(self, source: &Source) -> Result<String, Error> {
        let (file, mirror) = match self {
            TextName::Jargon => {
                let file = bundled!("text/jargon.txt.gz");
                return text(Path::new(file.path), file.unpack()?);
            }
            TextName::Shakespeare => (
                &SHAKESPEARE,
                "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare",
            ),
            TextName::Names => (&NAMES, "https://raw.githubusercontent.com/karpathy/makemore/master"),
        };
        match &source.data_dir {
            Some(folder) => {
                let path = folder.join(file.name);
                let content = bounded_file::read(&path, LARGEST)?;
                file.check(&content).map_err(|reason| Error::Data { path: path.clone(), reason })?;
                text(&path, content)
            }
            None => {
                let content = file.load_from_cache(&[mirror.into()], source.show_progress)?;
                text(Path::new(file.name), content)
            }
        }
    }
}

fn text(path: &Path, content: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(content).map_err(|_| Error::Data { path: path.into(), reason: "is not UTF-8".into() })
}
