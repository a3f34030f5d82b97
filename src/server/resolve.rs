//! Trunks' names into servers, beside the engine: the questions of a [`Locator`] put to the DNS.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig},
    net::runtime::TokioRuntimeProvider,
    proto::rr::{RData, RecordType},
};
use tokio::{runtime::Handle, sync::Semaphore, time::timeout};
use tokio_util::task::TaskTracker;

use super::{Order, turn::Resolve};
use crate::{
    engine::Input,
    net::Inbox,
    sip::{Answer, Locator, Lookup, Naptr, Question, Server, Srv, Transport},
};

/// Look-ups at once; further ones wait for their turn. Only names of configured trunks are ever looked up.
const LOOK_UPS_MAX: usize = 16;

/// A look-up that takes longer has no answer.
const LOOK_UP_TIME: Duration = Duration::from_secs(5);

/// For how long an answer is good when no record says so.
const LASTS: Duration = Duration::from_secs(300);

/// Asks `servers`, or, when there are none, those that the system is told to ask.
pub fn resolver(runtime: Handle, inbox: Inbox<Order>, servers: &[SocketAddr]) -> Resolve {
    let _inside = runtime.enter();
    let dns = match open(servers) {
        Ok(dns) => Some(dns),
        Err(why) => {
            tracing::warn!(why, "no DNS server is known: trunks are reached by address alone");
            None
        }
    };
    let places = Arc::new(Semaphore::new(LOOK_UPS_MAX));
    let tasks = TaskTracker::new();
    let runtime = runtime.clone();
    Box::new(move |lookup, able| {
        let (places, inbox, dns) = (Arc::clone(&places), inbox.clone(), dns.clone());
        let task = async move {
            let _place = places.acquire().await;
            let found = match &dns {
                Some(dns) => timeout(LOOK_UP_TIME, locate(dns, &lookup, &able)).await.unwrap_or_default(),
                None => Found::default(),
            };
            if found.servers.is_empty() {
                tracing::warn!(host = lookup.host, "the name leads to no server");
            }
            let Found { servers, lasts } = found;
            let _ = inbox.push(Order::Input(Input::Resolved { lookup, servers, lasts }));
        };
        tasks.spawn_on(task, &runtime);
    })
}

fn open(servers: &[SocketAddr]) -> Result<TokioResolver, String> {
    let mut builder = if servers.is_empty() {
        TokioResolver::builder_tokio().map_err(|error| error.to_string())?
    } else {
        let server = |address: &SocketAddr| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = address.port();
                connection
            });
            NameServerConfig::new(address.ip(), true, connections.to_vec())
        };
        let config = ResolverConfig::from_name_servers(servers.iter().map(server).collect());
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    // The carrier's IPv4 address first: their IPv6 is more often the one that nobody has tried.
    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    builder.build().map_err(|error| error.to_string())
}

#[derive(Default)]
struct Found {
    servers: Vec<Server>,
    lasts: Duration,
}

#[expect(clippy::disallowed_methods, reason = "the shell asks how long an answer is good for")]
async fn locate(dns: &TokioResolver, lookup: &Lookup, able: &[Transport]) -> Found {
    let mut locator = Locator::new(lookup.clone(), able);
    let began = Instant::now();
    let mut until = began + LASTS;
    while let Some(question) = locator.poll_question() {
        let (answer, good_until) = ask(dns, question).await;
        until = until.min(good_until.unwrap_or(until));
        locator.handle_answer(answer);
    }
    Found { servers: locator.servers(), lasts: until.saturating_duration_since(began) }
}

/// One question; whatever fails is an answer without records. With it the moment until which its records are good.
async fn ask(dns: &TokioResolver, question: Question) -> (Answer, Option<Instant>) {
    let absolute = |name: &str| if name.ends_with('.') { name.to_owned() } else { format!("{name}.") };
    match question {
        // A short name may be completed as the system does it.
        Question::Addresses(name) => match dns.lookup_ip(name).await {
            Ok(found) => (Answer::Addresses(found.iter().collect()), Some(found.as_lookup().valid_until())),
            Err(_) => (Answer::Addresses(Vec::new()), None),
        },
        Question::Srv(name) => match dns.lookup(absolute(&name), RecordType::SRV).await {
            Ok(found) => {
                let records = found.answers().iter().filter_map(|record| srv(&record.data)).collect();
                (Answer::Srv(records), Some(found.valid_until()))
            }
            Err(_) => (Answer::Srv(Vec::new()), None),
        },
        Question::Naptr(name) => match dns.lookup(absolute(&name), RecordType::NAPTR).await {
            Ok(found) => {
                let records = found.answers().iter().filter_map(|record| naptr(&record.data)).collect();
                (Answer::Naptr(records), Some(found.valid_until()))
            }
            Err(_) => (Answer::Naptr(Vec::new()), None),
        },
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the records are the library's")]
fn srv(data: &RData) -> Option<Srv> {
    match data {
        RData::SRV(srv) => {
            Some(Srv { priority: srv.priority, weight: srv.weight, port: srv.port, target: srv.target.to_ascii() })
        }
        _ => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the records are the library's")]
fn naptr(data: &RData) -> Option<Naptr> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match data {
        RData::NAPTR(naptr) => Some(Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: text(&naptr.flags),
            service: text(&naptr.services),
            replacement: naptr.replacement.to_ascii(),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
