//! Call records, for supervisors (AP-05).

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Asked, Scope,
    csv::{self, Table},
    number,
};
use crate::{
    acd::{self, Actor, Candidate, Decided, EngagementSummary, Factor, OfferEnd, Onward, Strategy, Undecided, Why},
    api::{Api, Problem, Signed},
    base::{AgentId, CallId, QueueId, Wall},
    engine::{CallRecord, Centre, Direction, MenuStep, QueueRecord, StoryEvent, StoryStep},
    store::{DatabaseError, RecordFilter},
    switch::{Cause, EndedBy, LegParty, LegRecord, LegSide, Quality},
};

const LIMIT: u32 = 100;

/// Characters of a number that is looked for.
const NUMBER_MAX: usize = 64;

/// The same of an outcome.
const OUTCOME_MAX: usize = 32;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Milliseconds since 1970: those that began before.
    before: Option<i64>,
    /// With `before`: and those of that moment with a lower number, so that paging skips none.
    below: Option<String>,
    /// Those that began then or later.
    after: Option<i64>,
    queue: Option<String>,
    agent: Option<String>,
    /// In the caller's number or the dialled one.
    number: Option<String>,
    /// What came of it in its queue.
    outcome: Option<String>,
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
struct RecordView<'a> {
    call: String,
    direction: Direction,
    trunk: Option<String>,
    caller: &'a str,
    dialled: &'a str,
    began: Wall,
    answered: Option<Wall>,
    connected: Option<Wall>,
    ended: Wall,
    cause: Cause,
    ended_by: EndedBy,
    queue: Option<QueuePart<'a>>,
    /// Which way it went through menus.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    menus: &'a [MenuStep],
    legs: Vec<LegView<'a>>,
    /// Who talked in it, and what he wrote of it; only what is over.
    engagements: Vec<EngagementView<'a>>,
}

#[derive(Debug, Serialize)]
struct EngagementView<'a> {
    engagement: String,
    agent: String,
    queue: Option<String>,
    kind: acd::InteractionKind,
    accepted: Wall,
    ended: Wall,
    talk_ms: u64,
    wrap_up_ms: u64,
    extended: u32,
    end: Option<acd::PartEnd>,
    #[serde(flatten)]
    work: &'a acd::Work,
}

#[derive(Debug, Serialize)]
struct QueuePart<'a> {
    queue: String,
    interaction: String,
    outcome: &'a str,
    waited_ms: u64,
    agent: Option<String>,
    offers: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<WhyView<'a>>,
    /// Who was asked and who was not, step by step.
    story: Vec<StepView<'a>>,
}

#[derive(Debug, Serialize)]
struct StepView<'a> {
    at: Wall,
    queue: String,
    #[serde(flatten)]
    what: StepWhat<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "step")]
enum StepWhat<'a> {
    Nobody(&'a acd::WhyNobody),
    Decided(DecidedView<'a>),
    Offered { agent: String, why: WhyView<'a>, end: Option<OfferEnd>, ring_ms: u64 },
    AgentLost { agent: String },
    Left { outcome: &'a str, onward: Option<&'a Onward>, waited_ms: u64 },
}

/// Why this agent was asked, with names.
#[derive(Debug, Serialize)]
struct WhyView<'a> {
    strategy: Strategy,
    rank: u32,
    candidates: u32,
    first: Vec<CandidateView>,
    excluded: &'a [(Factor, u32)],
    unfit: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned: Option<Actor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided: Option<DecidedView<'a>>,
}

/// What a program elsewhere said of who gets it (RT-06).
#[derive(Debug, Serialize)]
struct DecidedView<'a> {
    service: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    named: Option<String>,
    veto: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    undecided: Option<Undecided>,
    took_ms: u64,
}

#[derive(Debug, Serialize)]
struct CandidateView {
    agent: String,
    tier: u16,
    measure: Option<i64>,
}

#[derive(Debug, Serialize)]
struct LegView<'a> {
    leg: String,
    side: LegSide,
    party: String,
    address: &'a str,
    sip_call_id: &'a str,
    began: Wall,
    rang: Option<Wall>,
    answered: Option<Wall>,
    ended: Wall,
    cause: Cause,
    ended_by: EndedBy,
    codec: Option<&'a str>,
    quality: Option<Quality>,
}

/// `GET /api/v1/records`: newest first; as text/csv for who accepts that.
pub async fn list(
    State(api): State<Arc<Api>>,
    signed: Signed,
    headers: HeaderMap,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let scope = Scope::of(&api, &signed)?;
    let queue = wanted.queue.map(|key| api.queue_by_key(&key)).transpose()?;
    if let Some(queue) = queue {
        scope.queue(queue)?;
    }
    let is_long = |text: &Option<String>, most| text.as_ref().is_some_and(|text| text.chars().count() > most);
    if is_long(&wanted.number, NUMBER_MAX) || is_long(&wanted.outcome, OUTCOME_MAX) {
        let detail = format!("A number has at most {NUMBER_MAX} characters here, an outcome {OUTCOME_MAX}.");
        return Err(Problem::bad_request(detail));
    }
    let below = wanted.below.map(|text| text.parse().map(CallId));
    let below = below.transpose().map_err(|_| Problem::bad_request("`below` is the number of a call."))?;
    let filter = RecordFilter {
        before: wanted.before.map(Wall),
        below,
        after: wanted.after.map(Wall),
        number: wanted.number,
        outcome: wanted.outcome,
        queues: queue.map(|queue| vec![queue]).or_else(|| scope.queues()),
        agent: wanted.agent.map(|key| api.agent_by_key(&key)).transpose()?,
        limit: wanted.limit.unwrap_or(LIMIT),
    };
    let records = api.database.records(filter).await.map_err(away)?;
    if csv::is_wanted(&headers) {
        return Ok(table(&records, &api.handle.centre()).into_response());
    }
    let calls: Vec<_> = records.iter().map(|record| record.call).collect();
    let engagements = api.database.engagements(&calls).await.map_err(away)?;
    let centre = api.handle.centre();
    let records = records.iter().map(|record| RecordView::of(record, &engagements, &centre)).collect::<Vec<_>>();
    Ok(Json(json!({ "records": records })).into_response())
}

/// A line for each call.
fn table(records: &[CallRecord], centre: &Centre) -> Table {
    let mut table = Table::new(&[
        "call",
        "direction",
        "trunk",
        "caller",
        "dialled",
        "began",
        "answered",
        "connected",
        "ended",
        "sip",
        "q850",
        "ended_by",
        "queue",
        "interaction",
        "outcome",
        "waited_ms",
        "agent",
        "offers",
    ]);
    let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let time = |at: Option<Wall>| at.map(csv::time).unwrap_or_default();
    for record in records {
        let view = RecordView::of(record, &[], centre);
        let parts = |part: &QueuePart<'_>| (part.queue.clone(), part.waited_ms.to_string(), part.offers.to_string());
        let (queue, waited, offers) = view.queue.as_ref().map(parts).unwrap_or_default();
        let queued = view.queue.as_ref();
        table.row([
            view.call.as_str(),
            &word(json!(view.direction)),
            view.trunk.as_deref().unwrap_or_default(),
            view.caller,
            view.dialled,
            &time(Some(view.began)),
            &time(view.answered),
            &time(view.connected),
            &time(Some(view.ended)),
            &view.cause.sip.to_string(),
            &view.cause.q850.to_string(),
            &word(json!(view.ended_by)),
            &queue,
            queued.map_or("", |part| part.interaction.as_str()),
            queued.map_or("", |part| part.outcome),
            &waited,
            queued.and_then(|part| part.agent.as_deref()).unwrap_or_default(),
            &offers,
        ]);
    }
    table
}

/// `GET /api/v1/records/{call}`
pub async fn read(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(call): Path<String>,
) -> Result<Json<Value>, Problem> {
    let scope = Scope::of(&api, &signed)?;
    const NONE: &str = "There is no record of this call.";
    let record = view_of(&api, &scope, CallId(number(&call, NONE)?)).await?;
    let record = record.ok_or_else(|| Problem::not_found(NONE))?;
    Ok(Json(json!({ "record": record })))
}

/// A record as it is shown to whom it may be; `None` where there is none.
pub async fn view_of(api: &Api, scope: &Scope, call: CallId) -> Result<Option<Value>, Problem> {
    let Some(record) = api.database.record(call).await.map_err(away)? else { return Ok(None) };
    scope.record(record.queue.as_ref().map(|part| part.queue))?;
    let engagements = api.database.engagements(&[call]).await.map_err(away)?;
    Ok(Some(json!(RecordView::of(&record, &engagements, &api.handle.centre()))))
}

pub(super) fn away(why: DatabaseError) -> Problem {
    tracing::warn!(%why, "records can't be read");
    Problem::unavailable("The records database can't be read now.")
}

impl<'a> RecordView<'a> {
    fn of(record: &'a CallRecord, engagements: &'a [EngagementSummary], centre: &Centre) -> Self {
        let own = engagements.iter().filter(|it| it.call == Some(record.call));
        let trunk = |id| centre.trunks.iter().find(|trunk| trunk.id == id).map(|trunk| trunk.name.clone());
        Self {
            call: record.call.0.to_string(),
            direction: record.direction,
            trunk: record.trunk.map(|id| trunk(id).unwrap_or_else(|| id.to_string())),
            caller: record.caller.reveal(),
            dialled: record.dialled.reveal(),
            began: record.began,
            answered: record.answered,
            connected: record.connected,
            ended: record.ended,
            cause: record.cause,
            ended_by: record.ended_by,
            queue: record.queue.as_ref().map(|part| QueuePart::of(part, centre)),
            menus: &record.menus,
            legs: record.legs.iter().map(|leg| LegView::of(leg, centre)).collect(),
            engagements: own.map(|it| EngagementView::of(it, centre)).collect(),
        }
    }
}

impl<'a> EngagementView<'a> {
    fn of(it: &'a EngagementSummary, centre: &Centre) -> Self {
        Self {
            engagement: it.engagement.0.to_string(),
            agent: agent_key(centre, it.agent),
            queue: it.queue.map(|queue| queue_key(centre, queue)),
            kind: it.kind,
            accepted: it.accepted,
            ended: it.ended,
            talk_ms: it.talk_ms,
            wrap_up_ms: it.wrap_up_ms,
            extended: it.extended,
            end: it.end,
            work: &it.work,
        }
    }
}

impl<'a> QueuePart<'a> {
    fn of(part: &'a QueueRecord, centre: &Centre) -> Self {
        Self {
            queue: queue_key(centre, part.queue),
            interaction: part.interaction.0.to_string(),
            outcome: &part.outcome,
            waited_ms: part.waited_ms,
            agent: part.agent.map(|agent| agent_key(centre, agent)),
            offers: part.offers,
            why: part.why.as_deref().map(|why| WhyView::of(why, centre)),
            story: part.story.iter().map(|step| StepView::of(step, centre)).collect(),
        }
    }
}

impl<'a> StepView<'a> {
    fn of(step: &'a StoryStep, centre: &Centre) -> Self {
        let what = match &step.what {
            StoryEvent::Nobody(why) => StepWhat::Nobody(why),
            StoryEvent::Decided(decided) => StepWhat::Decided(DecidedView::of(decided, centre)),
            StoryEvent::Offered { why, end, ring_ms, .. } => StepWhat::Offered {
                agent: agent_key(centre, why.agent),
                why: WhyView::of(why, centre),
                end: *end,
                ring_ms: *ring_ms,
            },
            StoryEvent::AgentLost { agent } => StepWhat::AgentLost { agent: agent_key(centre, *agent) },
            StoryEvent::Left { outcome, onward, waited_ms } => {
                StepWhat::Left { outcome, onward: onward.as_ref(), waited_ms: *waited_ms }
            }
        };
        Self { at: step.at, queue: queue_key(centre, step.queue), what }
    }
}

impl<'a> WhyView<'a> {
    fn of(why: &'a Why, centre: &Centre) -> Self {
        let candidate = |candidate: &Candidate| CandidateView {
            agent: agent_key(centre, candidate.agent),
            tier: candidate.tier,
            measure: candidate.measure,
        };
        Self {
            strategy: why.strategy,
            rank: why.rank,
            candidates: why.candidates,
            first: why.first.iter().map(candidate).collect(),
            excluded: &why.excluded,
            unfit: why.unfit,
            assigned: why.assigned,
            decided: why.decided.as_ref().map(|decided| DecidedView::of(decided, centre)),
        }
    }
}

impl<'a> DecidedView<'a> {
    fn of(decided: &'a Decided, centre: &Centre) -> Self {
        Self {
            service: &decided.service,
            named: decided.agent.map(|agent| agent_key(centre, agent)),
            veto: decided.veto.iter().map(|agent| agent_key(centre, *agent)).collect(),
            undecided: decided.undecided,
            took_ms: decided.took_ms,
        }
    }
}

pub(super) fn queue_key(centre: &Centre, queue: QueueId) -> String {
    centre.acd.queues.get(&queue).map_or_else(|| queue.to_string(), |settings| settings.key.clone())
}

pub(super) fn agent_key(centre: &Centre, agent: AgentId) -> String {
    centre.acd.agents.get(&agent).map_or_else(|| agent.to_string(), |settings| settings.key.clone())
}

impl<'a> LegView<'a> {
    fn of(leg: &'a LegRecord, centre: &Centre) -> Self {
        let party = match leg.party {
            LegParty::User(id) => centre
                .users
                .iter()
                .find(|user| user.id == id)
                .map_or_else(|| id.to_string(), |user| user.name.to_string()),
            LegParty::Trunk(id) => centre
                .trunks
                .iter()
                .find(|trunk| trunk.id == id)
                .map_or_else(|| id.to_string(), |trunk| trunk.name.clone()),
        };
        Self {
            leg: leg.leg.0.to_string(),
            side: leg.side,
            party,
            address: leg.address.reveal(),
            sip_call_id: &leg.sip_call_id,
            began: leg.began,
            rang: leg.rang,
            answered: leg.answered,
            ended: leg.ended,
            cause: leg.cause,
            ended_by: leg.ended_by,
            codec: leg.codec.as_deref(),
            quality: leg.quality,
        }
    }
}
