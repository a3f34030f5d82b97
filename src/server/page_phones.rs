//! What the telephones of pages are told, on its way from the loop to the live connections.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::mpsc;

use crate::{api::PAGE_TOLD_MAX, base::PageId, engine::PageTold};

/// The live connections that may be told something.
#[derive(Debug, Default)]
pub struct PagePhones {
    open: Mutex<HashMap<PageId, mpsc::Sender<PageTold>>>,
    last: AtomicU64,
}

impl PagePhones {
    pub fn open(&self) -> (PageId, mpsc::Receiver<PageTold>) {
        let page = PageId(self.last.fetch_add(1, Ordering::Relaxed) + 1);
        let (sender, receiver) = mpsc::channel(PAGE_TOLD_MAX);
        self.lock().insert(page, sender);
        (page, receiver)
    }

    pub fn close(&self, page: PageId) {
        self.lock().remove(&page);
    }

    /// A page that does not read what it is told is told nothing more, which ends its connection.
    pub fn tell(&self, page: PageId, told: PageTold) {
        let mut open = self.lock();
        if open.get(&page).is_some_and(|sender| sender.try_send(told).is_err()) {
            open.remove(&page);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PageId, mpsc::Sender<PageTold>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
