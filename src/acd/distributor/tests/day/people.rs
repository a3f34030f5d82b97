//! What agents do of themselves, and what supervisors and administrators do to them.

use std::cell::Cell;

use super::{
    super::model::{Agent, Doing, Standing},
    AGENTS, Day, QUEUES, centre,
};
use crate::{
    acd::*,
    base::{AgentId, CallId, QueueId, UserId},
};

const BOSS: Actor = Actor::Supervisor(UserId(9));

/// Calls of his own beside each other.
const DIRECT: usize = 3;

impl Day {
    pub fn device(&mut self, agent: u64, there: bool) {
        self.both(|acd, now| acd.handle_device(now, AgentId(agent), there), |model| model.device(agent, there));
    }

    pub fn person(&mut self) {
        let id = self.below(AGENTS) + 1;
        let it = self.model.agents[&id].clone();
        match self.below(27) {
            26 if !it.online && it.direct.is_empty() => self.direct_begins(id, &it),
            0 | 1 if it.online && it.ready && !it.locked => self.select(id, false),
            2..=6 if it.online && !it.locked && (!it.ready || it.pending.is_some() || !it.wrap_ups.is_empty()) => {
                self.select(id, true);
            }
            7 if !it.locked => self.dnd(id, true),
            8 | 9 if !it.locked => self.dnd(id, false),
            10..=13 if !it.direct.is_empty() => self.direct_goes_on(id, &it),
            14 if it.online && it.direct.len() < DIRECT => self.direct_begins(id, &it),
            15 | 22 if !it.wrap_ups.is_empty() => self.wraps_up(id),
            16 => self.membership(id, &it),
            17 if it.online => self.sign_out(id),
            18 | 19 if it.page => self.at_his_page(id, &it),
            20 if it.device && self.chance.below(3) == 0 => self.device(id, false),
            21 if it.was_lost && !it.online => self.page(id, true),
            _ if !it.device => self.device(id, true),
            _ if !it.online || !it.page && self.chance.below(4) == 0 => self.sign_in(id),
            _ => {}
        }
    }

    fn select(&mut self, id: u64, ready: bool) {
        let agent = AgentId(id);
        let selection = if ready { Selection::Ready } else { Selection::not_ready("break") };
        self.both(
            |acd, now| acd.select(now, agent, Channel::Voice, selection, Actor::Agent(agent)).expect("done"),
            |model| if ready { model.ready(id) } else { model.not_ready(id) },
        );
    }

    fn dnd(&mut self, id: u64, on: bool) {
        let agent = AgentId(id);
        self.both(
            |acd, now| acd.set_dnd(now, agent, on, Actor::Agent(agent)).expect("done"),
            |model| model.dnd(id, on),
        );
    }

    /// A call of his own, or one that rings at him, is answered or over.
    fn direct_goes_on(&mut self, id: u64, it: &Agent) {
        let Some(direct) = self.one_of(&it.direct) else { return };
        let (agent, call) = (AgentId(id), CallId(direct.call));
        if direct.doing != Doing::Talks && self.below(2) == 0 {
            self.both(
                |acd, now| acd.handle_direct_busy(now, agent, call, direct.kind),
                |model| model.direct(id, direct.call, direct.kind, Doing::Talks),
            );
        } else {
            let wrap_up = Cell::new(None);
            self.both(
                |acd, now| {
                    let last = |acd: &Acd| acd.agents[&agent].on(Channel::Voice).wrapping.last().copied();
                    let before = last(acd);
                    acd.handle_direct_ended(now, agent, call);
                    wrap_up.set(last(acd).filter(|_| last(acd) != before));
                },
                |model| model.direct_ended(id, direct.call, wrap_up.get().map(|engagement| engagement.0)),
            );
        }
    }

    fn direct_begins(&mut self, id: u64, it: &Agent) {
        self.next_call += 1;
        let (agent, number) = (AgentId(id), self.next_call);
        let call = CallId(number);
        let kind = DirectKind::ALL[self.below(3) as usize];
        match self.below(3) {
            0 if it.online && it.idle() && !it.dnd => self.both(
                |acd, now| acd.handle_direct_ringing(now, agent, call, kind).expect("rings"),
                |model| model.direct(id, number, kind, Doing::Rings),
            ),
            1 if it.online => self.both(
                |acd, now| acd.handle_direct_dialing(now, agent, call, kind).expect("dials"),
                |model| model.direct(id, number, kind, Doing::Dials),
            ),
            _ => self.both(
                |acd, now| acd.handle_direct_busy(now, agent, call, kind),
                |model| model.direct(id, number, kind, Doing::Talks),
            ),
        }
        if !it.online && self.below(2) == 0 {
            let it = self.model.agents[&id].clone();
            self.direct_goes_on(id, &it);
        }
    }

    /// A device that may be pinned comes, goes or is chosen for a queue.
    pub fn devices(&mut self) {
        let (id, which) = (self.below(AGENTS) + 1, self.below(2) as usize);
        let (agent, device) = (AgentId(id), centre::pins()[which].clone());
        let there = self.below(4) > 0;
        if self.below(3) > 0 {
            return self
                .both(|acd, now| acd.handle_pinned(now, agent, &device, there), |model| model.pin(id, &device, there));
        }
        let queues: Vec<u64> = self.model.agents[&id].places.keys().copied().collect();
        let Some(queue) = self.one_of(&queues) else { return };
        let chosen = [None, Some(DeviceChoice::All), Some(device)][self.below(3) as usize].clone();
        self.both(
            |acd, now| {
                let me = Actor::Agent(agent);
                acd.set_device(now, agent, QueueId(queue), chosen.clone(), me).expect("done");
            },
            |model| model.choose_device(id, queue, chosen.clone()),
        );
    }

    fn wraps_up(&mut self, id: u64) {
        let (agent, me) = (AgentId(id), Actor::Agent(AgentId(id)));
        if self.below(2) == 0 {
            self.both(
                |acd, now| acd.finish_wrap_up(now, agent, None, me).expect("done"),
                |model| model.wrap_ups_over(id),
            );
        } else {
            let longer = Cell::new(false);
            self.both(
                |acd, now| longer.set(acd.extend_wrap_up(now, agent, None, Extension::Step, me).is_ok()),
                |model| assert_eq!(model.extend(id), longer.get()),
            );
        }
    }

    fn membership(&mut self, id: u64, it: &Agent) {
        let (agent, me) = (AgentId(id), Actor::Agent(AgentId(id)));
        if self.below(8) == 0 {
            return self
                .both(|acd, now| acd.pause(now, agent, None, None, me).expect("done"), |model| model.pause_all(id));
        }
        let number = self.below(QUEUES) + 1;
        let queue = QueueId(number);
        if !self.model.queues.contains_key(&number) {
            return self.both(
                |acd, now| assert_eq!(acd.login(now, agent, queue, me).map_err(|it| it.code), Err("no_queue")),
                |_| {},
            );
        }
        let standing = it.places.get(&number).map(|place| place.standing);
        let becomes = match standing {
            Some(Standing::Active) => Standing::Paused,
            Some(Standing::Paused | Standing::LoggedOut) => Standing::Active,
            None if self.below(4) == 0 => Standing::Active,
            None => return,
        };
        self.both(
            |acd, now| {
                let done = match standing {
                    Some(Standing::Active) => acd.pause(now, agent, Some(queue), None, me),
                    Some(Standing::Paused) => acd.resume(now, agent, Some(queue), me),
                    Some(Standing::LoggedOut) | None => acd.login(now, agent, queue, me),
                };
                done.expect("done");
            },
            |model| model.stand(id, number, becomes),
        );
    }

    fn sign_in(&mut self, id: u64) {
        let agent = AgentId(id);
        self.both(|acd, now| acd.sign_in(now, agent, Actor::Agent(agent)).expect("done"), |model| model.sign_in(id));
    }

    fn sign_out(&mut self, id: u64) {
        let agent = AgentId(id);
        self.both(|acd, now| acd.sign_out(now, agent, Actor::Agent(agent)).expect("done"), |model| model.sign_out(id));
    }

    fn page(&mut self, id: u64, open: bool) {
        self.both(|acd, now| acd.handle_session(now, AgentId(id), open), |model| model.session(id, open));
    }

    fn at_his_page(&mut self, id: u64, it: &Agent) {
        match self.below(3) {
            0 => self.both(|acd, now| acd.handle_activity(now, AgentId(id)), |model| model.activity(id)),
            _ => self.page(id, !it.page_open),
        }
    }

    pub fn supervisor(&mut self) {
        let id = self.below(AGENTS) + 1;
        let (agent, it) = (AgentId(id), self.model.agents[&id].clone());
        let engaged = it.call.is_some() || it.has(Doing::Talks) || it.has(Doing::Dials);
        match self.below(6) {
            kind @ 0..=2 if it.online && (kind == 0 || !engaged) => {
                let (ready, how) = (kind > 0, Force { force: self.below(2) == 0, locked: self.below(4) == 0 });
                let selection = if ready { Selection::Ready } else { Selection::not_ready("lunch") };
                self.both(
                    |acd, now| acd.set_status(now, agent, None, selection, how, BOSS).expect("done"),
                    |model| model.set_status(id, ready, how.force, how.locked),
                );
            }
            3 if !it.wrap_ups.is_empty() => self.both(
                |acd, now| acd.finish_wrap_up(now, agent, None, BOSS).expect("done"),
                |model| model.wrap_ups_over(id),
            ),
            4 => self.log_out(id, &it),
            5 if it.online && self.below(3) == 0 => self
                .both(|acd, now| acd.force_offline(now, agent, BOSS).expect("done"), |model| model.force_offline(id)),
            _ => {}
        }
    }

    fn log_out(&mut self, id: u64, it: &Agent) {
        let queues: Vec<u64> = it.places.keys().copied().collect();
        let Some(queue) = self.one_of(&queues) else { return };
        let after = self.below(2) == 0;
        let when = if after { LogoutWhen::After } else { LogoutWhen::Now };
        self.both(
            |acd, now| acd.logout(now, AgentId(id), Some(QueueId(queue)), when, BOSS).expect("done"),
            |model| model.log_out(id, queue, after),
        );
    }

    pub fn administrator(&mut self) {
        let mut settings = self.room.settings.clone();
        centre::change(&mut settings, &mut self.chance);
        self.reload(settings);
    }

    /// A queue goes from the settings, rather one in which somebody waits, or is there again.
    pub fn queues_come_and_go(&mut self) {
        let mut settings = self.room.settings.clone();
        let waits = self.calls_where(|call| call.talking.is_none());
        let waits = self.one_of(&waits).map(|call| QueueId(self.model.calls[&call].queue));
        let (any, comes_back) = (QueueId(self.below(QUEUES) + 1), self.below(3) < self.gone.len() as u64);
        let gone = self.gone.keys().next().copied().filter(|_| comes_back);
        if let Some((id, rules)) = gone.and_then(|id| self.gone.remove_entry(&id)) {
            settings.queues.insert(id, rules);
        } else if let Some(went) = settings.queues.remove_entry(&waits.unwrap_or(any)) {
            self.gone.extend([went]);
        }
        self.reload(settings);
    }

    /// Whoever belongs to a queue that goes is logged out of it.
    pub fn all_leave(&mut self) {
        let going = self.calls_where(|call| call.talking.is_none());
        let mut going = going.into_iter().map(|call| self.model.calls[&call].queue);
        let Some(queue) = going.find(|queue| self.model.draining.contains(queue)) else { return };
        for id in 1..=AGENTS {
            // It may be gone meanwhile: who is left in it is offline.
            if !self.model.agents[&id].places.contains_key(&queue) {
                continue;
            }
            let (agent, now) = (AgentId(id), LogoutWhen::Now);
            self.both(
                |acd, at| acd.logout(at, agent, Some(QueueId(queue)), now, BOSS).expect("done"),
                |model| model.log_out(id, queue, false),
            );
        }
    }

    fn reload(&mut self, settings: Settings) {
        self.reloads += 1;
        self.room.settings = settings.clone();
        let known = settings.clone();
        self.both(|acd, now| acd.settings(now, settings), |model| model.settings(&known));
    }

    /// Something tears offers and engagements away; the next look at the invariants finds it.
    pub fn accident(&mut self) {
        self.repairs += 1;
        let found = Cell::new(0);
        self.both(
            |acd, now| {
                acd.break_for_test();
                found.set(acd.repair(now));
            },
            // Where nothing could be torn away, nothing is put in order, either.
            |model| {
                if found.get() > 0 {
                    model.repair()
                }
            },
        );
    }
}
