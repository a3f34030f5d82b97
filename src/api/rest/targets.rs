//! Whom a call can be passed on to, asked about or made to (CH-06): people, groups and queues by name or number, each with
//! how it stands now.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Asked;
use crate::{
    acd::{self, Status},
    api::{Api, Problem, Signed},
    base::UserId,
    engine::{Centre, Snapshot},
    switch::{Destination, LegParty, Route, Router},
};

/// Targets in one answer; `more` says how many others fit. Nobody reads further: one types another letter.
const TARGETS_MAX: usize = 50;

/// Characters of a search.
const SEARCH_MAX: usize = 64;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// In a name or number; whatever its case.
    #[serde(default)]
    search: String,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Target {
    User {
        name: String,
        /// What is dialled to reach it.
        to: String,
        /// Of the agent that he is.
        status: Option<Status>,
        /// Some device of his would ring.
        reachable: bool,
    },
    Group {
        name: String,
        to: String,
        /// Members, and those of them whose devices would ring.
        members: usize,
        reachable: usize,
    },
    Queue {
        name: String,
        to: String,
        waiting: usize,
        /// Agents who could take a call now.
        free: u32,
        open: bool,
    },
}

/// `GET /api/v1/targets`: for anybody who is signed in.
pub async fn list(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Value>, Problem> {
    if wanted.search.chars().count() > SEARCH_MAX {
        return Err(Problem::bad_request(format!("Search by at most {SEARCH_MAX} characters.")));
    }
    let (snapshot, centre) = (api.snapshot_with_devices().await?, api.handle.centre());
    let mut targets = found(&wanted.search.to_lowercase(), signed.user.user, &centre, &snapshot);
    let more = targets.len().saturating_sub(TARGETS_MAX);
    targets.truncate(TARGETS_MAX);
    Ok(Json(json!({ "now": snapshot.at, "targets": targets, "more": more })))
}

/// People first, then groups, then queues; each in the order of its name. Never oneself.
fn found(search: &str, myself: UserId, centre: &Centre, snapshot: &Snapshot) -> Vec<Target> {
    let reachable = |user: UserId| snapshot.devices.iter().any(|device| device.user == user && device.reachable);
    let fits = |texts: &[&str]| texts.iter().any(|text| text.to_lowercase().contains(search));
    let agents: BTreeMap<&str, &acd::AgentSnapshot> =
        snapshot.acd.agents.iter().map(|agent| (super::people::user_of(centre, agent), agent)).collect();
    let mut users = Vec::new();
    for user in centre.users.iter().filter(|user| user.id != myself) {
        let (key, to) = (user.name.as_str(), user.extension.as_ref().unwrap_or(&user.name).as_str());
        let shown = Some(user.display.reveal().as_str()).filter(|shown| !shown.is_empty()).unwrap_or(key);
        if fits(&[shown, key, to]) {
            let status = agents.get(key).map(|agent| agent.status);
            users.push(Target::User {
                name: shown.to_owned(),
                to: to.to_owned(),
                status,
                reachable: reachable(user.id),
            });
        }
    }
    let groups = centre.groups.iter().filter(|group| fits(&[group.name.as_str()])).map(|group| Target::Group {
        name: group.name.to_string(),
        to: group.name.to_string(),
        members: group.members.len(),
        reachable: group.members.iter().filter(|user| reachable(**user)).count(),
    });
    let router = Router::new(&[], &[], &centre.routes);
    let queues = snapshot.acd.queues.iter().filter_map(|queue| {
        let to = number_of(Destination::Queue(queue.queue), &centre.routes, &router, myself)?;
        fits(&[&queue.name, &queue.key, &to]).then(|| Target::Queue {
            name: queue.name.clone(),
            to,
            waiting: queue.waiting.len(),
            free: queue.routable,
            open: queue.open,
        })
    });
    let mut targets: Vec<Target> = users.into_iter().chain(groups).chain(queues).collect();
    targets.sort_by_key(Target::place);
    targets
}

/// What a user dials to get there: a whole number that a route of his leads there with.
fn number_of(to: Destination, routes: &[Route], router: &Router, by: UserId) -> Option<String> {
    let leads = |number: &str| router.route(LegParty::User(by), number).is_some_and(|routed| routed.destination == to);
    let mut exact = routes.iter().filter(|route| route.destination == to && route.pattern.is_exact());
    exact.find(|route| leads(route.pattern.as_str())).map(|route| route.pattern.as_str().to_owned())
}

impl Target {
    fn place(&self) -> (u8, String) {
        match self {
            Self::User { name, .. } => (0, name.to_lowercase()),
            Self::Group { name, .. } => (1, name.to_lowercase()),
            Self::Queue { name, .. } => (2, name.to_lowercase()),
        }
    }
}
