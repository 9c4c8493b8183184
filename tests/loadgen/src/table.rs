//! Tables in CSV files.

use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::path::Path;

use crate::record::Row;

/// A table that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// As many values in each as there are columns.
    pub rows: Vec<Vec<String>>,
}

/// Makes a file with the names of these columns; where there is one, it must have them.
///
/// # Errors
/// Where it cannot be written, or has other columns.
pub fn begin(path: &Path, columns: &Row) -> Result<(), String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let names = columns.iter().map(|(name, _)| name);
    if std::fs::metadata(path).is_ok_and(|found| found.len() > 0) {
        if !read(path)?.columns.iter().eq(names) {
            return Err(wrong(
                &"it has other columns, of another version or another kind of run; name a new file",
            ));
        }
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| wrong(&error))?;
    }
    write(path, [names])
}

/// Adds rows to a file, which is made where there is none.
///
/// # Errors
/// As [`begin`].
pub fn append(path: &Path, rows: &[Row]) -> Result<(), String> {
    if let Some(first) = rows.first() {
        begin(path, first)?;
    }
    write(path, rows.iter().map(|row| row.iter().map(|(_, value)| value)))
}

fn write<'a, R>(path: &Path, rows: impl IntoIterator<Item = R>) -> Result<(), String>
where
    R: IntoIterator<Item = &'a String>,
{
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(|error| wrong(&error))?;
    let mut writer = csv::Writer::from_writer(BufWriter::new(file));
    for row in rows {
        writer.write_record(row).map_err(|error| wrong(&error))?;
    }
    writer.flush().map_err(|error| wrong(&error))
}

/// Reads a file.
///
/// # Errors
/// Where it cannot be read, or is no table.
pub fn read(path: &Path) -> Result<Table, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut reader = csv::Reader::from_reader(File::open(path).map_err(|error| wrong(&error))?);
    let columns = reader.headers().map_err(|error| wrong(&error))?.iter().map(str::to_owned).collect();
    let rows = reader.records().map(|record| record.map(|fields| fields.iter().map(str::to_owned).collect()));
    Ok(Table { columns, rows: rows.collect::<Result<_, _>>().map_err(|error| wrong(&error))? })
}

impl Table {
    /// The place of a column.
    ///
    /// # Errors
    /// Where there is none of this name.
    pub fn column(&self, name: &str) -> Result<usize, String> {
        let place = self.columns.iter().position(|column| column == name);
        place.ok_or_else(|| format!("there is no column {name:?}; there are {}", self.columns.join(", ")))
    }

    /// Adds the rows of another table, whose columns may be fewer, more, or in another order.
    pub fn add(&mut self, other: Self) {
        for column in &other.columns {
            if !self.columns.contains(column) {
                self.columns.push(column.clone());
                self.rows.iter_mut().for_each(|row| row.push(String::new()));
            }
        }
        for row in other.rows {
            let value = |column: &String| {
                let place = other.columns.iter().position(|theirs| theirs == column);
                place.and_then(|place| row.get(place).cloned()).unwrap_or_default()
            };
            self.rows.push(self.columns.iter().map(value).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::row;

    #[test]
    fn what_was_written_is_read_whatever_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("table.csv");
        let odd = "a \"quoted\", part\nand a second line";
        append(&path, &[row([("name", odd.to_owned()), ("value", "1".to_owned())])]).unwrap();
        append(&path, &[row([("name", String::new()), ("value", "2".to_owned())])]).unwrap();
        let table = read(&path).unwrap();
        assert_eq!(table.columns, ["name", "value"]);
        assert_eq!(table.rows, [[odd, "1"], ["", "2"]]);
    }

    #[test]
    fn rows_with_other_columns_are_not_added_to_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        append(&path, &[row([("name", "a".to_owned())])]).unwrap();
        let refused = append(&path, &[row([("other", "b".to_owned())])]).unwrap_err();
        assert!(refused.contains("other columns"), "{refused}");
        assert_eq!(read(&path).unwrap().rows, [["a"]]);
    }

    #[test]
    fn tables_with_different_columns_become_one() {
        let table = |columns: [&str; 2], values: [&str; 2]| Table {
            columns: columns.map(str::to_owned).to_vec(),
            rows: vec![values.map(str::to_owned).to_vec()],
        };
        let mut sum = table(["a", "b"], ["1", "2"]);
        sum.add(table(["c", "a"], ["4", "3"]));
        assert_eq!(sum.columns, ["a", "b", "c"]);
        assert_eq!(sum.rows, [["1", "2", ""], ["3", "", "4"]]);
        assert!(sum.column("d").is_err());
    }
}
