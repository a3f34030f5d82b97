//! The engine's questions to services, put over HTTP beside its thread: a JSON object out, JSON back, signed like notices.
//! Which address that is the settings alone say.

use std::sync::Arc;

use serde_json::Value;
use tokio::{
    runtime::Handle as Runtime,
    sync::{Semaphore, watch},
};
use tokio_util::task::TaskTracker;

use super::{
    Order,
    clock::Clock,
    http::{HttpClient, HttpError, Said as Heard, signature},
};
use crate::{
    engine::{ASKS_MAX, Centre, Input, Question, Responder, Said, Unsaid},
    net::Inbox,
};

/// Questions under way. The engine's own bound is lower; a question that it has given up may still be here for the rest
/// of its time.
const UNDER_WAY_MAX: usize = 2 * ASKS_MAX;

/// Where the loop puts them.
pub type Ask = Box<dyn Fn(Question) + Send>;

pub fn asker(
    runtime: Runtime,
    client: HttpClient,
    centre: watch::Receiver<Arc<Centre>>,
    inbox: Inbox<Order>,
    clock: Clock,
) -> Ask {
    let places = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let tasks = TaskTracker::new();
    Box::new(move |question| {
        let ask = question.ask;
        let tell = {
            let inbox = inbox.clone();
            // If it is full, the engine goes on after its own time.
            move |said| drop(inbox.push(Order::Input(Input::Answered { ask, said })))
        };
        let found = centre.borrow().services.iter().find(|service| service.id == question.service).cloned();
        let Some(service) = found else { return tell(Err(Unsaid::NoService)) };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { return tell(Err(Unsaid::TooMany)) };
        let client = client.clone();
        let task = async move {
            let now = clock.now();
            let time = question.until.since(now.mono);
            let headers = signature(service.secret.as_ref(), now.wall, &question.json);
            let heard = client.post(&service.endpoint, headers, question.json, time).await;
            drop(place);
            tell(heard_as(&service, heard));
        };
        tasks.spawn_on(task, &runtime);
    })
}

fn heard_as(service: &Responder, heard: Result<Heard, HttpError>) -> Result<Said, Unsaid> {
    metrics::counter!("services_asked_total", "service" => service.name.clone()).increment(1);
    let said = match heard {
        Ok(Heard { status, body }) if body.is_empty() => Ok(Said { status, json: Value::Null }),
        Ok(Heard { status, body }) => match serde_json::from_slice(&body) {
            Ok(json) => Ok(Said { status, json }),
            // Who is refused is refused, in whatever words.
            Err(_) if !(200..300).contains(&status) => Ok(Said { status, json: Value::Null }),
            Err(why) => Err((Unsaid::Garbled, format!("not JSON: {why}"))),
        },
        Err(why) => Err((unsaid(&why), why.to_string())),
    };
    said.map_err(|(unsaid, why)| {
        metrics::counter!("services_silent_total", "service" => service.name.clone()).increment(1);
        // Whoever should know hears of it from the engine, once it has been so several times in a row.
        tracing::debug!(service = service.name, endpoint = service.endpoint.origin(), why, "a service gave no answer");
        unsaid
    })
}

fn unsaid(why: &HttpError) -> Unsaid {
    match why {
        HttpError::Away(_) => Unsaid::Away,
        HttpError::TooLate => Unsaid::TooLate,
        HttpError::Garbled(_) => Unsaid::Garbled,
    }
}
