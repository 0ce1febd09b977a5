use super::*;

#[test]
fn a_file_within_its_limit_is_read_and_a_larger_one_is_refused_with_its_size_and_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    std::fs::write(&path, "twelve bytes").unwrap();
    assert_eq!(read_text(&path, 12).unwrap(), "twelve bytes");
    let error = read(&path, 11).unwrap_err().to_string();
    assert!(
        error.ends_with("a.txt: has 12 bytes, more than the 11 that are read of a file of this kind"),
        "{error}"
    );
}

#[test]
fn a_sparse_file_of_a_terabyte_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.toml");
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    for result in [read(&path, SMALL).map(|_| ()), Lines::open(&path).map(|_| ())] {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("plan.toml: has 1099511627776 bytes, more than the "), "{error}");
    }
    assert_eq!(read_end(&path, 3).unwrap(), [0, 0, 0]);
}

#[test]
fn a_folder_and_a_missing_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = read(folder.path(), SMALL).unwrap_err();
    assert!(error.to_string().ends_with(": is a folder, not a file") && !is_missing(&error), "{error}");
    assert!(is_missing(&read(&folder.path().join("none"), SMALL).unwrap_err()));
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_are_refused_without_waiting_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), Path::new("/dev/zero"), Path::new("/dev/null")] {
        for result in [
            read(path, SMALL).map(|_| ()),
            read_end(path, 1).map(|_| ()),
            Lines::open(path).map(|_| ()),
            open_to_write(path, OpenOptions::new().append(true)).map(|_| ()),
        ] {
            let error = result.unwrap_err().to_string();
            assert!(error.ends_with(": is a pipe, a device or a socket, not a regular file"), "{error}");
        }
    }
    // A file that does not exist is created.
    let new = folder.path().join("new");
    open_to_write(&new, OpenOptions::new().create(true).append(true)).unwrap();
    assert!(new.is_file());
}

#[test]
fn a_file_that_is_not_utf_8_is_refused_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    std::fs::write(&path, b"ab\xffc").unwrap();
    let error = read_text(&path, SMALL).unwrap_err().to_string();
    assert!(error.ends_with("a.txt: is no text: byte 3 is not UTF-8"), "{error}");
}

#[test]
fn lines_are_numbered_and_keep_their_ends_and_an_endless_line_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    std::fs::write(&path, "one\n\ncut").unwrap();
    let mut lines = Lines::open(&path).unwrap();
    assert_eq!(lines.next_line().unwrap(), Some((1, b"one\n".as_slice())));
    assert_eq!(lines.next_line().unwrap(), Some((2, b"\n".as_slice())));
    assert_eq!(lines.next_line().unwrap(), Some((3, b"cut".as_slice())));
    assert_eq!(lines.next_line().unwrap(), None);

    std::fs::write(&path, format!("one\n{}\n", "x".repeat(LONGEST_LINE))).unwrap();
    let mut lines = Lines::open(&path).unwrap();
    lines.next_line().unwrap();
    let error = lines.next_line().unwrap_err().to_string();
    assert!(error.ends_with("a.jsonl: line 2 has more than 1048576 bytes"), "{error}");
    std::fs::write(&path, "x".repeat(LONGEST_LINE)).unwrap();
    assert_eq!(Lines::open(&path).unwrap().next_line().unwrap().unwrap().1.len(), LONGEST_LINE);
}
