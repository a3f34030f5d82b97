//! Trunks' names into addresses, beside the engine.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::{net::lookup_host, runtime::Handle, sync::Semaphore, time::timeout};
use tokio_util::task::TaskTracker;

use super::{Order, turn::Resolve};
use crate::{engine::Input, net::Inbox};

/// Look-ups at once; further ones wait for their turn. Only names of configured trunks are ever looked up.
const LOOK_UPS_MAX: usize = 16;

/// A look-up that takes longer has no answer.
const LOOK_UP_TIME: Duration = Duration::from_secs(5);

/// Addresses of one name that are told.
const ADDRESSES_MAX: usize = 16;

pub fn resolver(runtime: Handle, inbox: Inbox<Order>) -> Resolve {
    let places = Arc::new(Semaphore::new(LOOK_UPS_MAX));
    let tasks = TaskTracker::new();
    Box::new(move |host, port, transport| {
        let (places, inbox) = (Arc::clone(&places), inbox.clone());
        let task = async move {
            let _place = places.acquire().await;
            let mut addresses = match timeout(LOOK_UP_TIME, lookup_host((host.clone(), port))).await {
                Ok(Ok(found)) => found.map(|address| address.ip()).take(ADDRESSES_MAX).collect::<Vec<IpAddr>>(),
                Ok(Err(_)) | Err(_) => Vec::new(),
            };
            addresses.dedup();
            if addresses.is_empty() {
                tracing::warn!(host, "the name has no address");
            }
            let _ = inbox.push(Order::Input(Input::Resolved { host, port, transport, addresses }));
        };
        tasks.spawn_on(task, &runtime);
    })
}
