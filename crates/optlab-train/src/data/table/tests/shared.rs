//! Tables that one process reads and others take.

use super::{file, kinds};
use crate::data::table::{Kind, ReadOptions, Table};
use std::path::Path;

/// A column of each kind, with missing values.
const CONTENT: &str =
    "n,c,b,d,i,t,o\n1.5,x,yes,2024-02-29,a1,long,1\n,,,,,,2\n-2,y,no,2023-01-01,a2,text,3\n";

fn options() -> ReadOptions {
    kinds(&[("i", Kind::Identifier), ("t", Kind::Text), ("o", Kind::Ignore)])
}

fn shared(path: &Path, folder: &Path) -> Option<Table> {
    Table::read_shared(path, &options(), folder)
}

#[test]
fn a_shared_table_is_the_one_that_was_read() {
    let (folder, path) = file(CONTENT.as_bytes());
    let cache = folder.path().join("cache");
    assert!(shared(&path, &cache).is_none());
    let table = Table::read(&path, &options()).unwrap();
    table.share(&options(), &cache).unwrap();
    // As text, because a missing number is NaN.
    assert_eq!(format!("{:?}", shared(&path, &cache).unwrap()), format!("{table:?}"));
    assert!(Table::read_shared(&path, &ReadOptions::default(), &cache).is_none());
}

#[test]
fn a_shared_table_that_changed_or_is_damaged_is_not_taken() {
    let (folder, path) = file(CONTENT.as_bytes());
    let cache = folder.path().join("cache");
    Table::read(&path, &options()).unwrap().share(&options(), &cache).unwrap();
    let kept = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&kept).unwrap();
    for length in [0, 7, 39, 40, 60, whole.len() - 1] {
        std::fs::write(&kept, &whole[..length]).unwrap();
        assert!(shared(&path, &cache).is_none(), "{length} of {} bytes", whole.len());
    }
    std::fs::write(&kept, &whole).unwrap();
    assert!(shared(&path, &cache).is_some());
    std::fs::write(&path, CONTENT.replace("1.5", "1.25")).unwrap();
    assert!(shared(&path, &cache).is_none());
    // The next version takes the place of the first.
    Table::read(&path, &options()).unwrap().share(&options(), &cache).unwrap();
    assert!(shared(&path, &cache).is_some());
    assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 1);
}
