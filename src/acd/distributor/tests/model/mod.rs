//! A second, dumber distributor: it sorts everything and looks at everybody after each event. It uses nothing of the
//! real one but the words for settings, so that the two can only agree by being right.
//!
//! Times are milliseconds since the start of the day it plays.

mod agent;
mod clock;
mod engaged;
mod line;
mod offers;
mod people;
mod reload;
mod wishes;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
};

pub(super) use agent::{Agent, Ban, Direct, Doing, Pending, Place, Standing};
pub(super) use line::{Call, Ring};
pub(super) use offers::Fault;
pub(super) use wishes::Wish;

use super::room::MORNING;
use crate::acd::{DevicePresence, DirectKind, NotReadyMode, Policies, QueueSettings, Settings, Strategy, WaitOrder};

pub(super) type Ms = u64;

#[derive(Default)]
pub(super) struct Model {
    pub agents: BTreeMap<u64, Agent>,
    pub queues: BTreeMap<u64, Rc<QueueSettings>>,
    /// Of these, the ones that the settings know no more.
    pub draining: BTreeSet<u64>,
    /// What the queues had handed out when round-robin asked last: order and agent.
    pub pointers: BTreeMap<u64, (u64, u64)>,
    pub calls: BTreeMap<u64, Call>,
    pub now: Ms,
    /// The steady clock, which begins anew with a restart, is so far ahead of `now`.
    pub steady: i64,
    /// The first midnight that is still to come.
    pub midnight: Ms,
    /// When the occupancy of a sixtieth of the agents is looked at again.
    pub tick: Option<Ms>,
    pub order: WaitOrder,
    pub immediate: bool,
    /// A phone is enough to be online.
    pub heeds_phones: bool,
    /// How long an agent at a page may do nothing, and how long he then has to say that he is there.
    pub inactive: (Ms, Ms),
    /// Offers made in the last turn: interaction and agent.
    pub made: Vec<(u64, u64)>,
    /// Calls about which somebody elsewhere was asked in the last turn.
    pub asked: Vec<u64>,
    pub outcomes: BTreeMap<&'static str, u64>,
    pub direct_wrap_ups: DirectWrapUps,
    /// How often each of the rarer things came about.
    pub seen: BTreeMap<&'static str, u64>,
    next_offer: u64,
    next_joined: u64,
    pub contested: u64,
    pub decisions: u64,
    /// What the real one drew, for strategies by chance.
    pub drawn: BTreeMap<u64, VecDeque<u64>>,
    pub chosen: BTreeMap<Strategy, u64>,
}

/// What comes after calls that came through no queue.
#[derive(Default)]
pub(super) struct DirectWrapUps {
    length: Ms,
    kinds: BTreeSet<DirectKind>,
    /// Also where nobody answered whom he dialled.
    unanswered: bool,
}

impl Model {
    /// The first morning: nobody is there yet.
    pub fn begin(settings: &Settings) -> Self {
        let midnight = (clock::DAY as i64 - MORNING.rem_euclid(clock::DAY as i64)) as Ms;
        let mut model = Self { midnight, ..Self::default() };
        for (id, agent) in &settings.agents {
            let (id, skills) = (id.0, agent.skills.clone());
            model.agents.insert(id, Agent { id, skills, ..Agent::default() });
        }
        model.settings(settings);
        model
    }

    fn policies(&mut self, policies: &Policies) {
        self.order = policies.wait_order;
        self.heeds_phones = policies.device_presence == DevicePresence::Ready;
        self.immediate = policies.not_ready_mode == NotReadyMode::Immediate;
        self.inactive = (secs(policies.inactive_secs), secs(policies.inactive_prompt_secs));
        self.direct_wrap_ups = DirectWrapUps {
            length: secs(policies.direct_acw_secs),
            kinds: policies.direct_acw_types.clone(),
            unanswered: policies.acw_for_unanswered_out,
        };
    }

    pub fn saw(&mut self, what: &'static str, so: bool) {
        *self.seen.entry(what).or_default() += u64::from(so);
    }

    pub fn agent(&mut self, id: u64) -> &mut Agent {
        self.agents.get_mut(&id).expect("an agent")
    }

    /// Whatever people may see of an agent changes here, so that his working time is counted as it passes.
    fn change(&mut self, id: u64, change: impl FnOnce(&mut Agent)) {
        let now = self.now;
        let it = self.agent(id);
        change(it);
        it.seen(now);
    }
}

pub(super) fn secs(secs: u32) -> Ms {
    u64::from(secs) * 1000
}
