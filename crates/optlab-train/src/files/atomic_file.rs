//! Writes files either completely or not at all.

use crate::Error;
use std::io::Write;
use std::path::Path;

/// Writes `bytes` to a temporary file in the same folder and renames it to `path`, so that neither a full
/// disk nor a crash leaves half a file.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io), for example if the disk is full or the folder read-only.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The permissions of any new file, less the umask; a temporary file's own 0600 would hide results
        // from a colleague.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let created = builder.prefix(".writing-").tempfile_in(folder).map_err(without_temporary_name);
    let mut file = created.map_err(Error::io("write", path))?;
    file.write_all(bytes).map_err(Error::io("write", path))?;
    file.as_file().sync_all().map_err(Error::io("write", path))?;
    file.persist(path).map_err(|failure| Error::io("write", path)(failure.error))?;
    Ok(())
}

/// Returns an error of the crate `tempfile` without the name of the temporary file, which the user did not
/// choose.
pub(crate) fn without_temporary_name(error: std::io::Error) -> std::io::Error {
    let text = error.to_string();
    match text.split_once(" at path ") {
        Some((reason, _)) => std::io::Error::new(error.kind(), reason),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_else_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, b"first, and longer").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_an_error_that_names_the_file() {
        let error = write(Path::new("/nowhere/at/all.txt"), b"").unwrap_err().to_string();
        assert_eq!(error, "cannot write /nowhere/at/all.txt: No such file or directory (os error 2)");
    }
}
