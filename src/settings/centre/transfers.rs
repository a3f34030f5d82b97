//! `[transfers]`: what becomes of a caller whom nobody took, of one whose agent is gone, and of one who is passed on to a
//! queue.

use toml::{Table, Value};

use super::{
    Reading,
    dump::{text, word_of},
};
use crate::{
    engine::{AgentLost, BlindFailed, Centre, ToQueue},
    settings::{
        fault::At,
        read::{Section, or},
    },
};

const BLIND_FAILED: [(&str, BlindFailed); 3] = [
    ("to_queue_head", BlindFailed::ToQueueHead),
    ("return_to_agent", BlindFailed::ReturnToAgent),
    ("hang_up", BlindFailed::HangUp),
];

const AGENT_LOST: [(&str, AgentLost); 2] = [("to_queue_head", AgentLost::ToQueueHead), ("hang_up", AgentLost::HangUp)];

/// The highest `queue_boost`: far above any priority that a menu or a supervisor gives.
const BOOST_MAX: u64 = 1_000;

pub(super) fn read_transfers(reading: &Reading<'_, '_>) -> (BlindFailed, AgentLost, ToQueue) {
    let (mut blind, mut lost, mut boost, mut keeps) = (None, None, None, None);
    for root in reading.roots {
        let section = root.table("transfers");
        once(reading, &section, &mut blind, "blind_failed", section.one_of("blind_failed", &BLIND_FAILED));
        once(reading, &section, &mut lost, "agent_lost", section.one_of("agent_lost", &AGENT_LOST));
        once(reading, &section, &mut boost, "queue_boost", section.whole("queue_boost", 0..=BOOST_MAX));
        once(reading, &section, &mut keeps, "keep_place", section.flag("keep_place"));
        section.finish();
    }
    let to_queue = ToQueue { boost: i32::try_from(or(boost, 0)).unwrap_or(i32::MAX), keep_place: or(keeps, false) };
    (or(blind, BlindFailed::default()), or(lost, AgentLost::default()), to_queue)
}

/// A rule that one of the files may give.
fn once<T>(
    reading: &Reading<'_, '_>,
    section: &Section<'_>,
    chosen: &mut Option<At<T>>,
    key: &'static str,
    read: Option<At<T>>,
) {
    let Some(read) = read else { return };
    if let Some(earlier) = &chosen {
        let hint = Some(format!("the other is at {}", reading.report.line_of(earlier.mark)));
        section.fault(read.mark, format!("{key} is given twice"), hint);
    }
    *chosen = Some(read);
}

/// `None` when all is as by default.
pub(super) fn transfers_table(centre: &Centre) -> Option<Value> {
    let mut table = Table::new();
    if centre.blind_failed != BlindFailed::default() {
        text(&mut table, "blind_failed", word_of(&BLIND_FAILED, &centre.blind_failed));
    }
    if centre.agent_lost != AgentLost::default() {
        text(&mut table, "agent_lost", word_of(&AGENT_LOST, &centre.agent_lost));
    }
    if centre.to_queue.boost != 0 {
        table.insert("queue_boost".to_owned(), Value::Integer(centre.to_queue.boost.into()));
    }
    if centre.to_queue.keep_place {
        table.insert("keep_place".to_owned(), Value::Boolean(true));
    }
    (!table.is_empty()).then_some(Value::Table(table))
}
