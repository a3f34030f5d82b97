//! Tells a program elsewhere what was done to agents on their behalf (SV-05): each notice is written down first and sent
//! then, so that neither a restart nor a server that is away loses one. In their order, each again and again with growing
//! pauses, until it is taken, refused for good or a day old.

mod spool;

use std::{path::Path, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use hyper::header::{HeaderName, HeaderValue};
use serde::Serialize;
use tokio::{
    runtime::Handle as Runtime,
    sync::mpsc,
    time::{Instant, sleep_until},
};

use self::spool::Spool;
use super::{
    clock::Clock,
    handle::Handle,
    http::{HttpClient, signature},
    start::StartError,
};
use crate::{
    acd::Overridden,
    api::NoticeView,
    base::{Private, Wall},
    engine::Centre,
    settings::{Endpoint, NotifySettings},
};

/// Notices between the engine's thread and the disk; beyond it they are lost, counted and logged.
const WAITING_MAX: usize = 256;

/// How long one delivery may take.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// What nobody took for so long is news no more.
const KEEP_TIME: Duration = Duration::from_secs(24 * 3600);

/// Pauses between two tries.
#[derive(Clone, Copy, Debug)]
struct Pauses {
    first: Duration,
    longest: Duration,
}

const PAUSES: Pauses = Pauses { first: Duration::from_secs(2), longest: Duration::from_secs(300) };

/// Where the loop puts them.
pub type Notices = Box<dyn Fn(&Overridden) + Send>;

/// What is sent.
#[derive(Serialize)]
struct Told<'a> {
    notice: &'static str,
    #[serde(flatten)]
    view: &'a NoticeView,
}

/// Starts telling; without a webhook nothing is kept.
pub fn start(
    runtime: &Runtime,
    (settings, client): (&NotifySettings, HttpClient),
    data: &Path,
    handle: &Arc<Handle>,
    clock: Clock,
) -> Result<Notices, StartError> {
    let Some(webhook) = settings.webhook.clone() else { return Ok(Box::new(|_| {})) };
    let spool = Spool::open(data.join("notices")).map_err(StartError::new("[notify] data/notices"))?;
    let (sender, incoming) = mpsc::channel(WAITING_MAX);
    let post = Arc::new(Post { client, webhook, secret: settings.secret.clone(), clock });
    let messenger = Messenger { spool, post, pauses: PAUSES, clock };
    let names = Arc::clone(handle);
    // Ends with the loop, which holds the other end of the channel.
    runtime.spawn(messenger.run(incoming, move || names.centres().borrow().clone()));
    Ok(Box::new(move |it| {
        if sender.try_send(it.clone()).is_err() {
            lost("too many notices at once");
        }
    }))
}

fn lost(why: &str) {
    metrics::counter!("notices_lost_total").increment(1);
    tracing::error!(why, "an agent's notice was lost");
}

struct Messenger {
    spool: Spool,
    post: Arc<Post>,
    pauses: Pauses,
    clock: Clock,
}

/// What one delivery needs; it goes on while further notices are written down.
struct Post {
    client: HttpClient,
    webhook: Endpoint,
    secret: Option<Private<String>>,
    clock: Clock,
}

/// The oldest, on its way.
struct Underway {
    number: u64,
    at: Wall,
    outcome: BoxFuture<'static, Outcome>,
}

/// What became of one delivery.
enum Outcome {
    Taken,
    /// It will never be taken.
    Refused(u16),
    Later(String),
}

impl Messenger {
    async fn run(mut self, mut incoming: mpsc::Receiver<Overridden>, centre: impl Fn() -> Arc<Centre>) {
        let mut pause = self.pauses.first;
        let mut due = Instant::now();
        let mut underway: Option<Underway> = None;
        loop {
            let waits = underway.is_none() && !self.spool.is_empty();
            tokio::select! {
                // Whatever the other side takes its time over, what comes meanwhile is written down at once.
                biased;
                it = incoming.recv() => match it {
                    Some(it) => self.write_down(&it, &centre()),
                    None => return,
                },
                outcome = outcome(&mut underway) => {
                    let Some(Underway { number, at, .. }) = underway.take() else { continue };
                    due = Instant::now();
                    if self.is_over(number, at, outcome) {
                        pause = self.pauses.first;
                    } else {
                        due += pause;
                        pause = (pause * 2).min(self.pauses.longest);
                    }
                }
                () = sleep_until(due), if waits => underway = self.begin(),
            }
        }
    }

    fn write_down(&mut self, it: &Overridden, centre: &Centre) {
        let view = NoticeView::of(it, centre);
        let text = serde_json::to_vec(&Told { notice: "override", view: &view }).unwrap_or_default();
        match self.spool.put(it.at, &text) {
            Ok(0) => {}
            Ok(dropped) => lost(&format!("nobody takes them, and {dropped} had to make room")),
            Err(why) => lost(&format!("it can't be written down: {why}")),
        }
    }

    fn begin(&mut self) -> Option<Underway> {
        let (number, at, text) = self.spool.oldest()?;
        let post = Arc::clone(&self.post);
        Some(Underway { number, at, outcome: Box::pin(async move { post.send(number, text).await }) })
    }

    /// It has gone, one way or the other; false: again later.
    fn is_over(&mut self, number: u64, at: Wall, outcome: Outcome) -> bool {
        let webhook = self.post.webhook.origin();
        match outcome {
            Outcome::Taken => metrics::counter!("notices_delivered_total").increment(1),
            Outcome::Refused(status) => lost(&format!("{webhook} refused it: {status}")),
            Outcome::Later(why) if self.clock.now().wall.since(at) >= KEEP_TIME => lost(&why),
            Outcome::Later(why) => {
                tracing::warn!(webhook, why, waiting = self.spool.len(), "notices wait");
                return false;
            }
        }
        self.spool.remove(number);
        true
    }
}

/// That of the delivery that is under way; without one, never.
async fn outcome(underway: &mut Option<Underway>) -> Outcome {
    match underway {
        Some(underway) => underway.outcome.as_mut().await,
        None => std::future::pending().await,
    }
}

impl Post {
    async fn send(&self, number: u64, text: Vec<u8>) -> Outcome {
        let mut headers = vec![(HeaderName::from_static("x-strowger-delivery"), HeaderValue::from(number))];
        headers.extend(signature(self.secret.as_ref(), self.clock.now().wall, &text));
        match self.client.post(&self.webhook, headers, text, ANSWER_TIME).await {
            Ok(said) if (200..300).contains(&said.status) => Outcome::Taken,
            // Too many or too slow is no refusal.
            Ok(said) if (400..500).contains(&said.status) && !matches!(said.status, 408 | 425 | 429) => {
                Outcome::Refused(said.status)
            }
            Ok(said) => Outcome::Later(format!("status {}", said.status)),
            Err(why) => Outcome::Later(why.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
