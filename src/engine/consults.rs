//! Asking first (CH-07) from a page: the agent's own leg is used again, only whom he talks to changes.

use serde::{Deserialize, Serialize};

use super::{Actor, Engine, Refused};
use crate::{
    acd::PartEnd,
    base::{CallId, LegId, Now, UserId},
    switch::{Cause, Guest},
};

/// How an agent goes on from a private talk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsultStep {
    /// The customer and who was asked talk; the agent is out of it.
    Complete,
    /// Back to the customer, without who was asked or rings.
    Cancel,
    /// To the other one of the two, while this one waits.
    Swap,
    /// All three talk.
    Merge,
}

impl Engine {
    /// Rings somebody to be asked in private; the customer hears music from now on.
    pub(super) fn consult(&mut self, now: Now, call: CallId, by: UserId, to: &str) -> Result<(), Refused> {
        if self.is_asking(call) {
            return Err(Refused::not_now("consulting", "somebody is asked already"));
        }
        let leg =
            self.leg_for(call, Some(by)).ok_or_else(|| Refused::not_now("not_talking", "nobody talks in this call"))?;
        self.ask_first(now, call, leg, by, to)?;
        self.switch.set_held(leg, true);
        self.end_clip_at(leg);
        self.switch.sound_ringback(leg, true);
        Ok(())
    }

    /// Goes on from a private talk, which is that of who asked, and of supervisors.
    pub(super) fn consult_step(
        &mut self,
        now: Now,
        call: CallId,
        actor: Actor,
        step: ConsultStep,
    ) -> Result<(), Refused> {
        let asked = self.asked_leg(call);
        let asker = asked.map(|(_, with, _)| with).or_else(|| self.rings_to_ask(call).map(|(_, with)| with));
        let own = self.leg_for(call, self.acting_user(actor));
        if !actor.overrides() && asker.is_some_and(|asker| own != Some(asker)) {
            return Err(Refused::not_allowed(
                "not_yours",
                "the other one in this call asks somebody: it is for him to do this",
            ));
        }
        let Some((leg, with, talks)) = asked else {
            if step == ConsultStep::Cancel && self.stop_asking(now, call) {
                return Ok(());
            }
            return Err(Refused::not_now("not_consulting", "nobody has been asked who answers"));
        };
        match step {
            ConsultStep::Complete => {
                self.totals.transfers += 1;
                if let Some(note) = self.notes.get_mut(&call) {
                    note.part_end = Some(PartEnd::Transferred);
                }
                self.switch.set_guest(leg, Guest::Party);
                self.switch.replace_leg(now, with, Some(leg), Cause::NORMAL);
            }
            ConsultStep::Cancel => self.switch.drop_leg(now, leg, Cause::NORMAL),
            ConsultStep::Swap => self.switch.set_guest(leg, Guest::Consults { with, talks: !talks }),
            ConsultStep::Merge => self.switch.set_guest(leg, Guest::Party),
        }
        Ok(())
    }

    /// Who was asked has answered, or won't: the agent is in the talk again.
    pub(super) fn end_asking(&mut self, with: LegId) {
        self.switch.sound_ringback(with, false);
        self.switch.set_held(with, false);
    }

    pub(super) fn is_asking(&self, call: CallId) -> bool {
        self.asked_leg(call).is_some() || self.rings_to_ask(call).is_some()
    }

    /// The leg of who is asked, that of who asks, and whether they talk.
    fn asked_leg(&self, call: CallId) -> Option<(LegId, LegId, bool)> {
        self.switch.call(call)?.legs().find_map(|leg| match leg.guest()? {
            Guest::Consults { with, talks } => Some((leg.id(), with, talks)),
            Guest::Party | Guest::Listens | Guest::Whispers { .. } | Guest::Barges => None,
        })
    }
}
