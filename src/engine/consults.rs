//! Asking first (CH-07) and holding (CH-02) from a page: the agent's own leg is used again, only whom he talks to changes.

use serde::{Deserialize, Serialize};

use super::{Engine, Happened, PageTold, Refused, drive::Timer};
use crate::{
    base::{CallId, LegId, Now, UserId},
    media::{Source, Tone},
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
    /// The agent's side of a call waits, and the other hears music; or both talk on.
    pub(super) fn hold(&mut self, now: Now, call: CallId, held: bool) -> Result<(), Refused> {
        let leg = self.agent_leg(call).ok_or_else(|| Refused::not_now("not_talking", "nobody talks in this call"))?;
        if self.is_asking(call) {
            return Err(Refused::not_now("consulting", "end the private talk first"));
        }
        if self.hold_leg(now, leg, held) {
            return Ok(());
        }
        Err(Refused::not_now("codec", "somebody in this call speaks a codec that can't be decoded here"))
    }

    /// One leg waits, or talks on. False: it can't.
    pub(super) fn hold_leg(&mut self, now: Now, leg: LegId, held: bool) -> bool {
        let done = self.switch.set_held(leg, held);
        let time = self.directory.hold_recall;
        if held && done && !time.is_zero() {
            self.timers.set(Timer::HoldLong(leg), now.mono + time);
        } else if !held {
            self.timers.cancel(Timer::HoldLong(leg));
        }
        done
    }

    /// CH-02: whoever has had somebody on hold for long hears so, and his page shows it.
    pub(super) fn on_hold_long(&mut self, now: Now, leg: LegId) {
        let Some(sight) = self.switch.leg(leg).filter(|leg| leg.is_held()) else { return };
        let (call, page) = (sight.call(), sight.page());
        if self.is_asking(call) {
            return;
        }
        self.switch.play_over(leg, Source::Tone(Tone::Beep));
        if let Some(page) = page {
            self.tell_page(page, PageTold::HeldLong { leg });
        }
        self.live(now, Happened::HeldLong { call, leg });
        self.timers.set(Timer::HoldLong(leg), now.mono + self.directory.hold_recall);
    }

    /// Rings somebody to be asked in private; the customer hears music from now on.
    pub(super) fn consult(&mut self, now: Now, call: CallId, by: UserId, to: &str) -> Result<(), Refused> {
        if self.is_asking(call) {
            return Err(Refused::not_now("consulting", "somebody is asked already"));
        }
        let leg = self.agent_leg(call).ok_or_else(|| Refused::not_now("not_talking", "nobody talks in this call"))?;
        self.ask_first(now, call, leg, by, to)?;
        self.switch.set_held(leg, true);
        self.switch.sound_ringback(leg, true);
        Ok(())
    }

    /// Goes on from a private talk.
    pub(super) fn consult_step(&mut self, now: Now, call: CallId, step: ConsultStep) -> Result<(), Refused> {
        let asked = self.asked_leg(call);
        let Some((leg, with, talks)) = asked else {
            if step == ConsultStep::Cancel && self.stop_asking(now, call) {
                return Ok(());
            }
            return Err(Refused::not_now("not_consulting", "nobody has been asked who answers"));
        };
        match step {
            ConsultStep::Complete => {
                self.totals.transfers += 1;
                self.switch.set_guest(leg, Guest::Party);
                self.switch.replace_party(now, with, Some(leg), Cause::NORMAL);
            }
            ConsultStep::Cancel => self.switch.drop_party(now, leg, Cause::NORMAL),
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
