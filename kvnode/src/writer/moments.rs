//! What tests may want to interrupt among the commands of a batch ([`crate::fail_points`]).

use hashring::NodeName;

use super::Waiter;
use crate::core::{Command, Outlook};

/// The moments of a batch; none in a program that is built to be used.
pub(super) fn of(batch: &[Command<Waiter>], me: &NodeName) -> Vec<String> {
    if cfg!(feature = "fail-points") {
        batch.iter().filter_map(|command| one(command, me)).collect()
    } else {
        Vec::new()
    }
}

fn one(command: &Command<Waiter>, me: &NodeName) -> Option<String> {
    match command {
        Command::Message(message, _) => Some(format!("target.{}", message.word())),
        Command::Page { .. } => Some("source.page".to_owned()),
        Command::Counted { side, .. } => Some(format!("{side:?}.count").to_lowercase()),
        Command::Beat(beat, _) => view(beat.outlook.as_ref()?, me),
        Command::Write(..) | Command::Answered { .. } => None,
    }
}

fn view(outlook: &Outlook, me: &NodeName) -> Option<String> {
    let phase = outlook.view.open.as_ref()?.phase;
    let is_source = outlook.moves.iter().any(|(from, ..)| from == me);
    let role = if is_source { "source" } else { "target" };
    Some(format!("{role}.view-{phase:?}").to_lowercase())
}
