//! What `/metrics` shows of the engine and the sockets, published from the loop at most once a second.

use std::time::Duration;

use crate::{
    base::{Instant, Now, Wall},
    engine::{Counts, Engine},
    net::{Lane, Net},
};

const PUBLISH_TIME: Duration = Duration::from_secs(1);

/// Publishes after a turn when a second has passed since the last time; an idle loop is woken once more, so that the
/// last figures are the true ones, and then sleeps on.
#[derive(Default)]
pub struct Gauges {
    last: Option<Instant>,
    due: Option<Instant>,
    shown: Counts,
}

impl Gauges {
    /// When the loop should wake for it.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// True when it has.
    pub fn publish(&mut self, Now { mono: now, wall }: Now, engine: &Engine, net: &mut Net, held: usize) -> bool {
        if let Some(last) = self.last
            && now.since(last) < PUBLISH_TIME
        {
            self.due = Some(last + PUBLISH_TIME);
            return false;
        }
        self.last = Some(now);
        self.due = None;
        self.publish_engine(engine.counts());
        publish_trunks(engine, wall);
        publish_net(net, now);
        metrics::gauge!("held_outputs").set(held as f64);
        true
    }

    fn publish_engine(&mut self, counts: Counts) {
        for (name, value) in [
            ("calls", counts.calls),
            ("legs", counts.legs),
            ("sip_dialogs", counts.dialogs),
            ("sip_transactions", counts.transactions),
            ("sip_forwarding", counts.forwarding),
            ("registered_devices", counts.bindings),
            ("texts_underway", counts.texts_underway),
            ("sip_subscriptions", counts.subscriptions),
            ("sip_publications", counts.publications),
            ("rtp_ports_free", counts.ports_free),
            ("rtp_ports_used", counts.ports_used),
            ("engine_timers", counts.timers),
            ("queue_calls", counts.waiting),
        ] {
            metrics::gauge!(name).set(value as f64);
        }
        let shown = self.shown;
        for (name, value, before) in [
            ("calls_begun_total", counts.calls_begun, shown.calls_begun),
            ("calls_ended_total", counts.calls_ended, shown.calls_ended),
            ("calls_refused_total", counts.calls_refused, shown.calls_refused),
            ("calls_forwarded_total", counts.calls_forwarded, shown.calls_forwarded),
            ("transfers_total", counts.transfers, shown.transfers),
            ("texts_total", counts.texts, shown.texts),
            ("texts_refused_total", counts.texts_refused, shown.texts_refused),
            ("sip_notifies_total", counts.notifies, shown.notifies),
            ("sip_event_documents_total", counts.documents, shown.documents),
            ("sip_watchers_lost_total", counts.watchers_lost, shown.watchers_lost),
            ("registrations_total", counts.registrations, shown.registrations),
            ("wrong_credentials_total", counts.wrong_credentials, shown.wrong_credentials),
            ("offers_total", counts.offers, shown.offers),
            ("services_spared_total", counts.questions_spared, shown.questions_spared),
        ] {
            metrics::counter!(name).increment(value.saturating_sub(before));
        }
        self.shown = counts;
    }
}

fn publish_trunks(engine: &Engine, wall: Wall) {
    for trunk in engine.trunk_views(wall) {
        let key = trunk.key;
        if let Some(up) = trunk.reachable {
            metrics::gauge!("trunk_reachable", "trunk" => key.clone()).set(if up { 1.0 } else { 0.0 });
        }
        if trunk.registration.is_some() {
            let registered = if trunk.registered_until.is_some() { 1.0 } else { 0.0 };
            metrics::gauge!("trunk_registered", "trunk" => key.clone()).set(registered);
        }
        metrics::gauge!("trunk_calls", "trunk" => key).set(f64::from(trunk.calls));
    }
}

fn publish_net(net: &mut Net, now: Instant) {
    let counts = net.take_counts();
    for (name, value) in [
        ("sip_received_total", counts.received),
        ("sip_sent_total", counts.sent),
        ("sip_malformed_total", counts.malformed),
        ("sip_overload_refused_total", counts.refused_calls),
        ("sip_rate_limited_total", counts.rate_limited),
        ("sip_shut_out_total", counts.shut_out),
        ("sip_dropped_in_total", counts.dropped_in),
        ("sip_dropped_out_total", counts.dropped_out),
        ("sip_connections_refused_total", counts.refused_connections),
        ("sip_unmirrored_total", counts.unmirrored),
    ] {
        metrics::counter!(name).increment(value);
    }
    metrics::gauge!("sip_known_sources").set(net.known() as f64);
    metrics::gauge!("sip_banned_sources").set(net.bans() as f64);
    metrics::gauge!("sip_connections").set(net.connections() as f64);
    metrics::gauge!("sip_oldest_input_seconds").set(net.age(now).as_secs_f64());
    for lane in Lane::ALL {
        metrics::gauge!("sip_waiting", "lane" => lane.name()).set(net.waiting(lane) as f64);
    }
}
