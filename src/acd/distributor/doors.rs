//! Open and closed: by the hours of a calendar, by hand, and by the emergency switch of the settings.

use super::{
    super::{Actor, Door, Outcome, Output, QueueEvent, Refused, WithdrawCause},
    Acd, Timer,
    queue::{Queue, WaitPhase},
};
use crate::base::{Now, QueueId, Wall};

impl Queue {
    /// Whether it takes newcomers at this moment of the wall clock.
    pub fn is_open(&self, at: Wall) -> bool {
        match self.door {
            _ if self.rules.closed || self.removed => false,
            Door::Open => true,
            Door::Closed => false,
            Door::Hours => self.calendar.as_ref().is_none_or(|calendar| calendar.is_open(at)),
        }
    }

    /// It is closed, and nobody waits there for it to open. A queue that goes from the settings moves nobody.
    pub fn lets_go(&self) -> bool {
        !self.open && self.rules.closing_lets_go && !self.removed
    }
}

impl Acd {
    /// Opens or closes a queue by hand, or leaves it to its hours again.
    pub fn set_door(&mut self, now: Now, queue: QueueId, door: Door, actor: Actor) -> Result<(), Refused> {
        self.queue(queue)?;
        if let Some(line) = self.queues.get_mut(&queue) {
            line.door = door;
        }
        self.unsaved.queues.insert(queue);
        self.watch_door(now, queue, actor);
        self.settle(now);
        Ok(())
    }

    pub(super) fn on_door(&mut self, now: Now, queue: QueueId) {
        self.watch_door(now, queue, Actor::System);
    }

    /// Tells of a door that has opened or closed, and wakes up at its next change.
    pub(super) fn watch_door(&mut self, now: Now, queue: QueueId, actor: Actor) {
        let at = self.at(now);
        let Some(line) = self.queues.get_mut(&queue) else { return };
        let open = line.is_open(now.wall);
        let was = std::mem::replace(&mut line.open, open);
        let (door, lets_go) = (line.door, line.lets_go());
        let timer = Timer::Door(queue);
        match line.calendar.as_ref().map(|calendar| calendar.next_change(now.wall)) {
            Some(next) => self.timers.set(timer, now.mono + next.since(now.wall)),
            None => {
                self.timers.cancel(timer);
            }
        }
        if was == open {
            return;
        }
        self.outputs.push_back(Output::Queue(QueueEvent { queue, open, door, actor, at }));
        if lets_go {
            self.let_everybody_go(now, queue, &Outcome::Closed);
        }
    }

    /// All who wait leave, but those at whom an agent rings or who are being connected.
    fn let_everybody_go(&mut self, now: Now, queue: QueueId, outcome: &Outcome) {
        let Some(line) = self.queues.get(&queue) else { return };
        let line: Vec<_> = line.line.iter().map(|key| key.interaction).collect();
        for id in line {
            let alone =
                |it: &super::queue::Waiting| it.offers.is_empty() && !matches!(it.phase, WaitPhase::Connecting(_));
            if self.waiting.get(&id).is_some_and(alone) {
                self.let_go(now, id, outcome.clone(), WithdrawCause::Withdrawn);
            }
        }
    }
}
