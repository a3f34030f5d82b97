//! `[recording]`.

use toml::{Table, Value};

use super::{Reading, dump::text};
use crate::{
    engine::{Centre, HoldKind, PauseKind, RECORDING_RULES_MAX, RecordingRule, RecordingSettings},
    media::tape::Format,
    settings::read::{Section, or},
};

const PAUSES: [(&str, PauseKind); 2] = [("silence", PauseKind::Silence), ("cut", PauseKind::Cut)];

const HOLDS: [(&str, HoldKind); 2] = [("rest", HoldKind::Rest), ("record", HoldKind::Record)];

/// A pause that nobody ends lasts an hour at most where it ends by itself.
const RESUME_SECS_MAX: u64 = 3_600;

impl Reading<'_, '_> {
    pub(super) fn read_recording(&self) -> RecordingSettings {
        let mut settings = RecordingSettings::default();
        let mut first = None;
        for root in self.roots.iter().filter(|root| root.has("recording")) {
            let section = root.table("recording");
            if let Some(earlier) = first.replace(section.mark()) {
                let hint = Some(format!("the other is at {}", self.report.line_of(earlier)));
                section.fault(section.mark(), "[recording] is given twice", hint);
            }
            settings.pause = or(section.one_of("pause", &PAUSES), PauseKind::default());
            settings.on_hold = or(section.one_of("on_hold", &HOLDS), HoldKind::default());
            settings.format = or(section.one_of("format", &Format::ALL), Format::default());
            let resume = or(section.whole("resume_secs", 0..=RESUME_SECS_MAX), 0);
            settings.resume_secs = u32::try_from(resume).unwrap_or(0);
            settings.rules = section.tables("rule").into_iter().map(|rule| self.read_rule(rule)).collect();
            if settings.rules.len() > RECORDING_RULES_MAX {
                section.fault(section.mark(), format!("more than {RECORDING_RULES_MAX} rules"), None);
            }
            section.finish();
        }
        settings
    }

    fn read_rule(&self, mut section: Section<'_>) -> RecordingRule {
        section.name_it(String::from("[[recording.rule]]"));
        let what = "[[recording.rule]]";
        let queue = section.text("queue").and_then(|key| self.queues.find(self.report, &key, what));
        let trunk = section.text("trunk").and_then(|key| self.trunks.find(self.report, &key, what));
        let agent = section.text("agent").and_then(|key| self.agents.find(self.report, &key, what));
        let percent = u8::try_from(or(section.whole("percent", 0..=100), 100)).unwrap_or(100);
        let format = section.one_of("format", &Format::ALL).map(|format| format.value);
        section.finish();
        RecordingRule { queue, trunk, agent, percent, format }
    }
}

/// The same back; `None` where nothing is recorded.
pub(super) fn table(centre: &Centre) -> Option<Table> {
    let RecordingSettings { rules, pause, on_hold, resume_secs, format } = &centre.recording;
    if centre.recording == RecordingSettings::default() {
        return None;
    }
    let mut table = Table::new();
    if let Some((word, _)) = PAUSES.iter().find(|(_, kind)| kind == pause) {
        text(&mut table, "pause", *word);
    }
    if let Some((word, _)) = HOLDS.iter().find(|(_, kind)| kind == on_hold) {
        text(&mut table, "on_hold", *word);
    }
    text(&mut table, "format", format.ending());
    table.insert("resume_secs".into(), Value::Integer(i64::from(*resume_secs)));
    let rules: Vec<Value> = rules.iter().map(|rule| Value::Table(rule_table(rule, centre))).collect();
    table.insert("rule".into(), Value::Array(rules));
    Some(table)
}

fn rule_table(rule: &RecordingRule, centre: &Centre) -> Table {
    let mut table = Table::new();
    let queue = rule.queue.and_then(|id| centre.acd.queues.get(&id)).map(|queue| queue.key.clone());
    let trunk = rule.trunk.and_then(|id| centre.trunks.iter().find(|trunk| trunk.id == id));
    let agent = rule.agent.and_then(|id| centre.acd.agents.get(&id)).map(|agent| agent.key.clone());
    for (key, name) in [("queue", queue), ("trunk", trunk.map(|trunk| trunk.name.to_string())), ("agent", agent)] {
        if let Some(name) = name {
            text(&mut table, key, name);
        }
    }
    table.insert("percent".into(), Value::Integer(i64::from(rule.percent)));
    if let Some(format) = rule.format {
        text(&mut table, "format", format.ending());
    }
    table
}
