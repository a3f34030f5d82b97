//! How offers end.

use std::rc::Rc;

use super::{Agent, Ban, Model, Ms, Ring, secs};
use crate::acd::{BanTime, DeviceChoice};

#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Fault {
    NoAnswer,
    /// The device gave up before its time was over.
    GaveUp,
    Declined,
    DeviceBusy,
    /// His device can't, and perhaps never will.
    Unable,
    /// This call is nothing for him.
    Unfit,
    Unreachable,
    /// The switch had no port to ask with.
    NoRoom,
}

impl Model {
    pub fn ring(&self, offer: u64) -> Option<Ring> {
        self.calls.values().flat_map(|call| &call.offers).find(|ring| ring.offer == offer).cloned()
    }

    /// Withdraws the agent's offer, or that for one queue, without blame.
    pub fn withdraw(&mut self, agent: u64, queue: Option<u64>) {
        let found = self.calls.values().find(|call| call.offers.iter().any(|ring| ring.agent == agent));
        let Some(call) = found.filter(|call| queue.is_none_or(|queue| call.queue == queue)).map(|call| call.id) else {
            return;
        };
        self.end_ring(call, agent);
        self.after(agent, None);
        self.back(call);
    }

    pub fn end_ring(&mut self, call: u64, agent: u64) {
        self.calls.get_mut(&call).expect("a call").offers.retain(|ring| ring.agent != agent);
        self.change(agent, |agent| agent.offer = None);
    }

    /// Back in its place, to be offered again at once.
    pub fn back(&mut self, call: u64) {
        let it = self.calls.get_mut(&call).expect("a call");
        if it.offers.is_empty() && it.connecting.is_none() {
            (it.step_due, it.next_step, it.alone) = (false, None, false);
            if std::mem::take(&mut it.veto_outlived) {
                it.vetoed.clear();
            }
            if it.expired {
                self.leave(call, "expired");
            }
        }
    }

    pub fn fail(&mut self, offer: u64, fault: Fault) {
        let Some(ring) = self.ring(offer) else { return };
        let call = self.calls.values().find(|call| call.offers.contains(&ring)).expect("a call").id;
        let rules = Rc::clone(&self.queues[&self.calls[&call].queue]);
        let now = self.now;
        let tried = &mut self.calls.get_mut(&call).expect("a call").tried;
        if !tried.contains(&ring.agent) && !matches!(fault, Fault::NoRoom) {
            tried.push(ring.agent);
        }
        let it = self.agent(ring.agent);
        match fault {
            Fault::NoAnswer => ban(it, now, rules.ban_secs),
            Fault::GaveUp => {
                ban(it, now, rules.ban_secs);
                ban(it, now, rules.reject_secs);
                it.not_before = Some(now + secs(1));
            }
            Fault::Declined => {
                ban(it, now, rules.reject_secs);
                it.not_before = Some(now + secs(1));
            }
            Fault::DeviceBusy => it.not_before = Some(now + secs(rules.busy_secs.max(1))),
            Fault::NoRoom => it.not_before = Some(now + secs(1)),
            Fault::Unfit => self.rule_out(call, ring.agent, 30),
            Fault::Unable => {
                let wait = rules.busy_secs.max(1);
                it.not_before = Some(now + secs(wait));
                self.rule_out(call, ring.agent, wait + 1);
            }
            Fault::Unreachable if is_one(&ring.device) => drop(it.pins.remove(&ring.device)),
            Fault::Unreachable => it.device = false,
        }
        self.end_ring(call, ring.agent);
        match fault {
            Fault::NoAnswer | Fault::GaveUp => self.missed(ring.agent, rules.missed_max),
            Fault::Declined if rules.reject_counts => self.missed(ring.agent, rules.missed_max),
            Fault::Declined | Fault::DeviceBusy | Fault::Unable | Fault::Unfit | Fault::NoRoom => {}
            Fault::Unreachable if is_one(&ring.device) => {}
            Fault::Unreachable => {
                let it = self.agent(ring.agent);
                if it.online && it.idle() && !it.page {
                    self.offline(ring.agent, false);
                }
                self.watch_presence(ring.agent);
            }
        }
        self.after(ring.agent, None);
        self.back(call);
    }

    /// One more offer missed in a row.
    pub fn missed(&mut self, agent: u64, most: u32) {
        self.change(agent, |it| {
            it.missed += 1;
            if most > 0 && it.missed >= most && it.ready {
                let pending = it.pending;
                it.choose(false);
                (it.missed, it.pending) = (0, pending);
            }
        });
    }

    /// At the phone, or at the page: then the phone rings on.
    pub fn answer(&mut self, offer: u64, engagement: u64, at_page: bool) {
        let Some(ring) = self.ring(offer) else { return };
        let now = self.now;
        let it = self.calls.values_mut().find(|call| call.offers.contains(&ring)).expect("a call");
        let (call, back) = (it.id, it.back);
        let losers: Vec<u64> = it.offers.iter().map(|ring| ring.agent).filter(|agent| *agent != ring.agent).collect();
        it.offers.clear();
        (it.connecting, it.engagement, it.next_step) = (Some(ring.agent), engagement, None);
        it.rang_until = ring.until;
        it.unpicked = at_page.then(|| ring.device.clone());
        it.connect_by = (!back).then(|| ring.until.max(now + 5_000));
        for loser in losers {
            self.change(loser, |it| it.offer = None);
            self.after(loser, None);
        }
        self.change(ring.agent, |it| {
            (it.offer, it.call, it.dials_back, it.missed) = (None, Some(call), back, 0);
            it.untouched = it.ready;
        });
    }
}

fn ban(agent: &mut Agent, now: Ms, time: BanTime) {
    agent.ban = match (time, agent.ban) {
        (BanTime::Secs(0), before) => before,
        (BanTime::Secs(_), Some(Ban::UntilManual)) | (BanTime::Word(_), _) => Some(Ban::UntilManual),
        (BanTime::Secs(length), None) => Some(Ban::Until(now + secs(length))),
        (BanTime::Secs(length), Some(Ban::Until(before))) => Some(Ban::Until(before.max(now + secs(length)))),
    };
}

/// Others of his devices may ring all the same.
fn is_one(device: &DeviceChoice) -> bool {
    !matches!(device, DeviceChoice::LastActive | DeviceChoice::All)
}
