//! What waits for the writer: a list under one short lock, and a wake-up only when the writer is idle.

use std::{
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::base::Wall;

use super::{Full, GROUP_MAX};

#[derive(Debug)]
pub enum Order<E, R> {
    Append { id: u64, wall: Wall, entry: E },
    Record { wall: Wall, record: R },
    Checkpoint { wall: Wall, entries: Vec<E> },
    Oldest { max: u32, reply: oneshot::Sender<Vec<(i64, R)>> },
    Delivered { up_to: i64 },
}

#[derive(Debug)]
pub struct Inbox<E, R> {
    list: Mutex<List<E, R>>,
    wake: Condvar,
    waiting_max: usize,
}

#[derive(Debug)]
struct List<E, R> {
    orders: Vec<Order<E, R>>,
    closed: bool,
    /// Somebody waits for what is in the list.
    hurried: bool,
    /// The writer has been woken for what is in the list.
    told: bool,
    /// An entry was turned away since the last checkpoint.
    turned_away: bool,
}

impl<E, R> Inbox<E, R> {
    pub fn new(waiting_max: usize) -> Self {
        let list = List { orders: Vec::new(), closed: false, hurried: false, told: false, turned_away: false };
        Self { list: Mutex::new(list), wake: Condvar::new(), waiting_max }
    }

    pub fn push(&self, order: Order<E, R>) -> Result<(), Full> {
        let mut list = self.lock();
        if list.closed {
            return Err(Full);
        }
        if list.orders.len() >= self.waiting_max {
            list.turned_away |= matches!(order, Order::Append { .. });
            return Err(Full);
        }
        list.hurried |= matches!(order, Order::Oldest { .. });
        let is_ours = matches!(order, Order::Append { .. } | Order::Record { .. });
        list.orders.push(order);
        // The loop's own orders come many in a turn: it says `flush` at the end.
        if !is_ours || list.orders.len() == GROUP_MAX {
            self.wake_for(&mut list);
        }
        Ok(())
    }

    /// Somebody waits for an entry that is in the list: the group closes soon. [`Inbox::flush`] makes it known.
    pub fn hurry(&self) {
        let mut list = self.lock();
        if !list.hurried && !list.orders.is_empty() {
            list.hurried = true;
            list.told = false;
        }
    }

    /// The loop's turn is over: the writer may look.
    pub fn flush(&self) {
        let mut list = self.lock();
        if !list.told && !list.orders.is_empty() {
            self.wake_for(&mut list);
        }
    }

    /// What was appended before it is covered by it and makes room.
    pub fn push_checkpoint(&self, wall: Wall, entries: Vec<E>) {
        let mut list = self.lock();
        list.turned_away = false;
        list.orders.push(Order::Checkpoint { wall, entries });
        self.wake_for(&mut list);
    }

    pub fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }

    pub fn turned_away(&self) -> bool {
        self.lock().turned_away
    }

    /// Waits for an order, then for company: `gather` when somebody waits for it, `linger` otherwise. `None` when closed
    /// and empty.
    pub fn next_group(&self, gather: Duration, linger: Duration) -> Option<Vec<Order<E, R>>> {
        let mut list = self.lock();
        list = self
            .wake
            .wait_while(list, |list| list.orders.is_empty() && !list.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let short = |list: &List<E, R>| list.orders.len() < GROUP_MAX && !list.closed;
        let unhurried = |list: &mut List<E, R>| short(list) && !list.hurried;
        list = self.wake.wait_timeout_while(list, linger, unhurried).unwrap_or_else(PoisonError::into_inner).0;
        if list.hurried {
            let gathering = |list: &mut List<E, R>| short(list);
            list = self.wake.wait_timeout_while(list, gather, gathering).unwrap_or_else(PoisonError::into_inner).0;
        }
        list.hurried = false;
        list.told = false;
        Self::take_some(&mut list)
    }

    /// Waits `length`, or less when closed, and takes what has come since.
    pub fn after(&self, length: Duration) -> Option<Vec<Order<E, R>>> {
        let list = self.lock();
        let (mut list, _) =
            self.wake.wait_timeout_while(list, length, |list| !list.closed).unwrap_or_else(PoisonError::into_inner);
        let has_checkpoint = list.orders.iter().any(|order| matches!(order, Order::Checkpoint { .. }));
        has_checkpoint.then(|| {
            list.told = false;
            mem::take(&mut list.orders)
        })
    }

    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn take_some(list: &mut List<E, R>) -> Option<Vec<Order<E, R>>> {
        if list.orders.len() <= GROUP_MAX {
            let orders = mem::take(&mut list.orders);
            return (!orders.is_empty()).then_some(orders);
        }
        let rest = list.orders.split_off(GROUP_MAX);
        Some(mem::replace(&mut list.orders, rest))
    }

    fn wake_for(&self, list: &mut List<E, R>) {
        list.told = true;
        self.wake.notify_all();
    }

    /// A panic elsewhere must not take the journal with it: the list is whole after every statement.
    fn lock(&self) -> MutexGuard<'_, List<E, R>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
