//! Everybody of the centre, to be found and logged in: a supervisor's search (QM-09).

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Asked;
use crate::{
    acd::{self, Status},
    api::{Api, Problem, Signed},
    base::{UserId, Wall},
    engine::{Centre, DeviceView, Snapshot},
    store::Role,
    switch,
};

/// People in one answer; `more` says how many others fit.
const PEOPLE_MAX: usize = 200;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// In the key, the shown name or the extension; whatever its case.
    search: Option<String>,
    role: Option<switch::Role>,
    /// Key of a queue: those assigned to it or logged in.
    queue: Option<String>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Person<'a> {
    user: &'a str,
    name: &'a str,
    extension: Option<&'a str>,
    role: switch::Role,
    /// Key and status of the agent that he is.
    agent: Option<&'a str>,
    status: Option<Status>,
    queues: Vec<&'a str>,
    devices: Vec<Device<'a>>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Device<'a> {
    contact: &'a str,
    user_agent: &'a str,
    since: Wall,
    /// Registered, and it answers.
    reachable: bool,
}

/// `GET /api/v1/people`
pub async fn list(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Value>, Problem> {
    signed.needs(Role::Supervisor)?;
    if let Some(queue) = &wanted.queue {
        api.queue_by_key(queue)?;
    }
    let (snapshot, centre) = (api.snapshot_with_devices().await?, api.handle.centre());
    let mut people = found(&wanted, &centre, &snapshot);
    let more = people.len().saturating_sub(PEOPLE_MAX);
    people.truncate(PEOPLE_MAX);
    Ok(Json(json!({ "now": snapshot.at, "people": people, "more": more })))
}

/// Who fits, in the order of the keys.
fn found<'a>(wanted: &Wanted, centre: &'a Centre, snapshot: &'a Snapshot) -> Vec<Person<'a>> {
    let mut devices: BTreeMap<UserId, Vec<Device<'a>>> = BTreeMap::new();
    for device in &snapshot.devices {
        devices.entry(device.user).or_default().push(Device::of(device));
    }
    let agents: BTreeMap<&str, &acd::AgentSnapshot> =
        snapshot.acd.agents.iter().map(|agent| (user_of(centre, agent), agent)).collect();
    let queues: BTreeMap<_, _> = snapshot.acd.queues.iter().map(|queue| (queue.queue, queue.key.as_str())).collect();
    let search = wanted.search.as_deref().unwrap_or_default().to_lowercase();
    let mut people = Vec::new();
    for user in &centre.users {
        let agent = agents.get(user.name.as_str()).copied();
        let person = Person {
            user: user.name.as_str(),
            name: user.display.reveal(),
            extension: user.extension.as_ref().map(|it| it.as_str()),
            role: user.role,
            agent: agent.map(|agent| agent.key.as_str()),
            status: agent.map(|agent| agent.status),
            queues: agent.iter().flat_map(|it| &it.queues).filter_map(|it| queues.get(&it.queue).copied()).collect(),
            devices: devices.remove(&user.id).unwrap_or_default(),
        };
        if person.fits(&search, wanted) {
            people.push(person);
        }
    }
    people.sort_by_key(|person| person.user);
    people
}

/// The user whose devices ring for an agent.
pub fn user_of<'a>(centre: &'a Centre, agent: &'a acd::AgentSnapshot) -> &'a str {
    let user = centre.acd.agents.get(&agent.agent).and_then(|agent| agent.user.as_deref());
    user.unwrap_or(agent.key.as_str())
}

impl Person<'_> {
    fn fits(&self, search: &str, wanted: &Wanted) -> bool {
        let texts = [Some(self.user), Some(self.name), self.extension];
        texts.into_iter().flatten().any(|text| text.to_lowercase().contains(search))
            && wanted.role.is_none_or(|role| role == self.role)
            && wanted.queue.as_deref().is_none_or(|queue| self.queues.contains(&queue))
    }
}

impl<'a> Device<'a> {
    fn of(device: &'a DeviceView) -> Self {
        Self {
            contact: &device.contact,
            user_agent: &device.user_agent,
            since: device.since,
            reachable: device.reachable,
        }
    }
}
