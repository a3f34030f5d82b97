//! What is done with live calls: passed on, held, asked first, thirds brought in, put out or muted; supervisors' ears.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequestParts, Path, State},
    http::request::Parts,
};
use serde::Deserialize;

use super::{Body, DONE, Done, Scope, number};
use crate::{
    api::{Api, Problem, Signed},
    base::{CallId, LegId, UserId},
    engine::{Actor, AnswerSettings, BlindFailed, ConsultStep, Gain, Request, Supervision},
    store::Role,
};

const NO_CALL: &str = "There is no such call; it may have just ended.";
const NO_LEG: &str = "There is no such leg in this call; it may have just ended.";

/// Whoever is judged waits meanwhile: nobody does for longer.
const ANALYSIS_MILLIS_MAX: u32 = 30_000;

/// Characters of a number to dial.
const NUMBER_MAX: usize = 128;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLeg {
    /// As the user who asks would dial it.
    to: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegChange {
    #[serde(default)]
    muted: Option<bool>,
    #[serde(default)]
    gain_db: Option<i8>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupervisionChange {
    mode: Supervision,
}

/// `POST /api/v1/calls/{call}/parties`: brings a third into one's own call, or any for a supervisor.
pub async fn add(State(api): State<Arc<Api>>, own: OwnCall, Body(new): Body<NewLeg>) -> Result<Json<Done>, Problem> {
    check_number(&new.to)?;
    api.ask(own.actor, Request::AddLeg { call: own.call, by: own.user, to: new.to }).await?;
    Ok(DONE)
}

/// `PUT /api/v1/calls/{call}/parties/{leg}`: nobody hears it, or all do again; or they hear it louder, or quieter.
pub async fn change(
    State(api): State<Arc<Api>>,
    OwnLeg { actor, call, leg }: OwnLeg,
    Body(change): Body<LegChange>,
) -> Result<Json<Done>, Problem> {
    let request = match (change.muted, change.gain_db) {
        (Some(muted), None) => Request::MuteLeg { call, leg, muted },
        (None, Some(gain_db)) if Gain::DB.contains(&gain_db) => Request::SetGain { call, leg, gain_db },
        (None, Some(_)) => {
            let (least, most) = (Gain::DB.start(), Gain::DB.end());
            return Err(
                Problem::bad_request(format!("gain_db goes from {least} to {most}.")).hint("0 is as it is said.")
            );
        }
        (None, None) | (Some(_), Some(_)) => {
            return Err(Problem::bad_request("One change at a time.").hint("Give either muted or gain_db."));
        }
    };
    api.ask(actor, request).await?;
    Ok(DONE)
}

/// `DELETE /api/v1/calls/{call}/parties/{leg}`: puts it out; two who are left talk on.
pub async fn drop_one(State(api): State<Arc<Api>>, OwnLeg { actor, call, leg }: OwnLeg) -> Result<Json<Done>, Problem> {
    api.ask(actor, Request::DropLeg { call, leg }).await?;
    Ok(DONE)
}

/// `POST /api/v1/calls/{call}/parties/{leg}/answer`: a person or a machine? The live connection tells.
pub async fn judge(
    State(api): State<Arc<Api>>,
    OwnLeg { actor, call, leg }: OwnLeg,
    Body(settings): Body<AnswerSettings>,
) -> Result<Json<Done>, Problem> {
    let longest = [settings.initial_silence_ms, settings.greeting_ms, settings.total_analysis_time_ms];
    if longest.into_iter().any(|millis| millis > ANALYSIS_MILLIS_MAX) {
        return Err(Problem::bad_request(format!("No time may be longer than {ANALYSIS_MILLIS_MAX} ms.")));
    }
    if settings.silence_threshold > i16::MAX.unsigned_abs() {
        return Err(Problem::bad_request("No sample is louder than 32767: silence_threshold is 0 to 32767."));
    }
    api.ask(actor, Request::JudgeAnswer { call, leg, settings }).await?;
    Ok(DONE)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTransfer {
    /// As the user who asks would dial it.
    to: String,
    /// What becomes of a caller whom nobody takes; left out: what `[transfers]` says.
    #[serde(default)]
    on_failure: Option<BlindFailed>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldChange {
    held: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsultChange {
    step: ConsultStep,
}

/// `POST /api/v1/calls/{call}/transfer`: to a person, a group, a queue or a number, without asking first.
pub async fn transfer(
    State(api): State<Arc<Api>>,
    own: OwnCall,
    Body(new): Body<NewTransfer>,
) -> Result<Json<Done>, Problem> {
    check_number(&new.to)?;
    api.ask(own.actor, Request::Transfer { call: own.call, by: own.user, to: new.to, failed: new.on_failure }).await?;
    Ok(DONE)
}

/// `PUT /api/v1/calls/{call}/hold`
pub async fn hold(
    State(api): State<Arc<Api>>,
    own: OwnCall,
    Body(change): Body<HoldChange>,
) -> Result<Json<Done>, Problem> {
    api.ask(own.actor, Request::Hold { call: own.call, held: change.held }).await?;
    Ok(DONE)
}

/// `POST /api/v1/calls/{call}/consult`: asks somebody in private while the customer hears music.
pub async fn consult(
    State(api): State<Arc<Api>>,
    own: OwnCall,
    Body(new): Body<NewLeg>,
) -> Result<Json<Done>, Problem> {
    check_number(&new.to)?;
    api.ask(own.actor, Request::Consult { call: own.call, by: own.user, to: new.to }).await?;
    Ok(DONE)
}

/// `PUT /api/v1/calls/{call}/consult`: complete, cancel, swap or merge.
pub async fn consult_step(
    State(api): State<Arc<Api>>,
    own: OwnCall,
    Body(change): Body<ConsultChange>,
) -> Result<Json<Done>, Problem> {
    api.ask(own.actor, Request::ConsultStep { call: own.call, step: change.step }).await?;
    Ok(DONE)
}

fn check_number(to: &str) -> Result<(), Problem> {
    if (1..=NUMBER_MAX).contains(&to.len()) {
        return Ok(());
    }
    Err(Problem::bad_request(format!("Give 1 to {NUMBER_MAX} characters to dial.")))
}

/// `PUT /api/v1/calls/{call}/supervision`: listen, whisper, barge or take over. The supervisor's own phone rings, unless he
/// is in the call already.
pub async fn supervise(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(call): Path<String>,
    Body(change): Body<SupervisionChange>,
) -> Result<Json<Done>, Problem> {
    let (scope, call) = (Scope::of(&api, &signed)?, CallId(number(&call, NO_CALL)?));
    scope.call(&api, call).await?;
    let request = Request::Supervise { call, user: signed.user.user, mode: change.mode };
    api.ask(signed.actor(), request).await?;
    tracing::info!(by = signed.user.name, %call, mode = ?change.mode, "a supervisor is in a call");
    Ok(DONE)
}

/// `DELETE /api/v1/calls/{call}/supervision`: leaves it.
pub async fn end_supervision(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(call): Path<String>,
) -> Result<Json<Done>, Problem> {
    signed.needs(Role::Supervisor)?;
    let call = CallId(number(&call, NO_CALL)?);
    api.ask(signed.actor(), Request::EndSupervision { call, user: signed.user.user }).await?;
    Ok(DONE)
}

/// The call that the address names and who acts on it: one's own call, or any for a supervisor. Another's call is to an agent as
/// one that is not.
pub struct OwnCall {
    call: CallId,
    actor: Actor,
    user: UserId,
}

impl FromRequestParts<Arc<Api>> for OwnCall {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let signed = Signed::from_request_parts(parts, api).await?;
        let named = named(parts, api).await?;
        let (call, actor) = own_call(api, &signed, &named.call).await?;
        Ok(Self { call, actor, user: signed.user.user })
    }
}

/// A leg of such a call that is shown: who listens in is nobody's to mute or to put out.
pub struct OwnLeg {
    call: CallId,
    leg: LegId,
    actor: Actor,
}

impl FromRequestParts<Arc<Api>> for OwnLeg {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let OwnCall { call, actor, .. } = OwnCall::from_request_parts(parts, api).await?;
        let named = named(parts, api).await?.leg.unwrap_or_default();
        let view = api.view().await?;
        let live = view.calls.get(&call).ok_or_else(|| Problem::not_found(NO_CALL))?;
        let known = live.parties.iter().find(|known| known.leg == named);
        let known = known.ok_or_else(|| Problem::not_found(NO_LEG))?;
        Ok(Self { call, leg: LegId(number(&known.leg, NO_LEG)?), actor })
    }
}

/// What an address under `/calls` names.
#[derive(Deserialize)]
struct Named {
    call: String,
    leg: Option<String>,
}

async fn named(parts: &mut Parts, api: &Arc<Api>) -> Result<Named, Problem> {
    let named = Path::<Named>::from_request_parts(parts, api).await;
    named.map(|Path(named)| named).map_err(|_| Problem::not_found(NO_CALL))
}

/// The same of a call that stands elsewhere than in the address.
pub(super) async fn own_call(api: &Api, signed: &Signed, call: &str) -> Result<(CallId, Actor), Problem> {
    let call = CallId(number(call, NO_CALL)?);
    let view = api.view().await?;
    let live = view.calls.get(&call).ok_or_else(|| Problem::not_found(NO_CALL))?;
    match (signed.user.role, signed.user.agent) {
        (_, Some(agent)) if live.is_of(Some(agent)) => Ok((call, Actor::Agent(agent))),
        (Role::Supervisor | Role::Admin, _) => {
            Scope::of(api, signed)?.call(api, call).await?;
            Ok((call, signed.actor()))
        }
        (Role::Agent, _) => Err(Problem::not_found(NO_CALL)),
    }
}
