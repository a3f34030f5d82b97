//! Who is on duty: shifts and breaks as they are written.

use super::{
    super::scenario::{BREAK, Span},
    Play,
};
use crate::{
    acd::{Actor, Channel, Selection},
    base::{AgentId, Instant},
};

/// What shifts and breaks want of an agent at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    Off,
    Works,
    Pauses,
}

impl Play<'_> {
    /// Shifts and breaks are looked at together, so that those which meet in one moment don't depend on their order: who goes
    /// home as his break ends takes no call in between.
    pub(super) fn take_up(&mut self, agent: AgentId) {
        let Some(group) = self.persons.get(&agent).and_then(|person| self.scenario.groups.get(person.group)) else {
            return;
        };
        let duty = if !(group.shifts.is_empty() || self.is_in(&group.shifts)) {
            Duty::Off
        } else if self.is_in(&group.breaks) {
            Duty::Pauses
        } else {
            Duty::Works
        };
        let Some(person) = self.persons.get_mut(&agent) else { return };
        let before = std::mem::replace(&mut person.duty, duty);
        if before == duty {
            return;
        }
        if before == Duty::Off {
            self.acd.handle_device(self.now, agent, false);
            self.acd.handle_device(self.now, agent, true);
        }
        match duty {
            Duty::Works => self.select(agent, Selection::Ready),
            Duty::Pauses => self.select(agent, Selection::not_ready(BREAK)),
            Duty::Off => {
                // What rings is nothing for him any more; a call that is under way is brought to its end.
                self.select(agent, Selection::not_ready(BREAK));
                let _ = self.acd.sign_out(self.now, agent, Actor::Agent(agent));
            }
        }
    }

    fn is_in(&self, spans: &[Span]) -> bool {
        let minute = self.now.mono.since(Instant::from_micros(1_000_000)).as_secs() / 60;
        spans.iter().any(|span| (u64::from(span.from.minutes())..u64::from(span.to.minutes())).contains(&minute))
    }

    fn select(&mut self, agent: AgentId, selection: Selection) {
        let _ = self.acd.select(self.now, agent, Channel::Voice, selection, Actor::Agent(agent));
    }
}
