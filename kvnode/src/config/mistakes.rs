//! What is wrong with a configuration: a list, so that one start shows every mistake, not only the first.

use std::fmt;

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A position in a file; line and column count from 1, columns in characters.
    File {
        /// The file, as the user named it.
        name: String,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// A flag of the command line or an environment variable, as the user writes it: `--listen`.
    Named(String),
    /// Nowhere: something is missing, or several settings do not fit together.
    Whole,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line, column } => write!(f, "{name}:{line}:{column}: "),
            Self::Named(name) => write!(f, "{name}: "),
            Self::Whole => Ok(()),
        }
    }
}

/// One thing that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands.
    pub place: Place,
    /// What is wrong, in words for the user.
    pub message: String,
}

impl Mistake {
    /// A mistake at `place`.
    #[must_use]
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.place, self.message)
    }
}

/// Everything that is wrong; shown one mistake a line, those of a file in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    /// Adds one.
    pub fn add(&mut self, place: Place, message: impl Into<String>) {
        self.0.push(Mistake::new(place, message));
    }

    /// Adds all of `result`'s mistakes and gives its value, where there is one.
    pub fn keep<T>(&mut self, result: Result<T, Self>) -> Option<T> {
        result.map_err(|more| self.0.extend(more.0)).ok()
    }

    /// `value`, unless something is wrong.
    ///
    /// # Errors
    /// The mistakes, where there are any.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
