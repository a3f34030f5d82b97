//! `[transfers]`: what becomes of a caller whom nobody took, and of one whose agent is gone.

use toml::{Table, Value};

use super::{
    Reading,
    dump::{text, word_of},
};
use crate::{
    engine::{AgentLost, BlindFailed, Centre},
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

pub(super) fn read_transfers(reading: &Reading<'_, '_>) -> (BlindFailed, AgentLost) {
    let (mut blind, mut lost) = (None, None);
    for root in reading.roots {
        let section = root.table("transfers");
        once(reading, &section, &mut blind, ("blind_failed", &BLIND_FAILED));
        once(reading, &section, &mut lost, ("agent_lost", &AGENT_LOST));
        section.finish();
    }
    (or(blind, BlindFailed::default()), or(lost, AgentLost::default()))
}

/// A rule that one of the files may give.
fn once<T: Copy>(
    reading: &Reading<'_, '_>,
    section: &Section<'_>,
    chosen: &mut Option<At<T>>,
    (key, words): (&'static str, &[(&'static str, T)]),
) {
    let Some(read) = section.one_of(key, words) else { return };
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
    (!table.is_empty()).then_some(Value::Table(table))
}
