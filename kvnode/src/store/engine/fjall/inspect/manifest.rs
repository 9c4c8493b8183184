//! The list of files that make up a keyspace.
//!
//! Each keyspace's folder has `v<N>`, which lists its tables, and `current`: N (u64, little-endian), XXH3-128 of
//! `v<N>` (u128), 0. lsm-tree 3.1 writes that checksum and does not look at it. A flipped bit in the list makes it
//! take tables for leftovers, and delete them; so does a lost `current`.

use std::path::Path;

use bytes::Buf as _;
use xxhash_rust::xxh3::xxh3_128;

use super::{Refusal, none_if_missing};

const CURRENT: &str = "current";

/// Checks every keyspace, fjall's own included.
pub(super) fn check_all(keyspaces: &Path) -> Result<(), Refusal> {
    let failed = Refusal::io(keyspaces);
    for entry in keyspaces.read_dir().map_err(&failed)? {
        let folder = entry.map_err(&failed)?.path();
        if folder.is_dir() {
            check(&folder)?;
        }
    }
    Ok(())
}

fn check(folder: &Path) -> Result<(), Refusal> {
    let failed = Refusal::io(folder);
    let current = folder.join(CURRENT);
    let Some(pointer) = none_if_missing(std::fs::read(&current)).map_err(&failed)? else {
        // Killed while it was being made; then it holds no data yet.
        return match holds_data(folder).map_err(&failed)? {
            true => Err(Refusal::Manifest { file: current, what: "missing" }),
            false => Ok(()),
        };
    };
    let damaged = |file| Refusal::Manifest { file, what: "damaged" };
    let mut rest = pointer.as_slice();
    let (Ok(number), Ok(sum), [0]) = (rest.try_get_u64_le(), rest.try_get_u128_le(), rest) else {
        return Err(damaged(current));
    };
    let manifest = folder.join(format!("v{number}"));
    match none_if_missing(std::fs::read(&manifest)).map_err(failed)? {
        Some(bytes) if xxh3_128(&bytes) == sum => Ok(()),
        Some(_) => Err(damaged(manifest)),
        None => Err(damaged(current)),
    }
}

fn holds_data(folder: &Path) -> std::io::Result<bool> {
    for name in ["tables", "blobs"] {
        if none_if_missing(folder.join(name).read_dir())?.is_some_and(|mut files| files.next().is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}
