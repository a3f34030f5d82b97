//! `[[service]]`: programs elsewhere that may be asked.

use std::time::Duration;

use toml::{Table, Value};

use super::{Reading, dump::text};
use crate::{
    base::{Endpoint, ServiceId},
    engine::{Patience, Responder},
    settings::{
        notify::read_secret,
        read::{Section, or},
    },
};

const ANSWER_MS: u64 = 2_000;

/// Who waits for an answer is a caller.
const ANSWER_MS_MAX: u64 = 30_000;

/// With more questions in a row than this, each of which somebody waits for, resting would help nobody.
const REST_AFTER_MAX: u64 = 100;

/// A service that is back after an hour is asked again by then.
const REST_SECS_MAX: u64 = 3_600;

impl Reading<'_, '_> {
    pub(super) fn read_services(&mut self) -> Vec<Responder> {
        let mut services = Vec::new();
        for mut section in self.tables("service") {
            if let Some(key) = self.named(&mut section, "service") {
                if !section.has("url") {
                    section.missing("url", Endpoint::EXPECTED);
                }
                let url = section.parsed_by("url", Endpoint::EXPECTED, Endpoint::parse);
                let secret = read_secret(&section);
                let answer = or(section.whole("answer_ms", 50..=ANSWER_MS_MAX), ANSWER_MS);
                let patience = self.read_patience(&section);
                let id: Option<ServiceId> = self.services.add(self.report, &key.value, key.mark);
                if let (Some(id), Some(url)) = (id, url) {
                    let answer_time = Duration::from_millis(answer);
                    services.push(Responder {
                        id,
                        name: key.value,
                        endpoint: url.value,
                        secret,
                        answer_time,
                        patience,
                    });
                }
            }
            section.finish();
        }
        services
    }

    fn read_patience(&mut self, section: &Section<'_>) -> Patience {
        let usual = Patience::default();
        let rest_after = section.whole("rest_after", 0..=REST_AFTER_MAX).and_then(|at| u32::try_from(at.value).ok());
        let rest_time = or(section.seconds("rest_secs", 1..=REST_SECS_MAX), usual.rest_time);
        let longest = section.seconds("rest_secs_max", 1..=REST_SECS_MAX);
        if let Some(longest) = longest.as_ref().filter(|longest| longest.value < rest_time) {
            let problem = format!("rest_secs_max: {} is less than rest_secs", longest.value.as_secs());
            let hint = format!("at least {}, how long the first rest is", rest_time.as_secs());
            self.report.fault(longest.mark, problem, Some(hint));
        }
        let rest_time_max = or(longest, usual.rest_time_max.max(rest_time));
        Patience { rest_after: rest_after.unwrap_or(usual.rest_after), rest_time, rest_time_max }
    }
}

/// The same back.
pub(super) fn table(service: &Responder) -> Table {
    let mut table = Table::new();
    text(&mut table, "key", &service.name);
    text(&mut table, "url", service.endpoint.to_string());
    if let Some(secret) = &service.secret {
        text(&mut table, "secret", secret.reveal());
    }
    let answer = i64::try_from(service.answer_time.as_millis()).unwrap_or(i64::MAX);
    table.insert("answer_ms".into(), Value::Integer(answer));
    let Patience { rest_after, rest_time, rest_time_max } = service.patience;
    let secs = |time: Duration| Value::Integer(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
    table.insert("rest_after".into(), Value::Integer(rest_after.into()));
    table.insert("rest_secs".into(), secs(rest_time));
    table.insert("rest_secs_max".into(), secs(rest_time_max));
    table
}
