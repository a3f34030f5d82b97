//! What agents, and supervisors for them, choose; who is there; who belongs where.

use super::{Direct, Doing, Model, Pending, Place, Standing, agent::WrapUp};
use crate::acd::{DeviceChoice, DirectKind};

/// How long a page and a phone may both stay away.
const GRACE: u64 = 30_000;

impl Model {
    fn come_online(&mut self, id: u64, ready: bool) {
        let now = self.now;
        if self.agents[&id].online {
            return;
        }
        self.change(id, |it| {
            (it.online, it.lost, it.missed) = (true, false, 0);
            (it.ban, it.not_before) = (None, None);
            if !it.handled {
                it.idle_since = now;
            }
            it.choose(ready);
        });
    }

    pub fn offline(&mut self, id: u64, lost: bool) {
        self.change(id, |it| {
            (it.online, it.page, it.lost, it.was_lost) = (false, false, false, lost);
            (it.pending, it.over_activity, it.missed) = (None, false, 0);
            (it.ban, it.not_before) = (None, None);
            (it.grace, it.inactive, it.prompted) = (None, None, false);
        });
    }

    pub fn device(&mut self, id: u64, there: bool) {
        let it = self.agent(id);
        if it.device == there {
            return;
        }
        it.device = there;
        if !there {
            self.unreachable_while_it_rings(id)
        } else if self.heeds_phones {
            self.come_online(id, true)
        }
        self.watch_presence(id);
    }

    /// Phones are enough from now on: whose is there already is there.
    pub fn heed_phones(&mut self) {
        let there: Vec<u64> = self.agents.values().filter(|it| it.device).map(|it| it.id).collect();
        let offline = there.iter().any(|id| !self.agents[id].online);
        self.saw("a phone counted that was there already", offline);
        there.into_iter().for_each(|id| self.come_online(id, true));
    }

    /// One of the devices that memberships pin comes or goes: what rings there then, rings there no more.
    pub fn pin(&mut self, id: u64, device: &DeviceChoice, there: bool) {
        let pins = &mut self.agent(id).pins;
        let changed = if there { pins.insert(device.clone()) } else { pins.remove(device) };
        let rings = self.calls.values().flat_map(|call| &call.offers).find(|ring| ring.agent == id);
        if changed && !there && rings.is_some_and(|ring| ring.device == *device) {
            self.withdraw(id, None);
        }
        if changed && !there {
            self.unpicked_lost(id, Some(device));
        }
    }

    pub fn choose_device(&mut self, id: u64, queue: u64, device: Option<DeviceChoice>) {
        self.agent(id).places.get_mut(&queue).expect("a place").chosen = device;
    }

    pub fn sign_in(&mut self, id: u64) {
        let it = self.agent(id);
        (it.page, it.page_open) = (true, true);
        self.come_online(id, false);
        self.activity(id);
        self.watch_presence(id);
    }

    /// The page's socket opens or closes.
    pub fn session(&mut self, id: u64, open: bool) {
        let it = self.agent(id);
        let was = std::mem::replace(&mut it.page_open, open);
        if open && !it.online && it.was_lost {
            it.page = true;
            self.come_online(id, false);
            self.activity(id);
        } else if was && !open {
            self.unreachable_while_it_rings(id);
        }
        self.watch_presence(id);
    }

    fn unreachable_while_it_rings(&mut self, id: u64) {
        if !self.agents[&id].device {
            self.withdraw(id, None);
            self.unpicked_lost(id, None);
        }
    }

    pub fn watch_presence(&mut self, id: u64) {
        let (now, heeds_phones) = (self.now, self.heeds_phones);
        let it = self.agent(id);
        if it.online && it.present(heeds_phones) {
            (it.lost, it.grace) = (false, None);
        } else if it.online && !it.lost && it.grace.is_none() {
            it.grace = Some(now + GRACE);
        }
    }

    pub fn grace_over(&mut self, id: u64) {
        let it = self.agent(id);
        it.grace = None;
        if it.idle() { self.offline(id, true) } else { it.lost = true }
    }

    /// He did something at his page.
    pub fn activity(&mut self, id: u64) {
        let until = self.now + self.inactive.0;
        let it = self.agent(id);
        it.prompted = false;
        it.inactive = (it.online && it.page).then_some(until);
    }

    pub fn inactive(&mut self, id: u64) {
        let until = self.now + self.inactive.1;
        let it = self.agent(id);
        if !it.online || !it.idle() {
            self.activity(id);
        } else if it.prompted {
            self.change(id, |it| it.choose(false));
            self.offline(id, false);
        } else {
            (it.prompted, it.inactive) = (true, Some(until));
        }
    }

    pub fn sign_out(&mut self, id: u64) {
        let it = self.agent(id);
        match (it.online, it.idle()) {
            (false, _) => {}
            (true, true) => self.offline(id, false),
            (true, false) => it.pending = Some(Pending::LogOff),
        }
    }

    pub fn force_offline(&mut self, id: u64) {
        if !self.agents[&id].online {
            return;
        }
        self.agent(id).pending = Some(Pending::LogOff);
        self.withdraw(id, None);
        self.wrap_ups_over(id);
        self.after(id, None);
    }

    pub fn ready(&mut self, id: u64) {
        let finishes = self.agents[&id].only_wraps_up();
        self.become_ready(id, finishes);
    }

    fn become_ready(&mut self, id: u64, finishes: bool) {
        self.change(id, |it| {
            (it.missed, it.ban, it.not_before) = (0, None, None);
            it.choose(true);
        });
        let together = self.agents[&id].places.iter().filter(|(_, place)| place.together && !place.leaving);
        for queue in together.map(|(queue, _)| *queue).collect::<Vec<_>>() {
            self.stand(id, queue, Standing::Active);
        }
        if finishes {
            self.wrap_ups_over(id);
        }
    }

    pub fn not_ready(&mut self, id: u64) {
        let it = &self.agents[&id];
        let busy = it.call.is_some() || it.has(Doing::Talks) || it.has(Doing::Dials);
        let rings = !busy && (it.offer.is_some() || it.has(Doing::Rings));
        let ends = it.wrap_ups.iter().any(|it| it.queue.is_some_and(|queue| self.queues[&queue].not_ready_ends_acw));
        let (wraps_up, immediate) = (it.only_wraps_up(), self.immediate);
        self.change(id, |it| {
            it.missed = 0;
            if rings || it.idle() || wraps_up && ends {
                it.choose(false);
            } else if immediate {
                it.choose(false);
                it.over_activity = true;
            } else {
                it.pending = Some(Pending::NotReady);
            }
        });
        if rings {
            self.withdraw(id, None);
        }
        if wraps_up && ends {
            self.wrap_ups_over(id);
        }
    }

    pub fn dnd(&mut self, id: u64, on: bool) {
        self.change(id, |it| it.dnd = on);
        if on {
            self.withdraw(id, None);
        }
    }

    /// A supervisor chooses: the queues see it as the agent's own choice.
    pub fn set_status(&mut self, id: u64, ready: bool, force: bool, locked: bool) {
        if ready {
            // Beside whatever rings past the queues.
            self.become_ready(id, !self.agents[&id].wrap_ups.is_empty());
        } else {
            self.not_ready(id)
        }
        self.change(id, |it| {
            it.locked = locked;
            it.dnd &= !(ready && force);
        });
    }

    /// A call that came through no queue rings at him, is dialled by him, or is answered.
    pub fn direct(&mut self, id: u64, call: u64, kind: DirectKind, doing: Doing) {
        if doing != Doing::Rings {
            self.withdraw(id, None);
        }
        let it = &self.agents[&id];
        let asks_somebody = doing == Doing::Dials && it.call.is_some() && !it.dials_back;
        let kind = if asks_somebody { DirectKind::Consult } else { kind };
        self.change(id, |it| match it.direct.iter_mut().find(|direct| direct.call == call) {
            Some(direct) => direct.doing = doing,
            None => it.direct.push(Direct { call, kind, doing }),
        });
    }

    /// Over, with a wrap-up of that number where its kind has one.
    pub fn direct_ended(&mut self, id: u64, call: u64, engagement: Option<u64>) {
        let now = self.now;
        let it = &self.agents[&id];
        let direct = *it.direct.iter().find(|direct| direct.call == call).expect("a call");
        let spoke = match direct.doing {
            Doing::Rings => false,
            Doing::Dials => self.direct_wrap_ups.unanswered,
            Doing::Talks => true,
        };
        let wraps_up = it.online && spoke && self.direct_wrap_ups.kinds.contains(&direct.kind);
        assert_eq!(engagement.is_some(), wraps_up, "a wrap-up of agent {id} at {now} ms");
        let (beside, offline) = (wraps_up && !it.wrap_ups.is_empty(), !it.online && spoke);
        self.saw("a wrap-up after a call of his own", wraps_up);
        self.saw("two wrap-ups at once", beside);
        self.saw("offline in a call of his own", offline);
        let until = Some(now + self.direct_wrap_ups.length);
        self.change(id, |it| {
            it.wrap_ups.extend(engagement.map(|engagement| WrapUp { until, engagement, extended: 0, queue: None }));
            it.direct.retain(|direct| direct.call != call);
            let outside = matches!(direct.kind, DirectKind::Inbound | DirectKind::Outbound);
            if !wraps_up && direct.doing == Doing::Talks && outside {
                (it.idle_since, it.handled) = (now, true);
            }
        });
        self.after(id, None);
    }

    pub fn stand(&mut self, id: u64, queue: u64, standing: Standing) {
        self.next_joined += 1;
        let joined = self.next_joined;
        let place = self.agent(id).places.entry(queue).or_insert(Place {
            standing,
            assigned: false,
            leaving: false,
            together: false,
            order: u64::from(u32::MAX) + joined,
            joined,
            tier: 0,
            settled: DeviceChoice::LastActive,
            chosen: None,
            calls: 0,
            talk: 0,
        });
        (place.standing, place.leaving, place.together) = (standing, false, false);
        if standing == Standing::Paused {
            self.withdraw(id, Some(queue));
        }
    }

    /// A break from all that he is active in.
    pub fn pause_all(&mut self, id: u64) {
        let active = self.agents[&id].places.iter().filter(|(_, place)| place.standing == Standing::Active);
        for queue in active.map(|(queue, _)| *queue).collect::<Vec<_>>() {
            self.stand(id, queue, Standing::Paused);
            self.agent(id).places.get_mut(&queue).expect("a place").together = true;
        }
        self.withdraw(id, None);
    }

    pub fn log_out(&mut self, id: u64, queue: u64, after: bool) {
        self.withdraw(id, Some(queue));
        if after && self.works_for(id, queue) {
            self.agent(id).places.get_mut(&queue).expect("a place").leaving = true;
        } else {
            self.leave_queue(id, queue);
        }
    }

    fn leave_queue(&mut self, id: u64, queue: u64) {
        let places = &mut self.agent(id).places;
        let place = places.get_mut(&queue).expect("a place");
        (place.standing, place.leaving, place.together) = (Standing::LoggedOut, false, false);
        if !place.assigned {
            places.remove(&queue);
        }
    }

    pub fn leave_if_leaving(&mut self, id: u64, queue: u64) {
        let leaving = self.agents[&id].places.get(&queue).is_some_and(|place| place.leaving);
        if leaving && !self.works_for(id, queue) {
            self.leave_queue(id, queue);
        }
    }

    fn works_for(&self, id: u64, queue: u64) -> bool {
        self.agents[&id].call.and_then(|call| self.calls.get(&call)).is_some_and(|call| call.queue == queue)
    }
}
