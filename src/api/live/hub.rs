//! The task that keeps the view and numbers its changes.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::{Instant, sleep_until},
};

use super::{AlertView, Frame, NoticeView, View};
use crate::{
    acd::Notice,
    api::handle::EngineHandle,
    base::AgentId,
    engine::{Actor, Answer, Centre, Event, Happened, Request},
};

/// Between two snapshots of the engine, at least.
const PACE: Duration = Duration::from_millis(100);

/// A burst of events becomes one patch.
const GATHER: Duration = Duration::from_millis(5);

/// A look without an event: some figures change silently.
const SWEEP: Duration = Duration::from_secs(1);

/// Patches kept for pages that come back. At the fastest pace, 50 seconds.
const RING_MAX: usize = 512;

/// Patches that one page may be behind before it is dropped.
pub const BEHIND_MAX: usize = 128;

/// Events in one patch; beyond it the oldest are left out, and the patch says how many.
const EVENTS_MAX: usize = 1_000;

/// Pages that may wait for their first view at once.
const JOINS_MAX: usize = 1_024;

/// The way to the hub; clones are cheap.
#[derive(Clone, Debug)]
pub struct Hub {
    joins: mpsc::Sender<Join>,
    /// Names this run: numbers of another run mean nothing in it.
    pub epoch: Arc<str>,
}

#[derive(Debug)]
struct Join {
    after: Option<u64>,
    reply: oneshot::Sender<Joined>,
}

#[derive(Debug)]
pub struct Joined {
    pub start: Start,
    /// Everything after the start.
    pub frames: broadcast::Receiver<Arc<Frame>>,
}

#[derive(Debug)]
pub enum Start {
    Snapshot {
        seq: u64,
        view: Arc<View>,
    },
    /// The page knows the rest.
    Resume {
        missed: Vec<Arc<Frame>>,
    },
}

/// What the task owns.
struct Keeper {
    handle: Arc<dyn EngineHandle>,
    view: Arc<View>,
    seq: u64,
    ring: VecDeque<Arc<Frame>>,
    frames: broadcast::Sender<Arc<Frame>>,
    events: VecDeque<Arc<Event>>,
    /// Of those since the last patch, which are not among `events`.
    lost: u64,
    last: Instant,
}

impl Hub {
    /// The task ends when all clones of the hub are gone.
    pub fn start(handle: Arc<dyn EngineHandle>, epoch: String) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (joins, incoming) = mpsc::channel(JOINS_MAX);
        let keeper = Keeper {
            handle,
            view: Arc::default(),
            seq: 0,
            ring: VecDeque::new(),
            frames: broadcast::Sender::new(BEHIND_MAX),
            events: VecDeque::new(),
            lost: 0,
            last: Instant::now(),
        };
        (Self { joins, epoch: epoch.into() }, keeper.run(incoming))
    }

    /// `after`: epoch and number of the last patch that the page has.
    pub async fn join(&self, after: Option<(&str, u64)>) -> Option<Joined> {
        let after = after.filter(|(epoch, _)| **epoch == *self.epoch).map(|(_, seq)| seq);
        let (reply, joined) = oneshot::channel();
        self.joins.try_send(Join { after, reply }).ok()?;
        joined.await.ok()
    }
}

/// Never ready while nobody listens.
async fn first_of(
    live: &mut Option<broadcast::Receiver<Arc<Event>>>,
) -> Result<Arc<Event>, broadcast::error::RecvError> {
    match live {
        Some(live) => live.recv().await,
        None => std::future::pending().await,
    }
}

impl Keeper {
    async fn run(mut self, mut joins: mpsc::Receiver<Join>) {
        // Without a page nobody listens, and an event costs the engine's thread nothing.
        let mut live: Option<broadcast::Receiver<Arc<Event>>> = None;
        let mut due: Option<Instant> = None;
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            let watched = self.frames.receiver_count() > 0;
            if !watched {
                live = None;
                due = None;
            }
            tokio::select! {
                join = joins.recv() => match join {
                    Some(join) => {
                        live.get_or_insert_with(|| self.handle.live());
                        self.on_join(join).await;
                    }
                    None => return,
                },
                // One wake-up a burst: the rest of it is taken when the patch is due.
                event = first_of(&mut live), if due.is_none() => {
                    match event {
                        Ok(event) => self.remember(event),
                        Err(broadcast::error::RecvError::Lagged(count)) => self.lose(count),
                        Err(broadcast::error::RecvError::Closed) => return,
                    }
                    due = Some((self.last + PACE).max(Instant::now() + GATHER));
                }
                () = sleep_until(due.unwrap_or(self.last)), if due.is_some() => {
                    due = None;
                    self.take_waiting(&mut live);
                    self.refresh().await;
                }
                _ = sweep.tick(), if watched && due.is_none() => self.refresh().await,
            }
        }
    }

    fn take_waiting(&mut self, live: &mut Option<broadcast::Receiver<Arc<Event>>>) {
        let Some(live) = live else { return };
        loop {
            match live.try_recv() {
                Ok(event) => self.remember(event),
                Err(broadcast::error::TryRecvError::Lagged(count)) => self.lose(count),
                Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => return,
            }
        }
    }

    fn remember(&mut self, event: Arc<Event>) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
            self.lose(1);
        }
        self.events.push_back(event);
    }

    fn lose(&mut self, count: u64) {
        self.lost += count;
        metrics::counter!("live_events_lost_total").increment(count);
    }

    async fn on_join(&mut self, join: Join) {
        self.refresh().await;
        let missed = join.after.and_then(|after| self.missed(after));
        let start = match missed {
            Some(missed) => Start::Resume { missed },
            None => Start::Snapshot { seq: self.seq, view: Arc::clone(&self.view) },
        };
        let _ = join.reply.send(Joined { start, frames: self.frames.subscribe() });
    }

    /// `None` when the ring does not go back so far, or the number is from the future.
    fn missed(&self, after: u64) -> Option<Vec<Arc<Frame>>> {
        let behind = usize::try_from(self.seq.checked_sub(after)?).ok()?;
        let from = self.ring.len().checked_sub(behind)?;
        Some(self.ring.iter().skip(from).cloned().collect())
    }

    /// Takes a snapshot; what differs becomes the next patch. When the engine can't answer now, a later look will.
    async fn refresh(&mut self) {
        self.last = Instant::now();
        let Ok(Answer::Snapshot(snapshot)) = self.handle.ask(Actor::Api, Request::Snapshot).await else {
            metrics::counter!("api_snapshot_failures_total").increment(1);
            return;
        };
        let centre = self.handle.centre();
        let view = View::of(&snapshot, &centre, &self.view);
        let events: Vec<_> = self.events.drain(..).collect();
        let notices = events.iter().filter_map(|event| notice(event, &centre)).collect();
        let alert = |event: &Arc<Event>| Some((Arc::clone(event), AlertView::of(event, &centre)?));
        let alerts = events.iter().filter_map(alert).collect();
        let frame = Frame::between(&self.view, &view, snapshot.at, (events, std::mem::take(&mut self.lost)));
        self.view = Arc::new(view);
        if let Some(mut frame) = frame {
            self.seq += 1;
            frame.seq = self.seq;
            (frame.notices, frame.alerts) = (notices, alerts);
            let frame = Arc::new(frame);
            if self.ring.len() == RING_MAX {
                self.ring.pop_front();
            }
            self.ring.push_back(Arc::clone(&frame));
            // Fails only when nobody looks.
            let _ = self.frames.send(frame);
        }
    }
}

/// What an agent should be told himself.
fn notice(event: &Event, centre: &Centre) -> Option<(AgentId, NoticeView)> {
    let Happened::Notice(Notice::Override(it)) = &event.what else { return None };
    Some((it.agent, NoticeView::of(it, centre)))
}
