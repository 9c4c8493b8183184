//! The journals: a torn tail is cut off, damage is refused. fjall cannot tell them apart.
//!
//! A crash in the middle of a commit leaves a batch that is not whole at the very end of the newest journal. Nobody was
//! told of it, and it is cut off. Anything else that is not whole is damage, and batches behind it were acknowledged.
//! fjall 3.1 treats the two alike (its issue 311): where the broken bytes do not parse, it cuts off whatever follows,
//! acknowledged or not, without a word; where they do parse and the checksum is wrong, it refuses to open, also when
//! it is only a tail that a power cut left with a hole. So this tells them apart: a tail is cut off, damage is an error.
//!
//! fjall syncs each of our batches before it writes the next one, so only the last one can be torn.
//!
//! A journal is a row of batches and then zeros. A batch, integers little-endian: 1, count (u32), sequence number
//! (u64); the items, each 2, kind, compression, keyspace (u64), length of the key (u16), of the value (u32), of the
//! value as stored (u32), key, value, or else 4, keyspace (u64); 3, XXH3-64 of the items, `FJL` and 3.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Buf as _;
use xxhash_rust::xxh3::xxh3_64;

use super::Refusal;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const TRAILER: &[u8] = b"FJL\x03";

/// The journals, oldest first. Foreign names are left for fjall to complain about.
pub(super) fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        if let Some(number) = number.filter(|_| path.extension().is_some_and(|extension| extension == "jnl"))
        {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Whether nothing was ever written to it.
pub(super) fn is_empty(file: &Path) -> io::Result<bool> {
    Ok(without_zeros_at_the_end(&std::fs::read(file)?).is_empty())
}

/// Makes sure that all of the journal is whole batches, but for the tail of the newest one.
pub(super) fn look_over(file: &Path, is_newest: bool) -> Result<(), Refusal> {
    let failed = Refusal::io(file);
    let bytes = std::fs::read(file).map_err(&failed)?;
    // No batch ends with a zero.
    let used = without_zeros_at_the_end(&bytes);
    let (mut rest, mut last) = (used, 0);
    while let Some((number, behind)) = batch(rest) {
        (rest, last) = (behind, number);
    }
    if rest.is_empty() {
        return Ok(());
    }
    let at = used.len() - rest.len();
    if !is_newest || is_followed_by_a_batch(rest, last) {
        return Err(Refusal::Journal { file: file.to_owned(), at });
    }
    tracing::warn!(
        journal = %file.display(), at,
        "dropped an unfinished commit at the end of the journal: the node was stopped in the middle of it"
    );
    let cut = |journal: File| {
        journal.set_len(at as u64)?;
        journal.sync_all()
    };
    File::options().write(true).open(file).and_then(cut).map_err(failed)
}

/// A new journal is 64 MiB of zeros: compared in large pieces.
fn without_zeros_at_the_end(mut bytes: &[u8]) -> &[u8] {
    static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
    while let Some(shorter) = bytes.strip_suffix(&ZEROS) {
        bytes = shorter;
    }
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.get(..end).unwrap_or_default()
}

/// Whether a whole batch newer than `last` starts anywhere behind the first byte. Byte by byte, because what is broken
/// may be a length.
fn is_followed_by_a_batch(bytes: &[u8], last: u64) -> bool {
    (1..bytes.len())
        .filter(|&at| bytes.get(at) == Some(&START))
        .any(|at| bytes.get(at..).and_then(batch).is_some_and(|(number, _)| number > last))
}

/// The sequence number of the whole batch that `bytes` begins with, and what comes after it.
fn batch(mut bytes: &[u8]) -> Option<(u64, &[u8])> {
    if bytes.try_get_u8().ok()? != START {
        return None;
    }
    let count = bytes.try_get_u32_le().ok()?;
    let number = bytes.try_get_u64_le().ok()?;
    let items = bytes;
    for _ in 0..count {
        bytes = behind_item(bytes)?;
    }
    let items = items.get(..items.len() - bytes.len())?;
    if bytes.try_get_u8().ok()? != END {
        return None;
    }
    let sum = bytes.try_get_u64_le().ok()?;
    let behind = bytes.strip_prefix(TRAILER)?;
    (xxh3_64(items) == sum).then_some((number, behind))
}

fn behind_item(mut bytes: &[u8]) -> Option<&[u8]> {
    match bytes.try_get_u8().ok()? {
        ITEM => {
            let _kind = bytes.try_get_u8().ok()?;
            let _compression = bytes.try_get_u8().ok()?;
            let _keyspace = bytes.try_get_u64_le().ok()?;
            let key = usize::from(bytes.try_get_u16_le().ok()?);
            let _value = bytes.try_get_u32_le().ok()?;
            let stored = usize::try_from(bytes.try_get_u32_le().ok()?).ok()?;
            bytes.get(key.checked_add(stored)?..)
        }
        CLEAR => bytes.get(8..),
        _ => None,
    }
}
