//! `loadgen chart`

use std::path::PathBuf;

use clap::Args;

use super::{WELL, Wrong, failed, show, usage};
use crate::chart::{Chart, Shape, Steps, draw};
use crate::table::{self, Table};

/// What picture of which tables.
#[derive(Debug, Args)]
pub(crate) struct Picture {
    /// Tables, of `loadgen run` or of experiments; several are shown together
    #[arg(required = true, value_name = "FILE")]
    tables: Vec<PathBuf>,
    /// The column along the bottom
    #[arg(long, value_name = "COLUMN", default_value = "throughput")]
    x: String,
    /// The columns along the side
    #[arg(long, value_name = "COLUMN", default_value = "median_us", value_delimiter = ',')]
    y: Vec<String>,
    /// A line for each value of these columns
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    series: Vec<String>,
    /// Only rows with this value, COLUMN=VALUE
    #[arg(long, value_name = "CONDITION", value_parser = condition)]
    only: Vec<(String, String)>,
    /// Only rows with more than this, COLUMN=NUMBER: what is zero has no place on an axis of equal ratios
    #[arg(long, value_name = "CONDITION", value_parser = bound)]
    above: Vec<(String, f64)>,
    /// lines, curve (row after row), points, bars
    #[arg(long, default_value = "curve")]
    shape: Shape,
    /// Steps along the bottom: auto, linear, log
    #[arg(long, value_name = "STEPS", default_value = "auto")]
    x_steps: Steps,
    /// Steps along the side
    #[arg(long, value_name = "STEPS", default_value = "auto")]
    y_steps: Steps,
    /// What stands above it
    #[arg(long, default_value = "")]
    title: String,
    /// Where to put it
    #[arg(long, value_name = "FILE", default_value = "chart.svg")]
    out: PathBuf,
}

impl Picture {
    /// Draws it.
    pub(crate) fn carry_out(self) -> Result<u8, Wrong> {
        let mut all = Table::default();
        for path in &self.tables {
            all.add(table::read(path).map_err(failed)?);
        }
        let chart = Chart {
            title: self.title,
            shape: self.shape,
            x: self.x,
            y: self.y,
            series: self.series,
            only: self.only,
            above: self.above,
            x_steps: self.x_steps,
            y_steps: self.y_steps,
        };
        let svg = draw(&chart, &all).map_err(usage)?;
        std::fs::write(&self.out, svg).map_err(|error| failed(format!("{}: {error}", self.out.display())))?;
        show(&self.out.display().to_string())?;
        Ok(WELL)
    }
}

fn condition(text: &str) -> Result<(String, String), String> {
    let (column, value) = text.split_once('=').ok_or("write COLUMN=VALUE")?;
    Ok((column.to_owned(), value.to_owned()))
}

fn bound(text: &str) -> Result<(String, f64), String> {
    let (column, value) = condition(text).map_err(|_| "write COLUMN=NUMBER")?;
    Ok((column, value.parse().map_err(|_| format!("{value:?} is not a number"))?))
}
