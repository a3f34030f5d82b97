//! What is due when.

use super::{Ban, Fault, Model, Ms, Wish, secs};
use crate::acd::{Strategy, UnfitRule};

pub(super) const DAY: Ms = 86_400_000;

/// What is due, in the order in which things of one moment happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    MaxWait(u64),
    Dead(u64),
    Ring(u64),
    Connect(u64, u64),
    WrapUp(u64, u64),
    Ban(u64),
    NotBefore(u64),
    Grace(u64),
    Unfit(u64),
    Widen(u64),
    Step(u64),
    Undecided(u64),
    Vetoed(u64),
    Inactive(u64),
    Tick,
    Midnight,
}

impl Model {
    /// The next moment at which something is due.
    pub fn next(&self) -> Option<Ms> {
        self.first_due().map(|(at, _)| at)
    }

    fn first_due(&self) -> Option<(Ms, Due)> {
        let mut first = Some((self.midnight, Due::Midnight));
        let mut due = |at: Option<Ms>, due: Due| {
            if let Some(at) = at {
                first = first.min(Some((at, due)));
            }
        };
        due(self.tick, Due::Tick);
        for agent in self.agents.values() {
            if let Some(Ban::Until(at)) = agent.ban {
                due(Some(at), Due::Ban(agent.id));
            }
            due(agent.not_before, Due::NotBefore(agent.id));
            due(agent.grace, Due::Grace(agent.id));
            due(agent.inactive, Due::Inactive(agent.id));
            for wrap_up in &agent.wrap_ups {
                due(wrap_up.until, Due::WrapUp(wrap_up.engagement, agent.id));
            }
        }
        for call in self.calls.values().filter(|call| call.talking.is_none()) {
            let rules = &self.queues[&call.queue];
            let max_wait = (rules.max_wait_secs > 0 && !call.expired).then_some(secs(rules.max_wait_secs));
            due(max_wait.map(|wait| call.arrived + wait), Due::MaxWait(call.id));
            for ring in &call.offers {
                due(Some(ring.until), Due::Ring(ring.offer));
                due(ring.dead, Due::Dead(ring.offer));
            }
            due(call.connect_by, Due::Connect(call.engagement, call.id));
            due(call.next_step, Due::Step(call.id));
            if rules.unfit.then != UnfitRule::Wait {
                due(call.unfit_since.map(|since| since + secs(rules.unfit.secs)), Due::Unfit(call.id));
            }
            due(call.veto_until, Due::Vetoed(call.id));
            if let Wish::Asked(until) = call.wish {
                due(Some(until), Due::Undecided(call.id));
            }
            for at in rules.rings.iter().map(|ring| call.arrived + secs(ring.after_secs)) {
                due(Some(at).filter(|at| *at > self.now), Due::Widen(call.id));
            }
        }
        first
    }

    /// Moves the clock to a moment not after the next due one, and does what is due then.
    pub fn advance(&mut self, to: Ms) {
        self.made.clear();
        self.asked.clear();
        while let Some((at, due)) = self.first_due().filter(|(at, _)| *at <= to) {
            self.now = at.max(self.now);
            self.on_due(due);
        }
        self.now = to;
        self.pass();
    }

    fn on_due(&mut self, due: Due) {
        match due {
            Due::MaxWait(call) => self.max_wait(call),
            Due::Dead(offer) => self.fail(offer, Fault::Unreachable),
            Due::Ring(offer) => {
                let ring = self.ring(offer).expect("a live offer");
                self.fail(offer, if ring.dead.is_some() { Fault::Unreachable } else { Fault::NoAnswer });
            }
            Due::Connect(_, call) => self.winner_lost(call),
            Due::WrapUp(engagement, agent) => self.engagement_over(agent, engagement),
            Due::Ban(agent) => self.change(agent, |it| it.ban = None),
            Due::NotBefore(agent) => self.change(agent, |it| it.not_before = None),
            Due::Grace(agent) => self.grace_over(agent),
            Due::Unfit(call) => self.unfit_over(call),
            Due::Widen(_) => {}
            Due::Step(call) => {
                let call = self.calls.get_mut(&call).expect("a call");
                (call.next_step, call.step_due) = (None, true);
            }
            Due::Undecided(call) => self.decided(call, None, Vec::new()),
            Due::Vetoed(call) => self.veto_over(call),
            Due::Inactive(agent) => self.inactive(agent),
            Due::Tick => self.on_tick(),
            Due::Midnight => {
                self.midnight += DAY;
                let places = self.agents.values_mut().flat_map(|agent| agent.places.values_mut());
                places.for_each(|place| (place.calls, place.talk) = (0, 0));
            }
        }
    }

    pub fn goes_by_occupancy(&self) -> bool {
        self.queues.values().any(|queue| queue.strategy == Strategy::LeastOccupied)
    }

    /// The last half hour has moved on, for those whose turn it is.
    fn on_tick(&mut self) {
        let now = self.now;
        self.tick = self.goes_by_occupancy().then_some(now + 1_000);
        let turn = (now as i64 + self.steady) as u64 / 1_000 % 60;
        for agent in self.agents.values_mut().filter(|agent| agent.online && agent.id % 60 == turn) {
            agent.occupancy = agent.occupancy_at(now);
        }
    }
}
