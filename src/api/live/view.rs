//! What pages see of a snapshot. Agents and queues go by their key, calls and offers by their number written as text:
//! JavaScript has no 64-bit numbers.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use crate::{
    acd::{
        self, Activity, AgentCounters, AgentSnapshot, Channel, DeviceChoice, EngagementSnapshot, InteractionKind,
        MemberState, OfferSnapshot, Pending, QueueCounters, QueueSnapshot, Reason, Status,
    },
    base::{AgentId, CallId, InteractionId, QueueId, UserId, Wall},
    engine::{self, Centre, RecordingView, Snapshot},
    switch::User,
};

use super::calls::{CallView, LegView, SupervisionView, supervisions};

/// Everything that pages show, as of one moment. Unchanged parts are shared with the view before.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub agents: BTreeMap<AgentId, Arc<AgentView>>,
    pub queues: BTreeMap<QueueId, Arc<QueueView>>,
    pub calls: BTreeMap<CallId, Arc<CallView>>,
    /// How supervisors are in calls: for themselves alone, nobody else is shown who listens.
    pub supervisions: BTreeMap<UserId, Arc<Vec<SupervisionView>>>,
    pub choices: Arc<Choices>,
}

/// What an agent can choose from.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Choices {
    pub reasons: Vec<ReasonView>,
    pub reason_required: bool,
    pub dispositions: Vec<Named>,
    pub tags: Vec<Named>,
}

/// A key with its words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Named {
    pub key: String,
    pub name: String,
}

impl Named {
    fn of(key: &str, name: &str) -> Self {
        Self { key: key.to_owned(), name: if name.is_empty() { key } else { name }.to_owned() }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReasonView {
    pub reason: Reason,
    pub name: String,
    pub colour: String,
    pub max_secs: u32,
}

/// An agent as everyone sees him (AS-17).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgentView {
    pub agent: String,
    pub name: String,
    pub status: Status,
    pub reason: Option<Reason>,
    pub activity: Activity,
    pub pending: Option<Pending>,
    /// Start of the status.
    pub since: Wall,
    /// End of the wrap-up or the ban.
    pub until: Option<Wall>,
    pub online: bool,
    pub reachable: bool,
    pub dnd: bool,
    pub locked: bool,
    pub queues: Vec<MemberView>,
    /// For himself and for supervisors.
    #[serde(skip)]
    pub own: Own,
}

/// What only he himself and supervisors see of an agent: it speaks of customers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Own {
    pub offers: Vec<OfferView>,
    pub engagements: Vec<EngagementView>,
    /// His live calls that came through no queue.
    pub calls: Vec<Arc<CallView>>,
    pub missed: u32,
    /// Asked whether he is there: Offline at that moment.
    pub inactive_until: Option<Wall>,
    pub today: AgentCounters,
}

/// An agent with his own part.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Me<'a> {
    #[serde(flatten)]
    pub agent: &'a AgentView,
    #[serde(flatten)]
    pub own: &'a Own,
}

impl<'a> From<&'a AgentView> for Me<'a> {
    fn from(agent: &'a AgentView) -> Self {
        Self { agent, own: &agent.own }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MemberView {
    pub queue: String,
    #[serde(flatten)]
    pub state: MemberState,
    pub temporary: bool,
    /// Where the queue's offers ring.
    pub device: DeviceChoice,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfferView {
    pub offer: String,
    pub queue: String,
    pub caller: String,
    /// The number that the caller dialled, of a call.
    pub dialled: Option<String>,
    pub arrived: Option<Wall>,
    pub made: Wall,
    pub until: Wall,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EngagementView {
    pub engagement: String,
    pub queue: Option<String>,
    pub channel: Channel,
    pub kind: InteractionKind,
    /// `None` once the call has ended.
    pub call: Option<String>,
    /// `null`: the call is not recorded now.
    pub recording: Option<RecordingView>,
    /// Who is in the call, and whether somebody is asked in private, or rung to be.
    pub parties: Vec<LegView>,
    pub asking: bool,
    pub caller: String,
    pub accepted: Wall,
    pub connected: Option<Wall>,
    pub wrap_up_since: Option<Wall>,
    pub wrap_up_until: Option<Wall>,
    /// Where there is no limit: when it should be done.
    pub wrap_up_target: Option<Wall>,
    pub may_finish: bool,
    pub may_extend: bool,
    /// It ends when it is marked done, and not before.
    pub mark_done: bool,
    /// Marking it done takes a status to go on with.
    pub wants_status: bool,
    pub disposition_rule: acd::DispositionRule,
    /// Those that may be chosen.
    pub dispositions: Vec<String>,
    pub work: acd::Work,
}

/// A queue as everyone sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueueView {
    pub queue: String,
    pub name: String,
    pub waiting: usize,
    /// Arrival of who has waited longest.
    pub longest_since: Option<Wall>,
    pub logged_in: u32,
    pub routable: u32,
    pub open: bool,
    pub door: acd::Door,
    /// Estimated wait of one who came now.
    pub ewt_ms: Option<u64>,
    pub today: QueueCounters,
    /// For supervisors.
    #[serde(skip)]
    pub callers: Vec<WaitingView>,
}

/// A queue with those who wait in it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct QueueWithCallers<'a> {
    #[serde(flatten)]
    pub queue: &'a QueueView,
    pub callers: &'a [WaitingView],
}

impl<'a> From<&'a QueueView> for QueueWithCallers<'a> {
    fn from(queue: &'a QueueView) -> Self {
        Self { queue, callers: &queue.callers }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WaitingView {
    pub interaction: String,
    pub position: u32,
    pub priority: i32,
    pub arrived: Wall,
    pub caller: String,
    /// Estimated rest of the wait.
    pub ewt_ms: Option<u64>,
    pub ringing: Vec<String>,
    pub connecting: bool,
}

/// Names of things, found once for a whole view.
pub(super) struct Names<'a> {
    queues: BTreeMap<QueueId, &'a str>,
    agents: BTreeMap<AgentId, &'a str>,
    callers: BTreeMap<InteractionId, (&'a str, Option<Wall>)>,
    calls: BTreeMap<InteractionId, CallId>,
    recordings: BTreeMap<InteractionId, RecordingView>,
    live: BTreeMap<CallId, &'a engine::CallView>,
    /// As users are shown on phones, for agents without a name of their own.
    displays: BTreeMap<&'a str, &'a str>,
    pub(super) users: BTreeMap<UserId, &'a User>,
    settings: &'a acd::Settings,
}

impl View {
    pub fn of(snapshot: &Snapshot, centre: &Centre, before: &Self) -> Self {
        let names = Names::of(snapshot, centre);
        let calls: BTreeMap<CallId, Arc<CallView>> = snapshot
            .calls
            .iter()
            .map(|call| (call.call, shared(before.calls.get(&call.call), names.call(call))))
            .collect();
        let mut direct: BTreeMap<AgentId, Vec<Arc<CallView>>> = BTreeMap::new();
        for call in &snapshot.calls {
            let Some(view) = calls.get(&call.call) else { continue };
            let queued = call.agent.filter(|agent| call.interaction.is_none() && !call.direct.contains(agent));
            for agent in call.direct.iter().copied().chain(queued) {
                direct.entry(agent).or_default().push(Arc::clone(view));
            }
        }
        let agent = |agent: &AgentSnapshot| {
            let view = names.agent(agent, direct.remove(&agent.agent).unwrap_or_default());
            (agent.agent, shared(before.agents.get(&agent.agent), view))
        };
        let agents = snapshot.acd.agents.iter().map(agent).collect();
        let queue = |queue: &QueueSnapshot| (queue.queue, shared(before.queues.get(&queue.queue), names.queue(queue)));
        let queues = snapshot.acd.queues.iter().map(queue).collect();
        let supervisions = supervisions(snapshot).into_iter().map(|(user, now)| {
            let before = before.supervisions.get(&user);
            (user, shared(before, now))
        });
        let supervisions = supervisions.collect();
        Self { agents, queues, calls, supervisions, choices: shared(Some(&before.choices), Choices::of(&centre.acd)) }
    }
}

fn shared<T: PartialEq>(before: Option<&Arc<T>>, now: T) -> Arc<T> {
    before.filter(|before| ***before == now).map_or_else(|| Arc::new(now), Arc::clone)
}

impl Choices {
    fn of(settings: &acd::Settings) -> Self {
        let reason = |reason: &acd::ReasonSettings| ReasonView {
            reason: reason.key.clone(),
            name: if reason.name.is_empty() { reason.key.to_string() } else { reason.name.clone() },
            colour: reason.colour.clone(),
            max_secs: reason.max_secs,
        };
        Self {
            reasons: settings.reasons.iter().map(reason).collect(),
            reason_required: settings.policies.reason_required,
            dispositions: settings.dispositions.iter().map(|it| Named::of(it.key.as_str(), &it.name)).collect(),
            tags: settings.tags.iter().map(|it| Named::of(it.key.as_str(), &it.name)).collect(),
        }
    }
}

impl<'a> Names<'a> {
    fn of(snapshot: &'a Snapshot, centre: &'a Centre) -> Self {
        let waiting = snapshot.acd.queues.iter().flat_map(|queue| &queue.waiting);
        let waiting = waiting.map(|who| (who.interaction, (who.caller.reveal().as_str(), Some(who.arrived))));
        let mut callers: BTreeMap<_, _> = waiting.collect();
        let (mut calls, mut recordings) = (BTreeMap::new(), BTreeMap::new());
        for call in &snapshot.calls {
            if let Some(interaction) = call.interaction {
                calls.insert(interaction, call.call);
                recordings.extend(call.recording.map(|recording| (interaction, recording)));
                callers.entry(interaction).or_insert((call.caller.reveal().as_str(), None));
            }
        }
        Self {
            queues: snapshot.acd.queues.iter().map(|queue| (queue.queue, queue.key.as_str())).collect(),
            agents: snapshot.acd.agents.iter().map(|agent| (agent.agent, agent.key.as_str())).collect(),
            callers,
            calls,
            recordings,
            live: snapshot.calls.iter().map(|call| (call.call, call)).collect(),
            displays: centre.users.iter().map(|user| (user.name.as_str(), user.display.reveal().as_str())).collect(),
            users: centre.users.iter().map(|user| (user.id, user)).collect(),
            settings: &centre.acd,
        }
    }

    pub(super) fn queue_key(&self, queue: QueueId) -> String {
        self.queues.get(&queue).map_or_else(|| queue.to_string(), |key| (*key).to_owned())
    }

    pub(super) fn agent_key(&self, agent: AgentId) -> String {
        self.agents.get(&agent).map_or_else(|| agent.to_string(), |key| (*key).to_owned())
    }

    /// His own name, or else that of his user.
    fn agent_name(&self, agent: &AgentSnapshot) -> String {
        let settings = self.settings.agents.get(&agent.agent).filter(|settings| settings.name.is_empty());
        let user = settings.map(|settings| settings.user.as_ref().unwrap_or(&settings.key));
        let display = user.and_then(|user| self.displays.get(user.as_str())).filter(|display| !display.is_empty());
        display.map_or_else(|| agent.name.clone(), |display| (*display).to_owned())
    }

    fn agent(&self, agent: &AgentSnapshot, calls: Vec<Arc<CallView>>) -> AgentView {
        let member = |member: &acd::MemberSnapshot| MemberView {
            queue: self.queue_key(member.queue),
            state: member.state.clone(),
            temporary: member.temporary,
            device: member.device.clone(),
        };
        AgentView {
            agent: agent.key.clone(),
            name: self.agent_name(agent),
            status: agent.status,
            reason: agent.reason.clone(),
            activity: agent.activity,
            pending: agent.pending.clone(),
            since: agent.since,
            until: agent.until,
            online: agent.online,
            reachable: agent.reachable,
            dnd: agent.dnd,
            locked: agent.locked,
            queues: agent.queues.iter().map(member).collect(),
            own: Own {
                offers: agent.offers.iter().map(|offer| self.offer(offer)).collect(),
                engagements: agent.engagements.iter().map(|engagement| self.engagement(engagement)).collect(),
                calls,
                missed: agent.missed,
                inactive_until: agent.inactive_until,
                today: agent.today,
            },
        }
    }

    fn offer(&self, offer: &OfferSnapshot) -> OfferView {
        let (caller, arrived) = self.callers.get(&offer.interaction).copied().unwrap_or_default();
        let call = self.calls.get(&offer.interaction).and_then(|call| self.live.get(call));
        OfferView {
            offer: offer.offer.0.to_string(),
            queue: self.queue_key(offer.queue),
            caller: caller.to_owned(),
            dialled: call.map(|call| call.dialled.reveal().clone()),
            arrived,
            made: offer.made,
            until: offer.until,
        }
    }

    fn engagement(&self, engagement: &EngagementSnapshot) -> EngagementView {
        let settings = engagement.queue.and_then(|queue| self.settings.queues.get(&queue));
        let call = self.calls.get(&engagement.interaction);
        let live = call.and_then(|call| self.live.get(call));
        let marked = engagement.mark_done == acd::MarkDone::Required;
        EngagementView {
            engagement: engagement.engagement.0.to_string(),
            queue: engagement.queue.map(|queue| self.queue_key(queue)),
            channel: engagement.channel,
            kind: engagement.kind,
            call: call.map(|call| call.0.to_string()),
            recording: self.recordings.get(&engagement.interaction).copied(),
            parties: live.map(|call| self.parties(call)).unwrap_or_default(),
            asking: live.is_some_and(|call| call.asking),
            caller: engagement.caller.reveal().clone(),
            accepted: engagement.accepted,
            connected: engagement.connected,
            wrap_up_since: engagement.wrap_up_since,
            wrap_up_until: engagement.wrap_up_until,
            wrap_up_target: engagement.wrap_up_target,
            may_finish: !marked && settings.is_none_or(|queue| queue.acw_early_end_agent),
            may_extend: settings.is_some_and(|queue| queue.acw_extend != acd::Extend::OFF),
            mark_done: marked,
            wants_status: marked && settings.is_some_and(|queue| queue.next_status == acd::NextStatus::Manual),
            disposition_rule: engagement.disposition,
            dispositions: self.dispositions(settings),
            work: engagement.work.clone(),
        }
    }

    fn dispositions(&self, queue: Option<&acd::QueueSettings>) -> Vec<String> {
        let all = self.settings.dispositions.iter().map(|it| &it.key);
        let own = |key: &&acd::Disposition| {
            queue.is_none_or(|queue| queue.dispositions.is_empty() || queue.dispositions.contains(*key))
        };
        all.filter(own).map(ToString::to_string).collect()
    }

    fn queue(&self, queue: &QueueSnapshot) -> QueueView {
        let caller = |waiting: &acd::WaitingSnapshot| WaitingView {
            interaction: waiting.interaction.0.to_string(),
            position: waiting.position,
            priority: waiting.priority,
            arrived: waiting.arrived,
            caller: waiting.caller.reveal().clone(),
            ewt_ms: waiting.ewt_ms,
            ringing: waiting.ringing.iter().map(|agent| self.agent_key(*agent)).collect(),
            connecting: waiting.connecting,
        };
        QueueView {
            queue: queue.key.clone(),
            name: queue.name.clone(),
            waiting: queue.waiting.len(),
            longest_since: queue.waiting.iter().map(|waiting| waiting.arrived).min(),
            logged_in: queue.logged_in,
            routable: queue.routable,
            open: queue.open,
            door: queue.door,
            ewt_ms: queue.ewt_ms,
            today: queue.today,
            callers: queue.waiting.iter().map(caller).collect(),
        }
    }
}
