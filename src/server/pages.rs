//! Pages and API beside the loop, with the database behind them.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use tokio::{net::TcpListener, runtime::Handle as Runtime, sync::watch, time::timeout};
use tokio_util::task::TaskTracker;

use super::{Clock, Handle};
use crate::{
    api::{Api, ApiSettings, ServeSettings, serve},
    engine::Centre,
    store::Database,
};

/// Open pages get this long when the switch ends.
const GOODBYE_TIME: Duration = Duration::from_secs(4);

/// So long pages wait for a database that is away at the start; then people may sign in anew without it.
const SESSIONS_PATIENCE: Duration = Duration::from_secs(10);

pub struct Pages {
    stop: watch::Sender<bool>,
    tasks: TaskTracker,
    runtime: Runtime,
}

impl Pages {
    /// Serves on `listener` (bound already, so that a taken port is an error of the start).
    pub fn start(
        runtime: &Runtime,
        listener: std::net::TcpListener,
        database: Database,
        handle: Arc<Handle>,
        clock: Clock,
        metrics: Arc<dyn Fn() -> String + Send + Sync>,
        settings: ApiSettings,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let tasks = TaskTracker::new();
        listener.set_nonblocking(true)?;
        let _inside = runtime.enter();
        let listener = TcpListener::from_std(listener)?;
        let mut centres = handle.centres();
        let centre = Arc::clone(&centres.borrow_and_update());
        let api_clock = Arc::new(move || clock.now());
        let (api, hub) = Api::new(settings, handle, database.clone(), api_clock, metrics);
        tasks.spawn_on(hub, runtime);
        let router = api.router();
        tasks.spawn_on(serve(listener, router, ServeSettings::default(), stopped.clone()), runtime);
        let follow = async move {
            load_accounts(&database, &api, &centre).await;
            while centres.changed().await.is_ok() {
                let centre = Arc::clone(&centres.borrow_and_update());
                api.set_users(&centre).await;
            }
        };
        tasks.spawn_on(until_stopped(follow, stopped.clone()), runtime);
        Ok(Self { stop, tasks, runtime: runtime.clone() })
    }

    /// Lets open requests end, for a moment.
    pub fn end(self) {
        let _ = self.stop.send(true);
        self.tasks.close();
        self.runtime.block_on(async {
            let _ = timeout(GOODBYE_TIME, self.tasks.wait()).await;
        });
    }
}

async fn until_stopped(task: impl Future<Output = ()>, mut stopped: watch::Receiver<bool>) {
    tokio::select! {
        () = task => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

/// Who may sign in comes from the centre, who is signed in from the database, as soon as it can be reached.
async fn load_accounts(database: &Database, api: &Api, centre: &Centre) {
    api.set_users(centre).await;
    let mut reachable = pin!(database.prepare_when_reachable());
    if timeout(SESSIONS_PATIENCE, &mut reachable).await.is_err() {
        api.wait_for_no_sessions();
        reachable.await;
    }
    api.set_users(centre).await;
    if let Err(why) = api.load_sessions().await {
        tracing::error!(%why, "sign-ins could not be read from the database");
        api.wait_for_no_sessions();
    }
    api.load_clips().await;
}

/// Binds the pages' address.
pub fn bind(address: SocketAddr) -> std::io::Result<(std::net::TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind(address)?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}
