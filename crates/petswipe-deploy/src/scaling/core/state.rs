//! The state of a scaling operation, folded from events.

use jiff::Timestamp;
use petswipe_runbook::InFlight;

use super::{Effect, Outcome, Seen};

/// Where it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Phase {
    /// Before the change: what is there?
    #[default]
    Looking,
    /// Command after command.
    Changing,
    /// All commands are accepted; until it is true, or until the deadline.
    Waiting {
        /// The deadline.
        until: Timestamp,
    },
    /// It ends half-way: what is left?
    Leaving {
        /// Why.
        why: String,
    },
}

/// The state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Where it is.
    pub phase: Phase,
    /// What the first look showed: what an undo goes back to.
    pub before: Option<Seen>,
    /// The commands.
    pub script: Vec<Effect>,
    /// How many of them are done.
    pub cursor: usize,
    /// What the last look showed.
    pub last: Option<Seen>,
    /// How it ended.
    pub ended: Option<Outcome>,
    /// Whether a command took effect, or may have.
    pub(super) changed: bool,
    /// Whether the present command may have taken effect already: then a look comes first.
    pub(super) unsure: bool,
    /// Failed attempts of the present command, and of the present look.
    pub(super) attempts: u32,
    pub(super) look_attempts: u32,
    /// Nothing is tried before then.
    pub(super) not_before: Option<Timestamp>,
    /// Whether the change of a database was seen under way, and how many looks in a row since showed nothing of it.
    pub(super) under_way: bool,
    pub(super) idle_looks: u32,
    pub(super) in_flight: InFlight<Effect>,
}

impl State {
    /// The command that comes next.
    pub fn current(&self) -> Option<&Effect> {
        self.script.get(self.cursor)
    }
}
