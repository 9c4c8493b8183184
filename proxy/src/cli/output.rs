//! What is shown: tables, sizes, and the answers themselves.

use std::io::{self, IsTerminal, Write};

use super::{Failed, WRONG};

/// Where a command's answer goes.
pub(super) struct Output;

impl Output {
    /// Shows a line, or several.
    pub(super) fn show(text: &str) -> Result<(), Failed> {
        match writeln!(io::stdout(), "{text}") {
            // Whoever read our lines has seen enough: `keyway changes | head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
            Err(error) => Err(Failed { code: WRONG, message: format!("cannot write: {error}") }),
            Ok(()) => Ok(()),
        }
    }

    /// Says what is wrong, to whoever watches.
    pub(super) fn complain(text: &str) {
        // Nobody is left to tell.
        let _ = writeln!(io::stderr(), "keyway: {text}");
    }

    /// Whether somebody watches, so that a line may be drawn over the one before.
    pub(super) fn is_watched() -> bool {
        io::stderr().is_terminal()
    }

    /// Draws over the last line that was drawn.
    pub(super) fn redraw(text: &str) {
        // The rest of a longer line before is cleared.
        let _ = write!(io::stderr(), "\r{text}\x1b[K");
        let _ = io::stderr().flush();
    }

    /// Ends drawing.
    pub(super) fn end_drawing() {
        let _ = writeln!(io::stderr());
    }
}

/// Rows under a heading, each column as wide as its widest cell.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(heading: &[&str]) -> Self {
        Self { rows: vec![heading.iter().map(|cell| (*cell).to_owned()).collect()] }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Whether there is nothing below the heading.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// The text of it.
    pub(super) fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// A size in the unit that keeps it short: `1.5 GiB`.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
pub(super) fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let Some((unit, power)) = units.into_iter().find(|(_, power)| bytes >> power > 0) else {
        return format!("{bytes} B");
    };
    format!("{:.1} {unit}", bytes as f64 / f64::from(1_u32 << power))
}

/// A number that may be unknown.
pub(super) fn or_unknown(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let mut table = Table::new(&["NAME", "URL"]);
        table.row(vec!["n1".into(), "http://a".into()]);
        table.row(vec!["näher".into(), "http://b".into()]);
        assert_eq!(table.text(), "NAME   URL\nn1     http://a\nnäher  http://b");
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (8 << 20, "8.0 MiB"), (5 << 40, "5120.0 GiB")]
        {
            assert_eq!(size(bytes), text);
        }
    }
}
