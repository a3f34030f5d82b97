//! The state as others see it.

use super::{CallStage, CallView, Counts, Engine, Happened, LegView, MenuView, Snapshot};
use crate::{
    acd,
    base::{AgentId, CallId, Now},
    switch::{LegParty, LegSide},
};

impl Engine {
    /// Everything that a page shows: all but the devices, of which there may be many thousands.
    pub fn snapshot(&self, now: Now) -> Snapshot {
        let mut ids: Vec<CallId> = self.notes.keys().copied().collect();
        ids.sort();
        Snapshot {
            sequence: self.sequence(),
            at: now.wall,
            acd: self.acd.snapshot(now),
            calls: ids.into_iter().filter_map(|call| self.call_view(call)).collect(),
            devices: Vec::new(),
            trunks: self.trunk_views(now.wall),
            counts: self.counts(),
        }
    }

    pub(super) fn snapshot_with_devices(&self, now: Now) -> Snapshot {
        Snapshot { devices: self.devices(), ..self.snapshot(now) }
    }

    /// Sizes and totals.
    pub fn counts(&self) -> Counts {
        let switch = self.switch.counts();
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        Counts {
            calls: number(switch.calls),
            legs: number(switch.legs),
            dialogs: number(switch.stack.usages),
            transactions: number(switch.stack.transactions),
            forwarding: number(switch.stack.proxied),
            bindings: number(self.registrar.len()),
            texts_underway: number(self.texts.len()),
            subscriptions: number(self.watching.len()),
            publications: number(self.watching.publications()),
            ports_free: number(switch.ports_free),
            ports_used: number(switch.ports_total - switch.ports_free.min(switch.ports_total)),
            timers: number(switch.timers + switch.stack.timers),
            waiting: number(self.waiting.len()),
            acd_repairs: self.acd.repairs_total(),
            ..self.totals
        }
    }

    /// How often each rule of an agent's life was applied since the start.
    pub fn rule_hits(&self) -> impl Iterator<Item = (acd::Rule, u64)> + '_ {
        self.acd.rule_hits()
    }

    pub(super) fn changed(&mut self, now: Now, call: CallId) {
        if let Some(view) = self.call_view(call) {
            self.live(now, Happened::Call(view));
        }
    }

    /// The agent who talks on in a call that a queue had given to another.
    fn took_over(&self, call: CallId) -> Option<AgentId> {
        self.notes.get(&call).filter(|note| note.queue.is_some() && note.interaction.is_none())?;
        self.switch.call(call)?.connected()?;
        match self.switch.leg(self.agent_leg(call)?)?.party() {
            LegParty::User(user) => self.directory.agent_of(user),
            LegParty::Trunk(_) => None,
        }
    }

    fn call_view(&self, call: CallId) -> Option<CallView> {
        let note = self.notes.get(&call)?;
        let sight = self.switch.call(call)?;
        let engaged = note.queue.as_ref().filter(|_| note.engagement.is_some()).and_then(|queue| queue.agent);
        let agent = engaged.or_else(|| self.took_over(call));
        let rings = sight.legs().any(|leg| leg.side() == LegSide::Called && !leg.is_answered());
        let stage = match (sight.connected(), note.interaction) {
            (_, Some(_)) if !note.connected => CallStage::Waiting,
            (Some(_), _) if note.transfer.is_some() => CallStage::Ringing,
            (Some(_), _) if sight.legs().any(|leg| leg.guest().is_none() && (leg.is_held() || leg.holds())) => {
                CallStage::Held
            }
            (Some(_), _) => CallStage::Talking,
            (None, Some(_)) => CallStage::Waiting,
            (None, None) if rings || sight.answered().is_none() => CallStage::Ringing,
            (None, None) => CallStage::Playing,
        };
        Some(CallView {
            call,
            direction: note.direction,
            trunk: note.trunk,
            caller: sight.caller().visible_number(),
            dialled: crate::base::Private::new(sight.dialled().to_string()),
            began: sight.began(),
            answered: sight.answered(),
            stage,
            menu: self.menu_view(call).map(|(menu, since)| MenuView { menu, since }),
            queue: note.queue.as_ref().map(|queue| queue.queue),
            interaction: note.interaction,
            agent,
            direct: self.direct_of(call).collect(),
            recording: self.recording_view(call),
            asking: self.is_asking(call),
            legs: sight
                .legs()
                .map(|leg| LegView {
                    leg: leg.id(),
                    side: leg.side(),
                    party: leg.party(),
                    address: leg.address().clone(),
                    answered: leg.is_answered(),
                    holds: leg.holds(),
                    guest: leg.guest(),
                    muted: leg.is_muted(),
                    gain_db: leg.gain_db(),
                    held: leg.is_held(),
                })
                .collect(),
        })
    }
}
