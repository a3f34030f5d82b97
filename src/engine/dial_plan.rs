//! What is dialled, in the words of whoever dials it, and whether he may (TK-07, SW-20).

use super::Engine;
use crate::{
    base::Dialled,
    switch::{LegParty, Routed},
};

/// What somebody dialled.
pub(super) struct Read {
    pub number: Dialled,
    /// He asked to be hidden, or shown, for this call.
    pub hides: Option<bool>,
}

impl Engine {
    /// A dialled user part as a number of ours, where the dialler's rules know it. `None` when nobody could dial that.
    pub(super) fn read_dialled(&self, by: LegParty, text: &str) -> Option<Read> {
        // Parameters of a number (RFC 3966) are not dialled.
        let text = text.split(';').next().unwrap_or_default();
        let (number, hides) = match by {
            LegParty::User(_) => self.directory.dial_plan.read(text),
            LegParty::Trunk(trunk) => match self.directory.trunks.get(&trunk) {
                Some(trunk) => (trunk.numbering.called_in(text), None),
                None => (text.into(), None),
            },
        };
        Some(Read { number: Dialled::new(&number)?, hides })
    }

    /// Where what somebody dialled leads him, inside a call that is going on: a transfer, a redirection.
    pub(super) fn route_dialled(&self, by: LegParty, text: &str) -> Option<Routed> {
        let read = self.read_dialled(by, text)?;
        self.directory.router.route(by, read.number.as_str())
    }
}
