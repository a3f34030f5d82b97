//! What each figure is, for whoever reads `/metrics`.

/// Figures of the present moment.
const NOW: [(&str, &str); 15] = [
    ("calls", "Calls that are up, or rung for, or wait."),
    ("legs", "Legs of those calls: phones, pages and trunks."),
    ("sip_dialogs", "SIP dialogs (RFC 3261 12)."),
    ("sip_transactions", "SIP transactions (RFC 3261 17)."),
    ("sip_forwarding", "Requests that are being forwarded for others."),
    ("registered_devices", "Registered phones."),
    ("texts_underway", "Texts that no phone has answered yet."),
    ("sip_subscriptions", "Phones that watch somebody (RFC 6665)."),
    ("sip_publications", "States that phones publish (RFC 3903)."),
    ("rtp_ports_free", "Pairs of RTP ports that no leg has."),
    ("rtp_ports_used", "Pairs of RTP ports that legs have, or that rest after one."),
    ("engine_timers", "Timers of the engine that run."),
    ("queue_calls", "Calls in queues, those that talk to an agent included."),
    ("held_outputs", "Answers that wait until the journal has written what they promise."),
    ("media_streams", "Streams of the media workers."),
];

/// Counts since the start.
const SINCE_START: [(&str, &str); 37] = [
    ("calls_begun_total", "Calls that were taken on, whatever became of them."),
    ("calls_ended_total", "Calls that were taken on and are over."),
    (
        "calls_refused_total",
        "Calls that were not taken on: a wrong password, no free line, no room. Neither challenges (401), nor calls that \
         were taken on and led nowhere.",
    ),
    ("calls_forwarded_total", "Calls to numbers with mode = proxy that were passed on."),
    ("transfers_total", "Calls of which one side was passed on to somebody else."),
    ("texts_total", "Texts that were taken on."),
    ("texts_refused_total", "Texts that were refused."),
    ("sip_notifies_total", "NOTIFY requests sent to watchers."),
    ("sip_event_documents_total", "Documents made for watchers."),
    ("sip_watchers_lost_total", "Watchers that answered no more."),
    ("registrations_total", "REGISTER requests that registered a phone, or did so again."),
    ("wrong_credentials_total", "Wrong SIP passwords."),
    ("offers_total", "Times that an agent was asked to take a call."),
    ("services_spared_total", "Questions that were not asked of a service that gives no answers."),
    ("invariants_broken_total", "Faults that the switch has found in itself; each is in the log."),
    ("invariants_repaired_total", "Those of them that it has repaired."),
    ("acd_repairs_total", "Times that the distributor derived its lists anew."),
    ("media_packets_in_total", "RTP and RTCP packets that came."),
    ("media_packets_out_total", "RTP and RTCP packets that were sent."),
    ("media_packets_unsent_total", "Packets that the system did not take."),
    ("media_packets_stray_total", "Packets to ports that no leg has."),
    ("legs_measured_total", "Ended legs with sound, by how good it was."),
    ("legs_with_round_trip_total", "Ended legs whose round trip is known."),
    ("legs_with_peer_mos_total", "Ended legs whose far end told how it heard."),
    ("leg_jitter_microseconds_total", "Sum of the jitter of ended legs."),
    ("leg_round_trip_microseconds_total", "Sum of the round trips of ended legs."),
    ("leg_mos_hundredths_total", "Sum of the MOS of ended legs, times 100."),
    ("leg_peer_mos_hundredths_total", "Sum of the MOS that far ends told, times 100."),
    ("rtp_packets_received_total", "RTP packets of ended legs that came."),
    ("rtp_packets_lost_total", "RTP packets of ended legs that did not come."),
    ("rtp_packets_lost_at_peers_total", "RTP packets that far ends missed, by their reports."),
    ("rtp_strangers_total", "Packets from whoever was not the far end."),
    ("rtp_excess_total", "Packets beyond what a far end may send."),
    ("rtp_malformed_total", "Packets that are no RTP."),
    ("records_lost_total", "Records that the journal had no room for."),
    ("store_records_total", "Records that the database has taken."),
    ("promises_refused_total", "Answers that became refusals because the journal could not be written."),
];

/// Tells the recorder, before or after the figures come.
pub fn describe() {
    for (name, help) in NOW {
        metrics::describe_gauge!(name, help);
    }
    for (name, help) in SINCE_START {
        metrics::describe_counter!(name, help);
    }
}
