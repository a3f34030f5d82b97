//! What `/metrics` shows of the engine and the sockets, published from the loop at most once a second.

mod help;

use std::time::Duration;

pub use help::describe;
use metrics::Counter;

use crate::{
    base::{Instant, Now, Wall},
    engine::{Counts, Engine, Record},
    net::{Lane, Net},
    plane,
    switch::Quality,
};

const PUBLISH_TIME: Duration = Duration::from_secs(1);

/// Publishes after a turn when a second has passed since the last time; an idle loop is woken once more, so that the
/// last figures are the true ones, and then sleeps on.
#[derive(Default)]
pub struct Gauges {
    last: Option<Instant>,
    due: Option<Instant>,
    shown: Counts,
    /// Of the media workers.
    sent: plane::Counts,
    sounded: Sounded,
}

/// How the legs of ended calls sounded (SW-21): sums and counts, so that a rate of one by the other is a mean, and how many
/// were how good. Found by their names once; a leg's end costs the engine's thread no more than additions.
struct Sounded {
    received: Counter,
    lost: Counter,
    strangers: Counter,
    excess: Counter,
    malformed: Counter,
    jitter: Counter,
    round_trip: Counter,
    with_round_trip: Counter,
    mos: Counter,
    /// By the peers' own reports.
    lost_at_peers: Counter,
    peer_mos: Counter,
    with_peer_mos: Counter,
    good: Counter,
    fair: Counter,
    poor: Counter,
    unrated: Counter,
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

    /// What the media workers do: strays, to ports without a leg, are what a flood looks like while it lasts.
    pub fn publish_media(&mut self, counts: plane::Counts) {
        let shown = self.sent;
        for (name, value, before) in [
            ("media_packets_in_total", counts.received, shown.received),
            ("media_packets_out_total", counts.sent, shown.sent),
            ("media_packets_unsent_total", counts.unsent, shown.unsent),
            ("media_packets_stray_total", counts.strays, shown.strays),
        ] {
            metrics::counter!(name).increment(value.saturating_sub(before));
        }
        metrics::gauge!("media_streams").set(counts.streams as f64);
        self.sent = counts;
    }

    /// What a record tells of how its call sounded.
    pub fn count_quality(&self, record: &Record) {
        self.sounded.count(record);
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
            ("invariants_broken_total", counts.invariants_broken, shown.invariants_broken),
            ("invariants_repaired_total", counts.invariants_repaired, shown.invariants_repaired),
            ("acd_repairs_total", counts.acd_repairs, shown.acd_repairs),
        ] {
            metrics::counter!(name).increment(value.saturating_sub(before));
        }
        self.shown = counts;
    }
}

impl Default for Sounded {
    fn default() -> Self {
        let grade = |word: &'static str| metrics::counter!("legs_measured_total", "quality" => word);
        Self {
            received: metrics::counter!("rtp_packets_received_total"),
            lost: metrics::counter!("rtp_packets_lost_total"),
            strangers: metrics::counter!("rtp_strangers_total"),
            excess: metrics::counter!("rtp_excess_total"),
            malformed: metrics::counter!("rtp_malformed_total"),
            jitter: metrics::counter!("leg_jitter_microseconds_total"),
            round_trip: metrics::counter!("leg_round_trip_microseconds_total"),
            with_round_trip: metrics::counter!("legs_with_round_trip_total"),
            mos: metrics::counter!("leg_mos_hundredths_total"),
            lost_at_peers: metrics::counter!("rtp_packets_lost_at_peers_total"),
            peer_mos: metrics::counter!("leg_peer_mos_hundredths_total"),
            with_peer_mos: metrics::counter!("legs_with_peer_mos_total"),
            good: grade("good"),
            fair: grade("fair"),
            poor: grade("poor"),
            unrated: grade("unrated"),
        }
    }
}

impl Sounded {
    fn count(&self, record: &Record) {
        if let Record::Call(call) = record {
            call.legs.iter().filter_map(|leg| leg.quality).for_each(|quality| self.count_leg(quality));
        }
    }

    fn count_leg(&self, quality: Quality) {
        /// Below 4.0 some are dissatisfied, below 3.6 many (ITU-T G.107, annex B).
        const GOOD: f32 = 4.0;
        const FAIR: f32 = 3.6;
        self.received.increment(quality.packets_received);
        self.lost.increment(quality.packets_lost);
        self.strangers.increment(quality.strangers);
        self.excess.increment(quality.excess);
        self.malformed.increment(quality.malformed);
        self.jitter.increment((quality.jitter_ms * 1_000.0) as u64);
        if let Some(trip) = quality.round_trip_ms {
            self.round_trip.increment((trip * 1_000.0) as u64);
            self.with_round_trip.increment(1);
        }
        self.mos.increment(quality.mos.map_or(0, |mos| (mos * 100.0).round() as u64));
        self.lost_at_peers.increment(quality.peer_lost.unwrap_or(0).into());
        if let Some(mos) = quality.peer_mos {
            self.peer_mos.increment((mos * 100.0).round() as u64);
            self.with_peer_mos.increment(1);
        }
        let grade = match quality.mos {
            Some(mos) if mos >= GOOD => &self.good,
            Some(mos) if mos >= FAIR => &self.fair,
            Some(_) => &self.poor,
            None => &self.unrated,
        };
        grade.increment(1);
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
        ("sip_answers_withheld_total", counts.withheld),
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

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    /// AP-07: whoever reads the metrics is told what each is of those that calls, legs and media make.
    #[test]
    fn ap_07_the_figures_of_calls_have_a_help_line() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            describe();
            let mut gauges = Gauges::default();
            gauges.publish_engine(Counts { calls_refused: 1, ..Counts::default() });
            gauges.publish_media(plane::Counts::default());
        });
        let text = recorder.handle().render();
        let types: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        assert!(types.len() > 40, "{text}");
        for name in types {
            assert!(text.contains(&format!("# HELP {name} ")), "{name} has no help in\n{text}");
        }
    }

    /// SW-21: the figures of each leg are in the metrics, by how good they were and as sums for means.
    #[test]
    fn sw_21_quality_is_in_the_metrics() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let leg = Quality { packets_received: 50, packets_lost: 2, malformed: 1, jitter_ms: 1.5, ..Quality::default() };
        metrics::with_local_recorder(&recorder, || {
            let sounded = Sounded::default();
            sounded.count_leg(Quality { mos: Some(4.35), round_trip_ms: Some(40.0), ..leg });
            sounded.count_leg(Quality { mos: Some(2.1), peer_mos: Some(1.9), peer_lost: Some(300), ..leg });
            sounded.count_leg(leg);
        });
        let text = recorder.handle().render();
        for line in [
            "legs_measured_total{quality=\"good\"} 1",
            "legs_measured_total{quality=\"poor\"} 1",
            "legs_measured_total{quality=\"unrated\"} 1",
            "rtp_packets_lost_total 6",
            "rtp_malformed_total 3",
            "leg_mos_hundredths_total 645",
            "leg_jitter_microseconds_total 4500",
            "leg_round_trip_microseconds_total 40000",
            "legs_with_round_trip_total 1",
            "rtp_packets_lost_at_peers_total 300",
            "leg_peer_mos_hundredths_total 190",
            "legs_with_peer_mos_total 1",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
