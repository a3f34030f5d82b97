//! One patch, as each kind of reader may see it.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use serde::Serialize;

use super::{
    alert::AlertView,
    calls::{CallView, SupervisionView},
    notice::NoticeView,
    sight::Sight,
    view::{AgentView, Choices, Me, QueueView, QueueWithCallers, View},
};
use crate::{
    base::{AgentId, UserId, Wall},
    engine::Event,
};

/// What changed from one view to the next. Numbered without gaps; shared by all who look.
#[derive(Debug, Default)]
pub struct Frame {
    pub seq: u64,
    pub at: Wall,
    pub agents: Vec<(AgentId, Arc<AgentView>)>,
    pub queues: Vec<Arc<QueueView>>,
    pub calls: Vec<Arc<CallView>>,
    pub gone_agents: Vec<String>,
    pub gone_queues: Vec<String>,
    pub gone_calls: Vec<String>,
    pub choices: Option<Arc<Choices>>,
    /// What happened since the frame before, for supervisors.
    pub events: Vec<Arc<Event>>,
    /// Beyond those so many happened, which nobody kept: notices and alerts may have been among them.
    pub events_lost: u64,
    /// What was done to agents on their behalf, each for his own page.
    pub notices: Vec<(AgentId, NoticeView)>,
    /// What people should look at, each with the event that says who may see it.
    pub alerts: Vec<(Arc<Event>, AlertView)>,
    /// How supervisors are in calls now, each for his own page.
    pub supervisions: Vec<(UserId, Arc<Vec<SupervisionView>>)>,
    /// Written once, read by every page of the kind.
    for_agents: OnceLock<String>,
    for_supervisors: OnceLock<String>,
}

/// Who reads: decides what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    pub sight: Sight,
    pub agent: Option<AgentId>,
    pub user: UserId,
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    seq: u64,
    now: Wall,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    agents: Vec<AgentWire<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    queues: Vec<QueueWire<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calls: Vec<&'a CallView>,
    #[serde(skip_serializing_if = "Gone::is_empty")]
    gone: Gone<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    choices: Option<&'a Choices>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<&'a Event>,
    #[serde(skip_serializing_if = "is_zero")]
    events_lost: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde hands it in")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[derive(Serialize)]
#[serde(untagged)]
enum AgentWire<'a> {
    Public(&'a AgentView),
    Full(Me<'a>),
}

#[derive(Serialize)]
#[serde(untagged)]
enum QueueWire<'a> {
    Public(&'a QueueView),
    Full(QueueWithCallers<'a>),
}

#[derive(Serialize)]
struct Gone<'a> {
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    agents: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    queues: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    calls: &'a [String],
}

impl Gone<'_> {
    const fn is_empty(&self) -> bool {
        self.agents.is_empty() && self.queues.is_empty() && self.calls.is_empty()
    }
}

impl Frame {
    /// `None` when nothing differs and nothing happened.
    pub fn between(before: &View, now: &View, at: Wall, (events, events_lost): (Vec<Arc<Event>>, u64)) -> Option<Self> {
        let frame = Self {
            at,
            agents: changed(&before.agents, &now.agents).map(|(id, agent)| (*id, Arc::clone(agent))).collect(),
            queues: changed(&before.queues, &now.queues).map(|(_, queue)| Arc::clone(queue)).collect(),
            calls: changed(&before.calls, &now.calls).map(|(_, call)| Arc::clone(call)).collect(),
            gone_agents: gone(&before.agents, &now.agents).map(|agent| agent.agent.clone()).collect(),
            gone_queues: gone(&before.queues, &now.queues).map(|queue| queue.queue.clone()).collect(),
            gone_calls: gone(&before.calls, &now.calls).map(|call| call.call.clone()).collect(),
            choices: (!Arc::ptr_eq(&before.choices, &now.choices)).then(|| Arc::clone(&now.choices)),
            supervisions: changed_supervisions(before, now),
            events,
            events_lost,
            ..Self::default()
        };
        (!frame.is_empty()).then_some(frame)
    }

    fn is_empty(&self) -> bool {
        self.agents.is_empty()
            && self.queues.is_empty()
            && self.calls.is_empty()
            && self.gone_agents.is_empty()
            && self.gone_queues.is_empty()
            && self.gone_calls.is_empty()
            && self.choices.is_none()
            && self.events.is_empty()
            && self.events_lost == 0
            && self.supervisions.is_empty()
    }

    /// The patch as this reader may see it. Agents get the numbers of all patches, also of those with nothing for them.
    pub fn text(&self, reader: &Reader) -> String {
        let write = || self.shared_text(&reader.sight);
        let limited;
        let shared = match reader.sight {
            Sight::Agent => self.for_agents.get_or_init(write),
            Sight::All => self.for_supervisors.get_or_init(write),
            Sight::Queues { .. } => {
                limited = write();
                &limited
            }
        };
        let own = reader.agent.and_then(|own| self.agents.iter().find(|(id, _)| *id == own));
        let notices = self.notices.iter().filter(|(agent, _)| reader.agent == Some(*agent)).map(|(_, notice)| notice);
        let supervises = self.supervisions.iter().find(|(user, _)| *user == reader.user);
        let is_for = |(event, alert): &&(Arc<Event>, AlertView)| {
            reader.sight.event(event) || alert.agent_id.is_some() && alert.agent_id == reader.agent
        };
        let own = Own {
            alerts: self.alerts.iter().filter(is_for).map(|(_, alert)| alert).collect(),
            me: own.map(|(_, agent)| Me::from(&**agent)),
            notices: notices.collect(),
            supervises: supervises.map(|(_, all)| all.as_slice()),
        };
        with_own(shared, &own)
    }

    fn shared_text(&self, sight: &Sight) -> String {
        let wire = Wire {
            kind: "patch",
            seq: self.seq,
            now: self.at,
            epoch: None,
            agents: self.agents.iter().map(|(_, agent)| agent_wire(agent, sight)).collect(),
            queues: self.queues.iter().map(|queue| queue_wire(queue, sight)).collect(),
            calls: self.calls.iter().filter(|call| sight.call(call)).map(|call| &**call).collect(),
            gone: Gone {
                agents: &self.gone_agents,
                queues: &self.gone_queues,
                calls: if sight.calls_that_end() { &self.gone_calls } else { &[] },
            },
            choices: self.choices.as_deref(),
            events: self.events.iter().filter(|event| sight.event(event)).map(|event| &**event).collect(),
            events_lost: self.events_lost,
        };
        serde_json::to_string(&wire).unwrap_or_default()
    }
}

/// A whole view as this reader may see it.
pub fn snapshot_text(view: &View, epoch: &str, seq: u64, now: Wall, reader: &Reader) -> String {
    let wire = Wire {
        kind: "snapshot",
        seq,
        now,
        epoch: Some(epoch),
        agents: view.agents.values().map(|agent| agent_wire(agent, &reader.sight)).collect(),
        queues: view.queues.values().map(|queue| queue_wire(queue, &reader.sight)).collect(),
        calls: view.calls.values().filter(|call| reader.sight.call(call)).map(|call| &**call).collect(),
        gone: Gone { agents: &[], queues: &[], calls: &[] },
        choices: Some(&view.choices),
        events: Vec::new(),
        events_lost: 0,
    };
    let shared = serde_json::to_string(&wire).unwrap_or_default();
    let me = reader.agent.and_then(|own| view.agents.get(&own)).map(|agent| Me::from(&**agent));
    let supervises = view.supervisions.get(&reader.user).map(|all| all.as_slice());
    with_own(&shared, &Own { me, notices: Vec::new(), alerts: Vec::new(), supervises })
}

/// The reader's own part of a text that he shares with others.
#[derive(Serialize)]
struct Own<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    me: Option<Me<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notices: Vec<&'a NoticeView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alerts: Vec<&'a AlertView>,
    /// All the calls that he is in as a supervisor, when that has changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    supervises: Option<&'a [SupervisionView]>,
}

fn with_own(shared: &str, own: &Own<'_>) -> String {
    if own.me.is_none() && own.notices.is_empty() && own.alerts.is_empty() && own.supervises.is_none() {
        return shared.to_owned();
    }
    let own = serde_json::to_string(own).unwrap_or_default();
    match (shared.strip_suffix('}'), own.strip_prefix('{')) {
        (Some(shared), Some(own)) => format!("{shared},{own}"),
        (_, _) => shared.to_owned(),
    }
}

fn agent_wire<'a>(agent: &'a AgentView, sight: &Sight) -> AgentWire<'a> {
    if sight.agent(agent) { AgentWire::Full(agent.into()) } else { AgentWire::Public(agent) }
}

fn queue_wire<'a>(queue: &'a QueueView, sight: &Sight) -> QueueWire<'a> {
    if sight.queue(queue) { QueueWire::Full(queue.into()) } else { QueueWire::Public(queue) }
}

type Map<K, V> = BTreeMap<K, Arc<V>>;

fn changed<'a, K: Ord, V>(before: &'a Map<K, V>, now: &'a Map<K, V>) -> impl Iterator<Item = (&'a K, &'a Arc<V>)> {
    now.iter().filter(|(key, new)| before.get(key).is_none_or(|old| !Arc::ptr_eq(old, new)))
}

/// Who is in other calls than before, or otherwise; nothing is left of one who is in none.
fn changed_supervisions(before: &View, now: &View) -> Vec<(UserId, Arc<Vec<SupervisionView>>)> {
    let new = changed(&before.supervisions, &now.supervisions).map(|(user, all)| (*user, Arc::clone(all)));
    let over = before.supervisions.keys().filter(|user| !now.supervisions.contains_key(user));
    new.chain(over.map(|user| (*user, Arc::default()))).collect()
}

fn gone<'a, K: Ord, V>(before: &'a Map<K, V>, now: &'a Map<K, V>) -> impl Iterator<Item = &'a Arc<V>> {
    before.iter().filter(|(key, _)| !now.contains_key(key)).map(|(_, old)| old)
}
