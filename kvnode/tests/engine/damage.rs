//! Damaged files of the engine lead to clear errors, never to wrong values; a torn tail leads to neither.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use kvnode::store::engine::fjall::FjallEngine;
use kvnode::store::engine::{Batch, Engine as _, EngineError, Options, Source as _, Space};

use super::{all, small_fjall};

const BATCHES: u8 = 5;

/// A folder with [`BATCHES`] committed batches that are still in the journal: batch `n` puts 4000 bytes `n` under
/// key `n`. Answers the folder, its journal, and where each batch ends in it.
fn folder_with_a_journal() -> (tempfile::TempDir, PathBuf, Vec<usize>) {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("0.jnl");
    let mut ends: Vec<usize> = Vec::new();
    {
        let engine = small_fjall(folder.path());
        for number in 0..BATCHES {
            let mut batch = Batch::default();
            batch.put(Space::Records, vec![number], vec![number; 4000]);
            engine.commit(batch).unwrap();
            let mut bytes = vec![0; 10_000];
            let start = ends.last().copied().unwrap_or(0);
            File::open(&journal).unwrap().read_exact_at(&mut bytes, start as u64).unwrap();
            ends.push(start + bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1);
        }
    }
    // fjall makes it 64 MiB long; some zeros behind the last batch are enough here.
    let length = ends.last().unwrap() + 10_000;
    File::options().write(true).open(&journal).unwrap().set_len(length as u64).unwrap();
    (folder, journal, ends)
}

/// A folder with 300 records, some stored apart, most of them in tables.
fn folder_with_tables() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let engine = small_fjall(folder.path());
    for number in 0..300_u32 {
        let mut batch = Batch::default();
        let length = if number.is_multiple_of(20) { 5000 } else { 500 };
        batch.put(Space::Records, number.to_be_bytes().to_vec(), vec![number as u8; length]);
        engine.commit(batch).unwrap();
    }
    folder
}

fn change(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(file).unwrap();
    change(&mut bytes);
    std::fs::write(file, bytes).unwrap();
}

fn reopen(folder: &Path) -> Result<FjallEngine, EngineError> {
    FjallEngine::open(folder, &Options::default())
}

fn keys(engine: &FjallEngine) -> Vec<u8> {
    all(engine, Space::Records)
        .iter()
        .map(|(key, value)| {
            assert_eq!(*value, vec![key[0]; 4000]);
            key[0]
        })
        .collect()
}

#[test]
fn a_torn_last_batch_is_dropped_whole_and_the_others_stay() {
    type Tear = fn(&mut Vec<u8>, usize, usize);
    let tears: [(&str, Tear); 5] = [
        ("nothing after its first bytes", |bytes, start, _| bytes[start + 5..].fill(0)),
        ("half of it", |bytes, start, end| bytes[(start + end) / 2..].fill(0)),
        ("the end of the file", |bytes, start, end| bytes.truncate((start + end) / 2)),
        ("a hole in the middle of it", |bytes, start, end| bytes[start + 1000..end - 1000].fill(0)),
        ("a hole at its start", |bytes, start, _| bytes[start..start + 512].fill(0)),
    ];
    for (what, tear) in tears {
        let (folder, journal, ends) = folder_with_a_journal();
        let [.., start, end] = ends[..] else { panic!() };
        change(&journal, |bytes| tear(bytes, start, end));
        let engine = reopen(folder.path()).unwrap();
        assert_eq!(keys(&engine), [0, 1, 2, 3], "{what}");

        let mut batch = Batch::default();
        batch.put(Space::Records, vec![9], vec![9; 4000]);
        engine.commit(batch).unwrap();
        drop(engine);
        assert_eq!(keys(&reopen(folder.path()).unwrap()), [0, 1, 2, 3, 9], "{what}, then another write");
    }
}

#[test]
fn damage_before_an_acknowledged_batch_is_refused_and_left_as_it_is() {
    let (folder, journal, ends) = folder_with_a_journal();
    // In its head, its value, its checksum: some of these do not parse, some parse and are wrong.
    for at in [ends[0] + 2, ends[0] + 20, ends[0] + 300, ends[1] - 5, ends[1] - 1] {
        change(&journal, |bytes| bytes[at] ^= 0x10);
        let damaged = std::fs::read(&journal).unwrap();
        let said = reopen(folder.path()).unwrap_err().to_string();
        assert!(said.contains("0.jnl is damaged at byte") && said.contains(&ends[0].to_string()), "{said}");
        assert!(std::fs::read(&journal).unwrap() == damaged, "byte {at}: the file was changed");
        change(&journal, |bytes| bytes[at] ^= 0x10);
    }
    assert_eq!(keys(&reopen(folder.path()).unwrap()), [0, 1, 2, 3, 4]);
}

#[test]
fn a_flipped_byte_in_any_table_is_an_error_and_never_a_wrong_answer() {
    let folder = folder_with_tables();
    let files = files(folder.path(), &["tables", "blobs"]);
    assert!(files.len() >= 2, "nothing was written out: {files:?}");
    let (mut errors, mut tried) = (0, 0);
    for file in &files {
        let length = std::fs::metadata(file).unwrap().len() as usize;
        for at in (0..8).map(|part| part * (length - 1) / 7) {
            change(file, |bytes| bytes[at] ^= 0x04);
            tried += 1;
            errors += usize::from(read_everything(folder.path(), file, at));
            change(file, |bytes| bytes[at] ^= 0x04);
        }
    }
    assert!(errors * 2 > tried, "only {errors} of {tried} damaged files were noticed");
}

#[test]
fn a_damaged_or_lost_list_of_tables_is_refused_before_anything_is_deleted() {
    let folder = folder_with_tables();
    let lists: Vec<PathBuf> = files(folder.path(), &["0", "1", "2", "3"]);
    assert!(lists.len() >= 8, "{lists:?}");
    let tables = files(folder.path(), &["tables", "blobs"]);
    for list in lists {
        let name = list.file_name().unwrap().to_str().unwrap();
        let current = list.with_file_name("current");
        let number = u64::from_le_bytes(*std::fs::read(&current).unwrap().first_chunk().unwrap());
        if name != "current" && name != format!("v{number}") {
            continue;
        }
        let whole = std::fs::read(&list).unwrap();
        for at in 0..whole.len() {
            change(&list, |bytes| bytes[at] ^= 0x01);
            let said = reopen(folder.path()).unwrap_err().to_string();
            assert!(
                said.contains("is damaged: restore the data folder"),
                "{} at {at}: {said}",
                list.display()
            );
            std::fs::write(&list, &whole).unwrap();
        }
        // One that never held anything is made anew.
        let holds_data = !files(list.parent().unwrap(), &["tables", "blobs"]).is_empty();
        if holds_data {
            std::fs::remove_file(&list).unwrap();
            reopen(folder.path()).unwrap_err();
            std::fs::write(&list, &whole).unwrap();
        }
    }
    assert_eq!(files(folder.path(), &["tables", "blobs"]), tables);
    assert!(!read_everything(folder.path(), Path::new("nothing"), 0));
}

/// Whether an error was met; a wrong or missing value is a failure of the test.
fn read_everything(folder: &Path, damaged: &Path, at: usize) -> bool {
    let Ok(engine) = reopen(folder) else { return true };
    let mut met = false;
    for number in 0..300_u32 {
        match engine.get(Space::Records, &number.to_be_bytes()) {
            Err(_) => met = true,
            Ok(value) => {
                let length = if number.is_multiple_of(20) { 5000 } else { 500 };
                assert!(
                    value.is_some_and(|value| *value == vec![number as u8; length]),
                    "{} damaged at {at}: {number} is wrong",
                    damaged.display()
                );
            }
        }
    }
    met
}

#[test]
fn a_first_start_that_was_cut_short_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("lock"), "").unwrap();
    std::fs::write(folder.path().join("0.jnl"), [0; 1000]).unwrap();
    std::fs::create_dir(folder.path().join("keyspaces")).unwrap();
    std::fs::write(folder.path().join("version"), "").unwrap();
    reopen(folder.path()).unwrap();
}

#[test]
fn a_folder_that_has_lost_its_version_is_refused_and_left_as_it_is() {
    let (folder, journal, _) = folder_with_a_journal();
    let before = std::fs::read(&journal).unwrap();
    std::fs::remove_file(folder.path().join("version")).unwrap();
    reopen(folder.path()).unwrap_err();
    assert!(std::fs::read(&journal).unwrap() == before);
}

#[test]
fn a_database_in_use_is_refused_in_words_and_its_unfinished_commit_left_alone() {
    let (folder, journal, ends) = folder_with_a_journal();
    let _held = small_fjall(folder.path());
    File::options().write(true).open(&journal).unwrap().write_all_at(b"\x01\x02", ends[4] as u64).unwrap();
    let before = std::fs::read(&journal).unwrap();
    let said = reopen(folder.path()).unwrap_err().to_string();
    assert!(said.contains("is in use by another process"), "{said}");
    assert!(std::fs::read(&journal).unwrap() == before);
}

#[test]
fn a_value_that_the_engine_cannot_describe_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let engine = small_fjall(folder.path());
    let mut batch = Batch::default();
    batch.put(Space::Records, "short", "value");
    batch.put(Space::Records, vec![b'k'; 70_000], "value");
    engine.commit(batch).unwrap_err();
    assert_eq!(engine.get(Space::Records, b"short").unwrap(), None);
}

#[test]
fn an_older_journal_has_no_torn_tail() {
    let (folder, journal, ends) = folder_with_a_journal();
    File::options().write(true).open(&journal).unwrap().set_len(ends[4] as u64 - 100).unwrap();
    std::fs::write(folder.path().join("1.jnl"), [0; 100]).unwrap();
    let said = reopen(folder.path()).unwrap_err().to_string();
    assert!(said.contains("0.jnl is damaged at byte") && said.contains(&ends[3].to_string()), "{said}");
}

/// All files below folders of these names.
fn files(folder: &Path, within: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let parent = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        if path.is_dir() {
            found.extend(files(&path, within));
        } else if parent.is_some_and(|parent| within.contains(&parent)) {
            found.push(path);
        }
    }
    found.sort();
    found
}
