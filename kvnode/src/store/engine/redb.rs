//! redb behind the trait: a copy-on-write B-tree in one file. The other engine that was measured; see docs/storage.md.

use std::fmt;
use std::path::{Path, PathBuf};

use ::redb::{Database, Durability, ReadTransaction, ReadableDatabase as _, TableDefinition};
use bytes::Bytes;

use super::{Batch, Bounds, Engine, EngineError, Entries, Limit, Options, Page, Source, Space, is_void};

/// redb behind the trait.
pub struct RedbEngine {
    database: Database,
    file: PathBuf,
    quick_repair: bool,
}

impl RedbEngine {
    /// Opens the database in `folder`, creating it where there is none. With `quick_repair` a commit syncs twice and
    /// opening after a crash is instant; without it a commit syncs once and opening walks the whole tree.
    ///
    /// # Errors
    /// [`EngineError`] in words for whoever starts a node.
    pub fn open(folder: &Path, options: &Options, quick_repair: bool) -> Result<Self, EngineError> {
        let file = folder.join("records.redb");
        if !file.try_exists().map_err(failed("open"))? {
            create(folder, &file)?;
        }
        let cache = usize::try_from(options.cache_bytes).unwrap_or(usize::MAX);
        let database = Database::builder().set_cache_size(cache).open(&file).map_err(failed("open"))?;
        Ok(Self { database, file, quick_repair })
    }
}

/// Under another name first: redb cannot open a file that it was killed over while making it.
fn create(folder: &Path, file: &Path) -> Result<(), EngineError> {
    let unfinished = file.with_extension("unfinished");
    std::fs::create_dir_all(folder).map_err(failed("open"))?;
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(EngineError::new("open", error));
        }
        _ => {}
    }
    let database = Database::create(&unfinished).map_err(failed("open"))?;
    let transaction = database.begin_write().map_err(failed("open"))?;
    for space in Space::ALL {
        transaction.open_table(table(space)).map_err(failed("open"))?;
    }
    transaction.commit().map_err(failed("open"))?;
    drop(database);
    std::fs::rename(unfinished, file).map_err(failed("open"))?;
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("open"))
}

impl fmt::Debug for RedbEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbEngine").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Engine for RedbEngine {
    fn commit(&self, batch: Batch) -> Result<(), EngineError> {
        let mut transaction = self.database.begin_write().map_err(failed("commit"))?;
        transaction.set_durability(Durability::Immediate).map_err(failed("commit"))?;
        transaction.set_quick_repair(self.quick_repair);
        for space in Space::ALL {
            let mut changes = batch.changes.iter().filter(|change| change.0 == space).peekable();
            if changes.peek().is_none() {
                continue;
            }
            let mut table = transaction.open_table(table(space)).map_err(failed("commit"))?;
            for (_, key, value) in changes {
                match value {
                    Some(value) => table.insert(key.as_ref(), value.as_ref()).map_err(failed("commit"))?,
                    None => table.remove(key.as_ref()).map_err(failed("commit"))?,
                };
            }
        }
        transaction.commit().map_err(failed("commit"))
    }

    fn snapshot(&self) -> Box<dyn Source> {
        Box::new(self.database.begin_read().map_err(|error| error.to_string()))
    }
}

impl Source for RedbEngine {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        get(&self.database.begin_read().map_err(failed("read"))?, space, key)
    }

    fn scan(&self, space: Space, bounds: Bounds<'_>, limit: Limit) -> Result<Entries, EngineError> {
        scan(&self.database.begin_read().map_err(failed("scan"))?, space, bounds, limit)
    }
}

/// A snapshot; one that could not be opened says so when it is read.
impl Source for Result<ReadTransaction, String> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        get(self.as_ref().map_err(|error| EngineError::new("read", error.clone()))?, space, key)
    }

    fn scan(&self, space: Space, bounds: Bounds<'_>, limit: Limit) -> Result<Entries, EngineError> {
        scan(self.as_ref().map_err(|error| EngineError::new("scan", error.clone()))?, space, bounds, limit)
    }
}

fn table(space: Space) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(space.name())
}

fn get(at: &ReadTransaction, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
    let table = at.open_table(table(space)).map_err(failed("read"))?;
    let value = table.get(key).map_err(failed("read"))?;
    Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
}

fn scan(
    at: &ReadTransaction,
    space: Space,
    bounds: Bounds<'_>,
    limit: Limit,
) -> Result<Entries, EngineError> {
    let mut page = Page::new(limit);
    if !is_void(bounds) {
        let table = at.open_table(table(space)).map_err(failed("scan"))?;
        let mut entries = table.range::<&[u8]>(bounds).map_err(failed("scan"))?;
        while page.has_room()
            && let Some(entry) = entries.next()
        {
            let (key, value) = entry.map_err(failed("scan"))?;
            if !page.push(Bytes::copy_from_slice(key.value()), Bytes::copy_from_slice(value.value())) {
                break;
            }
        }
    }
    Ok(page.entries)
}

fn failed<E: std::error::Error + Send + Sync + 'static>(what: &'static str) -> impl Fn(E) -> EngineError {
    move |error| EngineError::new(what, error)
}
