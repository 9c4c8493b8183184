//! Reads a TOML file setting by setting and collects every mistake with its line and column.
//!
//! A program's configuration asks for each key that it knows; what is left over is an unknown key, refused with
//! the nearest known one as a suggestion. So the code that reads is the only list of keys there is:
//!
//! ```
//! use kvnode::config::source::Source;
//! use std::time::Duration;
//!
//! let source = Source::new("keyway.toml", "listen = \"127.0.0.1:5000\"\n[http]\ndrain = \"5s\"\n");
//! let (settings, outcome) = source.read(|file| {
//!     let listen = file.parsed("listen", str::parse::<std::net::SocketAddr>);
//!     let drain = file.table("http", |http| http.duration_in("drain", Duration::ZERO..=Duration::from_secs(60)));
//!     (listen, drain)
//! });
//! outcome.mistakes.or(()).unwrap();
//! assert_eq!(settings.1, Some(Duration::from_secs(5)));
//! ```
//!
//! Every question answers `None` both where the key is absent and where its value is wrong (a mistake is noted
//! then), so reading goes on to the end. Ask for every key on every path: a key that is asked for only sometimes
//! is unknown at other times.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::mistakes::{Mistakes, Place};
use super::units;

/// The text of a configuration file.
#[derive(Debug, Clone, Default)]
pub struct Source {
    name: String,
    text: String,
}

/// What came to light while a file was read.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What is wrong, in the order of the file.
    pub mistakes: Mistakes,
    /// Keys that were asked for and do not stand in the file, with their table: `http.drain`. A manual that is
    /// meant to show every key leaves this empty.
    pub absent: Vec<String>,
}

impl Source {
    /// A file's text under the name that mistakes are shown with.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// One mistake, where it cannot be read.
    pub fn open(path: &Path) -> Result<Self, Mistakes> {
        let name = path.display().to_string();
        std::fs::read_to_string(path).map(|text| Self::new(&*name, text)).map_err(|error| {
            let mut mistakes = Mistakes::default();
            mistakes.add(Place::Named(name), format!("the configuration file cannot be read: {error}"));
            mistakes
        })
    }

    /// Lets `read` ask for every key, then adds syntax errors and the keys that nobody asked for.
    pub fn read<T>(&self, read: impl FnOnce(&mut Reader<'_>) -> T) -> (T, Outcome) {
        let (table, errors) = DeTable::parse_recoverable(&self.text);
        let syntax: Vec<_> = errors
            .iter()
            .map(|error| (error.span().map_or(0, |span| span.start), error.message().to_owned()))
            .collect();
        let notes = Notes { source: self, found: RefCell::default(), absent: RefCell::default() };
        let mut reader = Reader::new(&notes, String::new(), table.into_inner());
        let value = read(&mut reader);
        reader.refuse_the_rest();
        (value, notes.outcome(syntax))
    }

    /// Line and column of a byte, both from 1.
    fn position(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (self.line(at), before[line_start..].chars().count() + 1)
    }

    fn line(&self, at: usize) -> usize {
        self.text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
    }
}

/// What all readers of one file write down together.
struct Notes<'a> {
    source: &'a Source,
    found: RefCell<Vec<Finding>>,
    absent: RefCell<Vec<String>>,
}

struct Finding {
    at: usize,
    message: String,
    /// That the key is unknown in its table.
    unknown: bool,
}

impl Notes<'_> {
    fn add(&self, at: usize, message: String, unknown: bool) {
        self.found.borrow_mut().push(Finding { at, message, unknown });
    }

    /// A line that is no TOML gives one mistake: what the recovering parser made of the line's rest is a guess.
    /// Below a broken `[header]` keys seem to be in the table before it, so then none is called unknown.
    fn outcome(self, syntax: Vec<(usize, String)>) -> Outcome {
        let broken: Vec<usize> = syntax.iter().map(|(at, _)| self.source.line(*at)).collect();
        let lines: Vec<&str> = self.source.text.lines().collect();
        let headers_hold = !broken
            .iter()
            .any(|line| lines.get(line - 1).is_some_and(|line| line.trim_start().starts_with('[')));
        let found = self.found.into_inner().into_iter();
        let guesses = |it: &Finding| broken.contains(&self.source.line(it.at)) || it.unknown && !headers_hold;
        let mut all = syntax;
        all.extend(found.filter(|it| !guesses(it)).map(|it| (it.at, it.message)));
        all.sort_by_key(|(at, _)| *at);
        let mut mistakes = Mistakes::default();
        for (at, message) in all {
            let (line, column) = self.source.position(at);
            mistakes.add(Place::File { name: self.source.name.clone(), line, column }, message);
        }
        Outcome { mistakes, absent: self.absent.into_inner() }
    }
}

/// One table of a file: each question takes its key out.
pub struct Reader<'a> {
    notes: &'a Notes<'a>,
    /// The table's own name with a dot behind it; empty for the file.
    prefix: String,
    left: BTreeMap<String, Entry<'a>>,
    asked: Vec<(&'static str, Option<usize>)>,
}

struct Entry<'a> {
    key_at: usize,
    value_at: usize,
    value: DeValue<'a>,
}

impl<'a> Reader<'a> {
    fn new(notes: &'a Notes<'a>, prefix: String, table: DeTable<'a>) -> Self {
        let left = table
            .into_iter()
            .map(|(key, value)| {
                let entry = Entry {
                    key_at: key.span().start,
                    value_at: value.span().start,
                    value: value.into_inner(),
                };
                (key.into_inner().into_owned(), entry)
            })
            .collect();
        Self { notes, prefix, left, asked: Vec::new() }
    }

    /// Whether the key stands there, right or wrong. Only before it is asked for.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.left.contains_key(key)
    }

    /// A string.
    pub fn string(&mut self, key: &'static str) -> Option<String> {
        self.parsed(key, |text| Ok::<_, String>(text.to_owned()))
    }

    /// A string that `parse` understands; its error is shown after the key.
    pub fn parsed<T, E: Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.value(key, "a string in quotes", |value| {
            Some(parse(value.as_str()?).map_err(|error| error.to_string()))
        })
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        self.value(key, "true or false", |value| value.as_bool().map(Ok))
    }

    /// A whole number within `range`.
    pub fn integer_in(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        self.value(key, "a whole number", |value| Some(within(integer(value)?, &range, u64::to_string)))
    }

    /// A size such as `"8MiB"`, or a whole number of bytes, within `range`.
    pub fn size_in(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        self.value(key, "a size such as \"8MiB\"", |value| {
            let size = match value {
                DeValue::String(text) => units::size(text),
                other => Ok(integer(other)?),
            };
            Some(size.and_then(|size| within(size, &range, |size| units::show_size(*size))))
        })
    }

    /// A duration such as `"10s"` within `range`.
    pub fn duration_in(&mut self, key: &'static str, range: RangeInclusive<Duration>) -> Option<Duration> {
        self.value(key, "a duration such as \"10s\"", |value| {
            let duration = units::duration(value.as_str()?);
            Some(duration.and_then(|duration| within(duration, &range, |it| units::show_duration(*it))))
        })
    }

    /// A list of strings.
    pub fn strings(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.value(key, "a list of strings in quotes", |value| {
            let texts = value.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
            Some(Ok(texts.collect::<Option<_>>()?))
        })
    }

    /// The table `[key]`; an empty one where the file has none, so that `read` is where its defaults are.
    pub fn table<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Reader<'_>) -> T) -> T {
        let table = self.value(key, "a table: [section]", |value| match value {
            DeValue::Table(table) => Some(Ok(table.clone())),
            _ => None,
        });
        // What is absent from an absent table is told by its own keys.
        self.notes.absent.borrow_mut().retain(|absent| *absent != format!("{}{key}", self.prefix));
        let mut inner = Reader::new(self.notes, format!("{}{key}.", self.prefix), table.unwrap_or_default());
        let value = read(&mut inner);
        inner.refuse_the_rest();
        value
    }

    /// Each of the tables `[[key]]`, in order.
    pub fn tables<T>(&mut self, key: &'static str, mut read: impl FnMut(&mut Reader<'_>) -> T) -> Vec<T> {
        let tables = self.value(key, "a list of tables: [[section]]", |value| {
            let tables = value.as_array()?.iter().map(|item| match item.get_ref() {
                DeValue::Table(table) => Some(table.clone()),
                _ => None,
            });
            Some(Ok(tables.collect::<Option<Vec<_>>>()?))
        });
        let mut read_one = |table| {
            let mut inner = Reader::new(self.notes, format!("{}{key}.", self.prefix), table);
            let value = read(&mut inner);
            inner.refuse_the_rest();
            value
        };
        tables.unwrap_or_default().into_iter().map(&mut read_one).collect()
    }

    /// Notes a mistake at the value of a key that was asked for, or at the top of the file where it is absent:
    /// for what is only seen once several settings are known.
    pub fn wrong(&self, key: &str, message: impl Display) {
        let at = self.asked.iter().find(|(name, _)| *name == key).and_then(|(_, at)| *at);
        self.notes.add(at.unwrap_or(0), format!("`{}{key}`: {message}", self.prefix), false);
    }

    /// Takes `key` out of the table and lets `take` read it: `None` = the wrong type, which `kind` then names.
    fn value<T>(
        &mut self,
        key: &'static str,
        kind: &str,
        take: impl FnOnce(&DeValue<'a>) -> Option<Result<T, String>>,
    ) -> Option<T> {
        let Some(entry) = self.left.remove(key) else {
            self.asked.push((key, None));
            self.notes.absent.borrow_mut().push(format!("{}{key}", self.prefix));
            return None;
        };
        self.asked.push((key, Some(entry.value_at)));
        match take(&entry.value) {
            Some(Ok(value)) => return Some(value),
            Some(Err(message)) => self.wrong(key, message),
            None => self.wrong(key, format!("this must be {kind}, not {}", describe(&entry.value))),
        }
        None
    }

    fn refuse_the_rest(&self) {
        for (key, entry) in &self.left {
            let hint = match nearest(key, self.asked.iter().map(|(name, _)| *name)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known keys here: {}", self.known()),
            };
            self.notes.add(entry.key_at, format!("unknown key `{}{key}`: {hint}", self.prefix), true);
        }
    }

    fn known(&self) -> String {
        let mut names: Vec<_> = self.asked.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.join(", ")
    }
}

fn within<T: PartialOrd>(
    value: T,
    range: &RangeInclusive<T>,
    show: impl Fn(&T) -> String,
) -> Result<T, String> {
    if range.contains(&value) {
        return Ok(value);
    }
    Err(format!("{} is outside {} to {}", show(&value), show(range.start()), show(range.end())))
}

fn integer(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the string \"{text}\""),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// The known name that a slip of the finger away stands for `key`.
#[must_use]
pub fn nearest(key: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    known
        .map(|name| (strsim::damerau_levenshtein(key, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
