//! What the store promises, with the folder in every state that a crash can leave.

use std::fs;

use tempfile::TempDir;

use super::*;

fn first() -> View {
    View::first(Id(7), Id(8), 4096)
}

/// A folder whose file holds epoch 2, and that view.
fn used() -> (TempDir, View) {
    let data = TempDir::new().unwrap();
    let mut store = ViewStore::open(data.path()).unwrap();
    let second = first().successor();
    store.swap(0, &first()).unwrap();
    store.swap(1, &second).unwrap();
    (data, second)
}

fn load(data: &TempDir) -> Result<Option<View>, StoreError> {
    ViewStore::open(data.path()).unwrap().load()
}

#[test]
fn a_new_folder_holds_no_view() {
    let data = TempDir::new().unwrap();
    assert!(load(&data).unwrap().is_none());
}

#[test]
fn a_missing_folder_is_made() {
    let parent = TempDir::new().unwrap();
    assert!(ViewStore::open(&parent.path().join("a/b")).unwrap().load().unwrap().is_none());
}

#[test]
fn what_was_swapped_in_is_there_after_a_restart() {
    let (data, second) = used();
    assert_eq!(load(&data).unwrap(), Some(second));
}

#[test]
fn the_view_before_is_kept_beside() {
    let (data, _) = used();
    let previous = fs::read(data.path().join(folder::PREVIOUS)).unwrap();
    assert_eq!(format::decode(&previous), Ok(first()));
}

#[test]
fn a_folder_is_used_by_one_process_at_a_time() {
    let (data, _) = used();
    let store = ViewStore::open(data.path()).unwrap();
    let error = ViewStore::open(data.path()).unwrap_err();
    assert!(matches!(error, StoreError::Locked { holder: Some(pid), .. } if pid == std::process::id()));
    assert!(error.to_string().contains("another keyway is running on the data folder"), "{error}");
    drop(store);
    ViewStore::open(data.path()).unwrap();
}

#[test]
fn a_decision_from_another_view_is_refused() {
    let (data, second) = used();
    let mut store = ViewStore::open(data.path()).unwrap();
    let third = second.successor();
    assert!(matches!(store.swap(1, &third), Err(StoreError::Conflict { expected: 1, found: 2 })));
    assert!(matches!(store.swap(2, &second), Err(StoreError::NotSuccessor { epoch: 2, .. })));

    let mut sibling = third.clone();
    sibling.previous = Id(99);
    assert!(matches!(store.swap(2, &sibling), Err(StoreError::NotSuccessor { .. })));
    let mut stranger = third.clone();
    stranger.cluster = Id(99);
    assert!(matches!(store.swap(2, &stranger), Err(StoreError::NotSuccessor { .. })));

    store.swap(2, &third).unwrap();
    assert_eq!(store.load().unwrap(), Some(third));
}

#[test]
fn a_crash_at_any_step_of_a_swap_leaves_a_whole_view() {
    let third_of = |second: &View| format::encode(&second.successor()).unwrap();

    let (data, second) = used();
    let text = third_of(&second);
    fs::write(data.path().join(folder::NEXT), &text[..text.len() / 2]).unwrap();
    assert_eq!(load(&data).unwrap(), Some(second.clone()), "crash while the next view is written");

    fs::write(data.path().join(folder::NEXT), &text).unwrap();
    assert_eq!(load(&data).unwrap(), Some(second.clone()), "crash before the previous view is kept");

    fs::remove_file(data.path().join(folder::PREVIOUS)).unwrap();
    assert_eq!(load(&data).unwrap(), Some(second.clone()), "crash after the older view was dropped");

    fs::hard_link(data.path().join(folder::VIEW), data.path().join(folder::PREVIOUS)).unwrap();
    assert_eq!(load(&data).unwrap(), Some(second.clone()), "crash before the rename");

    let mut store = ViewStore::open(data.path()).unwrap();
    store.swap(2, &second.successor()).unwrap();
    assert_eq!(store.load().unwrap(), Some(second.successor()), "left-overs do not disturb the next swap");
}

#[test]
fn a_crash_during_the_very_first_swap_leaves_an_unused_folder() {
    let data = TempDir::new().unwrap();
    fs::write(data.path().join(folder::NEXT), "{\"form").unwrap();
    assert!(load(&data).unwrap().is_none());
}

#[test]
fn a_damaged_file_is_named_and_left_as_it_is() {
    let (data, _) = used();
    let path = data.path().join(folder::VIEW);
    let good = fs::read(&path).unwrap();
    fs::write(&path, &good[..good.len() - 10]).unwrap();
    let error = load(&data).unwrap_err();
    assert!(matches!(error, StoreError::Unusable { .. }));
    let message = error.to_string();
    assert!(message.contains(&path.display().to_string()) && message.contains("backup"), "{message}");
    assert_eq!(fs::read(&path).unwrap().len(), good.len() - 10);

    let mut store = ViewStore::open(data.path()).unwrap();
    assert!(store.swap(0, &first()).is_err(), "a swap does not overwrite what could not be read");
}

#[test]
fn a_lost_file_is_not_a_first_start() {
    let (data, _) = used();
    fs::remove_file(data.path().join(folder::VIEW)).unwrap();
    assert!(matches!(load(&data), Err(StoreError::Lost { remains: folder::PREVIOUS, .. })));
    let mut store = ViewStore::open(data.path()).unwrap();
    assert!(store.swap(0, &first()).is_err());
    drop(store);

    fs::remove_file(data.path().join(folder::PREVIOUS)).unwrap();
    assert!(load(&data).unwrap().is_none());
    fs::create_dir_all(data.path().join(folder::NODES).join("n1")).unwrap();
    let error = load(&data).unwrap_err();
    assert!(matches!(error, StoreError::Lost { remains: folder::NODES, .. }));
    assert!(error.to_string().contains("--data"), "{error}");
}

#[test]
fn a_swap_that_was_not_written_changes_nothing_and_may_be_tried_again() {
    let (data, second) = used();
    let mut store = ViewStore::open(data.path()).unwrap();
    // A folder in its place makes the temporary file impossible, for root too.
    fs::create_dir(data.path().join(folder::NEXT)).unwrap();
    let third = second.successor();
    assert!(matches!(store.swap(2, &third), Err(StoreError::NotWritten { .. })));
    assert_eq!(store.load().unwrap(), Some(second));

    fs::remove_dir(data.path().join(folder::NEXT)).unwrap();
    store.swap(2, &third).unwrap();
}

#[test]
fn a_failed_sync_is_final_until_a_restart() {
    let (data, second) = used();
    let mut store = ViewStore::open(data.path()).unwrap();
    let third = second.successor();
    // Everything can be written there, but not synced.
    std::os::unix::fs::symlink("/dev/null", data.path().join(folder::NEXT)).unwrap();
    assert!(matches!(store.swap(2, &third), Err(StoreError::Broken { .. })));

    fs::remove_file(data.path().join(folder::NEXT)).unwrap();
    assert!(matches!(store.swap(2, &third), Err(StoreError::Broken { .. })), "it is not tried again");
    assert!(matches!(store.load(), Err(StoreError::Broken { .. })));
    drop(store);
    assert_eq!(load(&data).unwrap(), Some(second));
}

#[test]
fn an_unwritable_place_is_named() {
    let parent = TempDir::new().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    let error = ViewStore::open(&file.join("data")).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }));
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
}
