//! `[[service]]`: programs elsewhere that may be asked.

use std::time::Duration;

use toml::{Table, Value};

use super::{Reading, dump::text};
use crate::{
    base::{Endpoint, ServiceId},
    engine::Responder,
    settings::{notify::read_secret, read::or},
};

const ANSWER_MS: u64 = 2_000;

/// Who waits for an answer is a caller.
const ANSWER_MS_MAX: u64 = 30_000;

impl Reading<'_, '_> {
    pub(super) fn read_services(&mut self) -> Vec<Responder> {
        let mut services = Vec::new();
        for mut section in self.tables("service") {
            if let Some(key) = section.required_text("key", "the service's short name") {
                section.name_it(format!("service \"{}\"", key.value));
                if !section.has("url") {
                    section.missing("url", Endpoint::EXPECTED);
                }
                let url = section.parsed_by("url", Endpoint::EXPECTED, Endpoint::parse);
                let secret = read_secret(&section);
                let answer = or(section.whole("answer_ms", 50..=ANSWER_MS_MAX), ANSWER_MS);
                let id: Option<ServiceId> = self.services.add(self.report, &key.value, key.mark);
                if let (Some(id), Some(url)) = (id, url) {
                    let answer_time = Duration::from_millis(answer);
                    services.push(Responder { id, name: key.value, endpoint: url.value, secret, answer_time });
                }
            }
            section.finish();
        }
        services
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
    table
}
