//! What the log says of calls (OP-09): a line for each when it is over, and with `debug` what became of it on the way.
//! People's numbers are masked. What peers wrote (Call-IDs) is a field of text, which is escaped.

use std::sync::Arc;

use crate::{
    base::{AgentId, QueueId, Wall},
    engine::{CallRecord, Centre, Happened, Record, outcome_name},
};

/// Call-IDs of one call that are told; a call that was offered to many has more.
const CALL_IDS_MAX: usize = 8;

/// A call that is over, at info.
pub fn tell_record(record: &Record, centre: impl FnOnce() -> Arc<Centre>) {
    if let (true, Some(record)) = (tracing::enabled!(tracing::Level::INFO), record.call()) {
        tell_call(record, &centre());
    }
}

/// What the settings call queue and agent; by number who is gone from them.
fn tell_call(record: &CallRecord, centre: &Centre) {
    let CallRecord { call, direction, caller, dialled, cause, ended_by, .. } = record;
    let queue = record.queue.as_ref();
    let seconds = |from: Wall, to: Wall| to.since(from).as_millis() as f64 / 1_000.0;
    let queue_key = |id: QueueId| centre.acd.queues.get(&id).map_or_else(|| id.to_string(), |queue| queue.key.clone());
    let agent_key = |id: AgentId| centre.acd.agents.get(&id).map_or_else(|| id.to_string(), |agent| agent.key.clone());
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
        queue = queue.map(|queue| queue_key(queue.queue)),
        outcome = queue.map(|queue| queue.outcome.as_str()),
        agent = queue.and_then(|queue| queue.agent).map(agent_key),
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

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::{
        acd::{AgentSettings, QueueSettings},
        base::{CallId, InteractionId, Private},
        engine::{Direction, QueueRecord},
        switch::{Cause, EndedBy},
    };

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// OP-09: queue and agent are named as settings and pages name them, and times are milliseconds.
    #[test]
    fn op_09_a_call_that_is_over_names_queue_and_agent() {
        let mut centre = Centre::default();
        centre.acd.queues.insert(QueueId(7), QueueSettings { key: "support".into(), ..QueueSettings::default() });
        centre.acd.agents.insert(AgentId(8), AgentSettings { key: "ana".into(), ..AgentSettings::default() });
        let queue = |agent| QueueRecord {
            queue: QueueId(7),
            interaction: InteractionId(9),
            outcome: "answered".into(),
            waited_ms: 0,
            agent: Some(AgentId(agent)),
            offers: 1,
            why: None,
            story: Vec::new(),
        };
        let record = |agent| CallRecord {
            call: CallId(1),
            direction: Direction::Inbound,
            trunk: None,
            caller: Private::default(),
            dialled: Private::default(),
            began: Wall::from_millis(1_000),
            answered: None,
            connected: Some(Wall::from_millis(1_100)),
            ended: Wall::from_millis(6_988),
            cause: Cause::NORMAL,
            ended_by: EndedBy::Peer,
            queue: Some(queue(agent)),
            menus: Vec::new(),
            legs: Vec::new(),
        };
        let lines = Lines::default();
        let to = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || to.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            tell_call(&record(8), &centre);
            tell_call(&record(99), &centre);
        });
        let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        for part in ["seconds=5.988 ", "talked=5.888 ", "queue=\"support\"", "agent=\"ana\"", "agent=\"agent-99\""] {
            assert!(said.contains(part), "{part} in\n{said}");
        }
    }
}
