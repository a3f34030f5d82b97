//! What the log says of calls (OP-09): a line for each when it is over, and with `debug` what became of it on the way.
//! People's numbers are masked. What peers wrote (Call-IDs) is a field of text, which is escaped.

use crate::{
    base::Wall,
    engine::{CallRecord, Happened, Record, outcome_name},
};

/// Call-IDs of one call that are told; a call that was offered to many has more.
const CALL_IDS_MAX: usize = 8;

/// A call that is over, at info.
pub fn tell_record(record: &Record) {
    if let (true, Some(record)) = (tracing::enabled!(tracing::Level::INFO), record.call()) {
        tell_call(record);
    }
}

fn tell_call(record: &CallRecord) {
    let CallRecord { call, direction, caller, dialled, cause, ended_by, .. } = record;
    let queue = record.queue.as_ref();
    let seconds = |from: Wall, to: Wall| to.since(from).as_secs_f64();
    let call_ids = call_ids(record);
    tracing::info!(
        %call,
        interaction = queue.map(|queue| tracing::field::display(queue.interaction)),
        sip_call_ids = call_ids.as_str(),
        ?direction,
        from = %caller,
        to = %dialled,
        sip = cause.sip,
        q850 = cause.q850,
        ?ended_by,
        seconds = seconds(record.began, record.ended),
        talked = record.connected.map(|connected| seconds(connected, record.ended)),
        queue = queue.map(|queue| tracing::field::display(queue.queue)),
        outcome = queue.map(|queue| queue.outcome.as_str()),
        agent = queue.and_then(|queue| queue.agent).map(tracing::field::display),
        "a call is over"
    );
}

/// Those of its legs, each once.
fn call_ids(record: &CallRecord) -> String {
    let mut ids: Vec<&str> = Vec::new();
    for leg in &record.legs {
        if ids.len() < CALL_IDS_MAX && !leg.sip_call_id.is_empty() && !ids.contains(&leg.sip_call_id.as_str()) {
            ids.push(&leg.sip_call_id);
        }
    }
    ids.join(" ")
}

/// What becomes of a call in its queue, at debug; that the clock was set, as a warning.
pub fn tell_event(what: &Happened) {
    match what {
        Happened::Waiting { interaction, queue, call, caller, priority, .. } => {
            tracing::debug!(%call, %interaction, %queue, from = %caller, priority, "waits in a queue");
        }
        Happened::Offer(offer) => {
            let (agent, interaction, queue, waited_ms) = (offer.agent, offer.interaction, offer.queue, offer.waited_ms);
            tracing::debug!(offer = %offer.offer, %agent, %interaction, %queue, waited_ms, "an agent is asked");
        }
        Happened::OfferEnded { offer, agent, interaction, queue, end, ring_ms } => {
            tracing::debug!(%offer, %agent, %interaction, %queue, ?end, ring_ms, "an agent is asked no more");
        }
        Happened::Left { interaction, queue, outcome, agent, wait_ms } => {
            let agent = agent.map(tracing::field::display);
            tracing::debug!(%interaction, %queue, outcome = outcome_name(outcome), agent, wait_ms, "left the queue");
        }
        Happened::ClockSet { by_ms } => {
            tracing::warn!(by_ms, "the wall clock was set; no timer and no place in a queue moved with it");
        }
        Happened::Call(_)
        | Happened::CallEnded { .. }
        | Happened::RecordingFails { .. }
        | Happened::PartyLost { .. }
        | Happened::AnswerJudged { .. }
        | Happened::Beep { .. }
        | Happened::HeldLong { .. }
        | Happened::ClipStarted { .. }
        | Happened::ClipEnded { .. }
        | Happened::Device(_)
        | Happened::Agent(_)
        | Happened::Member(_)
        | Happened::Queue(_)
        | Happened::Text { .. }
        | Happened::Work { .. }
        | Happened::EngagementEnded(_)
        | Happened::Notice(_)
        | Happened::Service(_)
        | Happened::SettingsChanged
        | Happened::Draining => {}
    }
}
