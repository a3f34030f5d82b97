//! One agent's four layers, and what is derived from them.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use super::{
    super::{
        Activity, Actor, AgentCounters, AgentSettings, Channel, DeviceChoice, DevicePresence, DirectKind, Factor,
        Factors, LoginDefault, MemberState, Pending, Policies, Reason, Selection, Status, StatusView,
    },
    clock::StatusClock,
    queue::AgentKey,
    table::{At, Event},
};
use crate::base::{AgentId, CallId, EngagementId, Instant, OfferId, QueueId, Wall};

#[derive(Debug)]
pub(super) struct Agent {
    pub id: AgentId,
    pub settings: AgentSettings,

    // Layer 0: session.
    pub online: bool,
    /// Signed in at a page.
    pub page: bool,
    /// Its live socket is open.
    pub page_open: bool,
    /// A device can be reached.
    pub device: bool,
    /// Of the devices that memberships pin, those that can be reached.
    pub pinned: BTreeSet<DeviceChoice>,
    /// The grace ran out in the middle of something: offline afterwards.
    pub lost: bool,
    pub offline_reason: Option<Reason>,
    /// Why a pending log-off, where it is not by his own choice.
    pub leaves_for: Option<Reason>,

    // Layer 1: selection; the rest of it stands per channel.
    pub dnd: bool,
    /// A supervisor chose for him, and he may not choose otherwise.
    pub locked: bool,

    // Layer 2: membership.
    pub members: BTreeMap<QueueId, Member>,

    // Layer 3 and layer 1, by channel.
    pub channels: [ChannelState; Channel::ALL.len()],
    pub ban: Option<Ban>,
    pub not_before: Option<Instant>,

    /// Offers missed in a row.
    pub missed: u32,
    pub idle_since: Wall,
    pub handled: bool,
    pub clock: StatusClock,
    /// As it stands in the lists of queues that go by it.
    pub occupancy: u32,
    /// Asked whether he is there.
    pub prompted: bool,
    /// The beginning of the status of which it was told that it lasts too long, and whether that signed him out.
    pub told_long: Option<(Wall, bool)>,
    pub today: AgentCounters,
    /// Gone from the settings; forgotten when idle.
    pub removed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ban {
    Until(Instant),
    UntilManual,
}

#[derive(Debug)]
pub(super) struct ChannelState {
    pub selection: Selection,
    pub since: Wall,
    pub actor: Actor,
    pub pending: Option<Pending>,
    /// Grows with each choice, so that an engagement's end sees whether there was one meanwhile.
    pub chosen: u32,
    /// Not Ready was chosen, to apply at once, in the middle of something.
    pub over_activity: bool,

    pub offers: SmallVec<[OfferId; 1]>,
    pub dialing: SmallVec<[EngagementId; 1]>,
    pub live: SmallVec<[EngagementId; 1]>,
    pub wrapping: SmallVec<[EngagementId; 1]>,
    pub direct: SmallVec<[Direct; 1]>,

    /// As people were last told.
    pub shown: StatusView,
    pub shown_since: Wall,
}

/// A call that came through no queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Direct {
    pub call: CallId,
    pub kind: DirectKind,
    pub phase: DirectPhase,
    pub since: Wall,
    /// The agent dialled it.
    pub out: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DirectPhase {
    Ringing,
    Dialing,
    Talking,
}

#[derive(Debug)]
pub(super) struct Member {
    pub state: MemberState,
    /// The settings say so; otherwise it is temporary.
    pub assigned: bool,
    pub paused_by_all: bool,
    /// Ends when what he does for the queue is over.
    pub leaving: bool,
    pub joined: u64,
    pub order: u64,
    pub tier: u16,
    /// Which device rings by the settings, and by the choice of the agent or a supervisor.
    pub settled: DeviceChoice,
    pub chosen: Option<DeviceChoice>,
    pub calls: u32,
    pub talk_ms: u64,
    /// As counted in the queue: what holds him back, in which tier, and his share in its staff.
    pub held_back: Factors,
    pub counted_tier: u16,
    pub share: u64,
    /// As it stands in the queue's lists of those who may be asked.
    pub listed: Option<AgentKey>,
}

impl ChannelState {
    fn new(at: Wall) -> Self {
        let shown = StatusView { status: Status::Offline, reason: None, activity: Activity::Idle, pending: None };
        Self {
            selection: Selection::NotReady { reason: None },
            since: at,
            actor: Actor::System,
            pending: None,
            chosen: 0,
            over_activity: false,
            offers: SmallVec::new(),
            dialing: SmallVec::new(),
            live: SmallVec::new(),
            wrapping: SmallVec::new(),
            direct: SmallVec::new(),
            shown,
            shown_since: at,
        }
    }

    /// The calls' truth in one word: Busy > Dialing > Offered > WrapUp > Idle.
    pub fn activity(&self) -> Activity {
        let direct = |phase| self.direct.iter().any(|direct| direct.phase == phase);
        if !self.live.is_empty() || direct(DirectPhase::Talking) {
            Activity::Busy
        } else if !self.dialing.is_empty() || direct(DirectPhase::Dialing) {
            Activity::Dialing
        } else if !self.offers.is_empty() || direct(DirectPhase::Ringing) {
            Activity::Offered
        } else if !self.wrapping.is_empty() {
            Activity::WrapUp
        } else {
            Activity::Idle
        }
    }

    /// Interactions that he has or is asked to take.
    pub fn items(&self) -> u32 {
        let items = self.offers.len() + self.dialing.len() + self.live.len() + self.wrapping.len() + self.direct.len();
        u32::try_from(items).unwrap_or(u32::MAX)
    }

    pub fn choose(&mut self, selection: Selection, actor: Actor, at: Wall) {
        if self.selection != selection {
            self.since = at;
        }
        self.selection = selection;
        self.actor = actor;
        self.chosen = self.chosen.wrapping_add(1);
    }
}

impl Agent {
    pub fn new(id: AgentId, settings: AgentSettings, at: Wall) -> Self {
        Self {
            id,
            settings,
            online: false,
            page: false,
            page_open: false,
            device: false,
            pinned: BTreeSet::new(),
            lost: false,
            offline_reason: None,
            leaves_for: None,
            dnd: false,
            locked: false,
            members: BTreeMap::new(),
            channels: Channel::ALL.map(|_| ChannelState::new(at)),
            ban: None,
            not_before: None,
            missed: 0,
            idle_since: at,
            handled: false,
            clock: StatusClock::new(at),
            occupancy: 0,
            prompted: false,
            told_long: None,
            today: AgentCounters::default(),
            removed: false,
        }
    }

    pub fn on(&self, channel: Channel) -> &ChannelState {
        &self.channels[channel.index()]
    }

    pub fn on_mut(&mut self, channel: Channel) -> &mut ChannelState {
        &mut self.channels[channel.index()]
    }

    /// The channel whose status is the agent's: voice, if he has it.
    pub fn main_channel(&self) -> Channel {
        self.settings.channels.first().copied().unwrap_or(Channel::Voice)
    }

    /// Whether one more interaction of the channel fits: by its capacity, and by what all he has takes of him.
    pub fn has_room(&self, channel: Channel, policies: &Policies) -> bool {
        let load = |channel| policies.load.get(&channel).copied().unwrap_or(0);
        let capacity = self.settings.capacity.get(&channel).or(policies.capacity.get(&channel)).copied().unwrap_or(1);
        let taken: u32 = Channel::ALL.into_iter().map(|other| load(other).saturating_mul(self.on(other).items())).sum();
        self.on(channel).items() < capacity && taken.saturating_add(load(channel)) <= 100
    }

    /// Where an event about an offer or its making meets the channel: beside what goes on already, where there is room
    /// for several.
    pub fn at_for(&self, channel: Channel, event: Event, policies: &Policies) -> At {
        let state = self.on(channel);
        if channel == Channel::Voice || !self.online {
            return self.at(channel);
        }
        let of_an_offer = matches!(
            event,
            Event::Accept
                | Event::NoAnswer
                | Event::Decline
                | Event::DeviceBusy
                | Event::Unreachable
                | Event::OfferGone
        );
        match event == Event::Offer {
            true if self.has_room(channel, policies) => At::Idle,
            true => At::Busy,
            false if of_an_offer && !state.offers.is_empty() => At::Offered,
            false => self.at(channel),
        }
    }

    pub fn at(&self, channel: Channel) -> At {
        if !self.online {
            return At::Offline;
        }
        match self.on(channel).activity() {
            Activity::Idle => At::Idle,
            Activity::Offered => At::Offered,
            Activity::Dialing => At::Dialing,
            Activity::Busy => At::Busy,
            Activity::WrapUp => At::WrapUp,
        }
    }

    /// Offline once nothing goes on any more.
    pub fn will_log_off(&mut self, reason: Option<Reason>) {
        self.leaves_for = reason;
        for channel in &mut self.channels {
            channel.pending = Some(Pending::LogOff);
        }
    }

    /// Nothing goes on in any channel.
    pub fn idle(&self) -> bool {
        self.channels.iter().all(|channel| channel.activity() == Activity::Idle)
    }

    pub fn device_presence(&self, policies: &Policies) -> DevicePresence {
        self.settings.device_presence.unwrap_or(policies.device_presence)
    }

    /// Something holds him online: an open page, or a device where a device is enough.
    pub fn present(&self, policies: &Policies) -> bool {
        let by_device = self.device && self.device_presence(policies) != DevicePresence::Off;
        self.page && self.page_open || by_device
    }

    pub fn ready_on_login(&self, policies: &Policies) -> bool {
        self.settings.default_on_login.unwrap_or(policies.default_on_login) == LoginDefault::Ready
    }

    pub fn reachable(&self, channel: Channel) -> bool {
        match channel {
            Channel::Voice => self.device,
            Channel::Chat | Channel::Email => self.page && self.page_open,
        }
    }

    pub fn view(&self, channel: Channel) -> StatusView {
        let state = self.on(channel);
        let activity = state.activity();
        let (status, reason) = self.status(state, activity);
        StatusView { status, reason, activity, pending: state.pending.clone() }
    }

    fn status(&self, state: &ChannelState, activity: Activity) -> (Status, Option<Reason>) {
        let not_ready = || (Status::NotReady, state.selection.reason().cloned());
        if !self.online {
            return (Status::Offline, self.offline_reason.clone());
        }
        if activity != Activity::Idle && state.over_activity && !state.selection.is_ready() {
            return not_ready();
        }
        match activity {
            Activity::Busy => (Status::Busy, None),
            Activity::Dialing => (Status::Dialing, None),
            Activity::Offered => (Status::Ringing, None),
            Activity::WrapUp => (Status::WrapUp, None),
            Activity::Idle if self.ban.is_some() => (Status::Banned, None),
            Activity::Idle if self.dnd => (Status::Dnd, None),
            Activity::Idle if !state.selection.is_ready() => not_ready(),
            Activity::Idle => (Status::Ready, None),
        }
    }

    /// What holds him back in every queue of the channel.
    pub fn held_back(&self, channel: Channel, policies: &Policies) -> Factors {
        let state = self.on(channel);
        let mut set = Factors::NONE;
        let mut add = |holds: bool, factor| {
            if holds {
                set = set.with(factor);
            }
        };
        let activity = state.activity();
        add(!self.online, Factor::LoggedOut);
        add(!self.reachable(channel), Factor::Unavailable);
        add(self.dnd, Factor::Dnd);
        add(!state.selection.is_ready() || state.pending.is_some(), Factor::NotReady);
        if !self.has_room(channel, policies) {
            add(matches!(activity, Activity::Busy | Activity::Dialing | Activity::Idle), Factor::InUse);
            add(activity == Activity::Offered, Factor::Ringing);
            add(activity == Activity::WrapUp, Factor::Wrapup);
        }
        add(self.ban.is_some() || self.not_before.is_some(), Factor::Banned);
        set
    }
}

impl Member {
    pub fn new(assigned: bool, state: MemberState, joined: u64, order: u64) -> Self {
        Self {
            state,
            assigned,
            paused_by_all: false,
            leaving: false,
            joined,
            order,
            tier: 0,
            settled: DeviceChoice::LastActive,
            chosen: None,
            calls: 0,
            talk_ms: 0,
            held_back: Factors::NONE,
            counted_tier: 0,
            share: 0,
            listed: None,
        }
    }

    /// Logged in, whether or not anything can be asked of him now.
    pub fn is_in(&self) -> bool {
        self.state != MemberState::LoggedOut && !self.leaving
    }

    /// Where the queue's offers ring.
    pub fn device(&self) -> &DeviceChoice {
        self.chosen.as_ref().unwrap_or(&self.settled)
    }

    /// What holds the agent back in this queue: `agent` in all queues of the channel, and what is so here. `pinned` are
    /// those of his devices that can be reached.
    pub fn held_back(&self, channel: Channel, agent: Factors, pinned: &BTreeSet<DeviceChoice>) -> Factors {
        let device = self.device();
        let is_away = channel == Channel::Voice && device.is_pinned() && !pinned.contains(device);
        let agent = match is_away && !agent.has(Factor::Unavailable) {
            true => agent.with(Factor::PinnedDevice).with(Factor::Unavailable),
            false => agent,
        };
        match self.state {
            MemberState::LoggedOut => agent.with(Factor::LoggedOut),
            MemberState::Active if self.leaving => agent.with(Factor::LoggedOut),
            MemberState::Active => agent,
            MemberState::Paused { .. } if self.leaving => agent.with(Factor::Paused).with(Factor::LoggedOut),
            MemberState::Paused { .. } => agent.with(Factor::Paused),
        }
    }
}
