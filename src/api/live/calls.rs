//! Live calls as pages see them: who is in them, and, for a supervisor alone, how he is.

use std::collections::BTreeMap;

use serde::Serialize;

use super::view::Names;
use crate::{
    base::{AgentId, UserId, Wall},
    engine::{self, CallStage, Direction, MenuView, RecordingView, Snapshot, Supervision},
    switch::{Guest, LegParty, User},
};

/// A live call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallView {
    pub call: String,
    pub direction: Direction,
    pub stage: CallStage,
    pub caller: String,
    pub dialled: String,
    pub began: Wall,
    pub answered: Option<Wall>,
    pub queue: Option<String>,
    pub agent: Option<String>,
    /// `null`: it is not recorded now.
    pub recording: Option<RecordingView>,
    /// Which menu its caller is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub menu: Option<MenuView>,
    /// Somebody is asked in private, or rung to be.
    pub asking: bool,
    pub legs: usize,
    pub parties: Vec<LegView>,
    #[serde(skip)]
    pub agent_id: Option<AgentId>,
    /// Agents who have it through no queue.
    #[serde(skip)]
    pub direct: Vec<AgentId>,
}

/// A call in which a supervisor is, and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SupervisionView {
    pub call: String,
    pub leg: String,
    pub mode: Supervision,
}

/// One leg of a call. Supervisors who only listen or whisper are not shown: an agent sees this too.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LegView {
    pub leg: String,
    /// The number or address.
    pub name: String,
    /// Which of our users it is, and as he is shown.
    pub user: Option<String>,
    pub display: Option<String>,
    pub answered: bool,
    pub muted: bool,
    /// How much louder the others hear it than it is, in decibels.
    pub gain_db: i8,
    /// On hold by hand.
    pub held: bool,
    /// Brought into the call of two others.
    pub third: bool,
    /// Asked in private: with the agent alone, or waiting for him.
    pub asked: bool,
    /// A supervisor whom all hear.
    pub barges: bool,
}

impl CallView {
    pub fn is_of(&self, agent: Option<AgentId>) -> bool {
        agent.is_some_and(|agent| self.agent_id == Some(agent) || self.direct.contains(&agent))
    }
}

impl Names<'_> {
    pub(super) fn parties(&self, call: &engine::CallView) -> Vec<LegView> {
        let is_shown = |leg: &&engine::LegView| match leg.guest {
            None | Some(Guest::Party | Guest::Barges | Guest::Consults { .. }) => true,
            Some(Guest::Listens | Guest::Whispers { .. }) => false,
        };
        call.legs.iter().filter(is_shown).map(|leg| self.party(leg)).collect()
    }

    fn party(&self, leg: &engine::LegView) -> LegView {
        let user = match leg.party {
            LegParty::User(user) => self.users.get(&user),
            LegParty::Trunk(_) => None,
        };
        LegView {
            leg: leg.leg.0.to_string(),
            name: leg.address.reveal().clone(),
            user: user.map(|user| user.name.to_string()),
            display: user.map(|user| shown(user).to_owned()),
            answered: leg.answered,
            muted: leg.muted,
            gain_db: leg.gain_db,
            held: leg.held,
            third: leg.guest.is_some(),
            asked: matches!(leg.guest, Some(Guest::Consults { .. })),
            barges: leg.guest == Some(Guest::Barges),
        }
    }

    pub(super) fn call(&self, call: &engine::CallView) -> CallView {
        let parties = self.parties(call);
        CallView {
            call: call.call.0.to_string(),
            direction: call.direction,
            stage: call.stage,
            caller: call.caller.reveal().clone(),
            dialled: call.dialled.reveal().clone(),
            began: call.began,
            answered: call.answered,
            queue: call.queue.map(|queue| self.queue_key(queue)),
            agent: call.agent.map(|agent| self.agent_key(agent)),
            recording: call.recording,
            menu: call.menu.clone(),
            asking: call.asking,
            legs: parties.len(),
            parties,
            agent_id: call.agent,
            direct: call.direct.clone(),
        }
    }
}

/// Who listens, whispers or barges in which call.
pub(super) fn supervisions(snapshot: &Snapshot) -> BTreeMap<UserId, Vec<SupervisionView>> {
    let mut all: BTreeMap<UserId, Vec<SupervisionView>> = BTreeMap::new();
    for (call, leg) in snapshot.calls.iter().flat_map(|call| call.legs.iter().map(move |leg| (call.call, leg))) {
        let mode = match leg.guest {
            Some(Guest::Listens) => Supervision::Listen,
            Some(Guest::Whispers { .. }) => Supervision::Whisper,
            Some(Guest::Barges) => Supervision::Barge,
            None | Some(Guest::Party | Guest::Consults { .. }) => continue,
        };
        if let LegParty::User(user) = leg.party {
            let one = SupervisionView { call: call.0.to_string(), leg: leg.leg.0.to_string(), mode };
            all.entry(user).or_default().push(one);
        }
    }
    all
}

/// A user as he is shown on phones, or else his key.
fn shown(user: &User) -> &str {
    Some(user.display.reveal().as_str()).filter(|display| !display.is_empty()).unwrap_or(user.name.as_str())
}
