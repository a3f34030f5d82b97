//! What the telephones of pages are told, on its way from the loop to the live connections.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::mpsc;

use crate::{
    api::PAGE_TOLD_MAX,
    base::{PageId, UserId},
    engine::PageTold,
};

/// The live connections that may be told something.
#[derive(Debug, Default)]
pub struct PagePhones {
    open: Mutex<HashMap<PageId, mpsc::Sender<PageTold>>>,
    last: AtomicU64,
    /// Pages whose end the engine does not know yet: its inbox was full. No more than there were connections.
    untold: Mutex<Vec<(PageId, UserId)>>,
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

    /// Its end could not be told: it is with the next word of any page.
    pub fn keep_untold(&self, page: PageId, user: UserId) {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner).push((page, user));
    }

    pub fn take_untold(&self) -> Vec<(PageId, UserId)> {
        std::mem::take(&mut self.untold.lock().unwrap_or_else(PoisonError::into_inner))
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
