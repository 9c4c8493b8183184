//! `keyway completions` and `keyway man`: the command line told to shells and to readers, from its own definitions.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::output::Output;
use super::{Cli, DONE, Failed, Outcome, WRONG};

/// Flags of `keyway completions`.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// For which shell
    shell: Shell,
}

/// Flags of `keyway man`.
#[derive(Debug, Args)]
pub(super) struct Man {
    /// Write keyway.1 and a page for each command into this folder, which is made if need be
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// `keyway completions`
pub(super) fn completions(asked: &Completions) -> Outcome {
    let mut text = Vec::new();
    clap_complete::generate(asked.shell, &mut Cli::command(), "keyway", &mut text);
    Output::show(String::from_utf8_lossy(&text).trim_end())?;
    Ok(DONE)
}

/// `keyway man`
pub(super) fn man(asked: &Man) -> Outcome {
    let Some(folder) = &asked.folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(|error| failed(&error))?;
        Output::show(String::from_utf8_lossy(&page).trim_end())?;
        return Ok(DONE);
    };
    std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder)).map_err(
        |error| {
            let message = format!("cannot write manual pages into {}: {error}", folder.display());
            Failed { code: WRONG, message }
        },
    )?;
    Ok(DONE)
}

fn failed(error: &std::io::Error) -> Failed {
    Failed { code: WRONG, message: format!("cannot make the manual page: {error}") }
}
