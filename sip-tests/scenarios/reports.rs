//! What phones report of what they hear, and how long the packets are that they can take.

use strowger::wire::rtcp::{Block, Compound, Packet, REPORT_MAX, Report, Sender};

use crate::sim::{Abilities, Call, Phone, World, millis, secs};

fn ana_and_rui(world: &World) -> (Phone, Phone) {
    let (ana, rui) = (world.phone("ana"), world.phone("rui"));
    [&ana, &rui].into_iter().for_each(Phone::registers);
    world.run_for(secs(1));
    rui.answers_after(secs(1));
    (ana, rui)
}

/// Our latest sender report on the port of RTP: its source, the middle of its time, and whether it speaks of what the phone
/// says.
fn reported(call: &Call) -> Option<(u32, u32, bool)> {
    call.with(|call| {
        let ours = call.media.ssrc();
        let last = call.media.reports.last()?;
        Compound::new(last).find_map(|packet| match packet {
            Packet::SenderReport { ssrc, sender, blocks } => {
                Some((ssrc, sender.middle(), blocks.iter().any(|block| block.ssrc == ours)))
            }
            Packet::ReceiverReport { .. } | Packet::SourceDescription(_) | Packet::Bye(_) | Packet::Other(_) => None,
        })
    })
}

/// A phone that has heard that reports so at once, on its port of RTP, to ours.
fn reports(world: &World, call: &Call, (ssrc, middle, _): (u32, u32, bool)) {
    let (from, to, own) = call.with(|call| (call.media.rtp, call.media.remote.unwrap(), call.media.ssrc()));
    let block = Block { ssrc, lost: 3, last_report: middle, ..Block::default() };
    let sender = Sender { ntp: 1 << 40, timestamp: 0, packets: 1, octets: 160 };
    let report = Report { ssrc: own, sender: Some(sender), block: Some(block), cname: "phone", bye: false };
    let mut packet = [0; REPORT_MAX];
    let len = report.write(&mut packet).expect("it fits");
    world.injects(from, to, packet[..len].to_vec());
}

/// SW-09, SW-21: a plain phone with RTCP on its port of RTP, calling and called, is reported to there, and what it reports
/// there is measured.
#[test]
fn sw_09_a_plain_phone_has_rtcp_beside_its_rtp() {
    let world = World::seed(3_200);
    let (ana, rui) = ana_and_rui(&world);
    for phone in [&ana, &rui] {
        phone.can(Abilities { lines: "a=rtcp-mux\r\n", ..Abilities::default() });
    }
    let call = ana.calls("rui");
    world.within(5, "they talk", |world| world.hear_each_other(&call, &rui));
    for side in [&call, &rui.call()] {
        assert!(
            side.with(|call| call.media.theirs.as_ref().is_some_and(|theirs| theirs.muxes)),
            "offered and answered"
        );
        world.within(10, "its speech is reported on", |_| reported(side).is_some_and(|(_, _, of_ours)| of_ours));
        side.with(|call| call.media.reports.clear());
        world.within(10, "a report", |_| reported(side).is_some());
        reports(&world, side, reported(side).unwrap());
    }
    world.run_for(secs(1));
    call.hangs_up();
    world.settle();
    for leg in &world.records()[0].legs {
        let quality = leg.quality.expect("measured");
        assert!(quality.round_trip_ms.is_some_and(|trip| trip < 500.0), "{quality:?}");
    }
}

/// SW-09: who knows nothing of that is reported to on the port above, and is answered without it.
#[test]
fn sw_09_other_phones_have_rtcp_above_their_rtp() {
    let world = World::seed(3_201);
    let (ana, rui) = ana_and_rui(&world);
    let call = ana.calls("rui");
    world.within(5, "they talk", |world| world.hear_each_other(&call, &rui));
    world.run_for(secs(12));
    for side in [&call, &rui.call()] {
        assert!(side.with(|call| call.media.reports.is_empty()), "nothing of that on the port of RTP");
    }
    assert!(
        call.with(|call| call.media.theirs.as_ref().is_some_and(|theirs| !theirs.muxes)),
        "not offered, not answered"
    );
    call.hangs_up();
    world.settle();
}

/// SW-08: a leg is told, and asked for, packets as long as both sides want and no longer than either can take.
#[test]
fn sw_08_no_packet_is_longer_than_its_hearer_can_take() {
    for ((lines, expected, most), is_callers) in [
        ("", 20, None),
        ("a=maxptime:10\r\n", 10, Some(10)),
        ("a=maxptime:15\r\n", 10, Some(10)),
        ("a=maxptime:150\r\n", 20, Some(150)),
    ]
    .into_iter()
    .flat_map(|case| [(case, true), (case, false)])
    {
        let world = World::seed(3_202);
        let (ana, rui) = ana_and_rui(&world);
        let limited = if is_callers { &ana } else { &rui };
        limited.can(Abilities { lines, ..Abilities::default() });
        let call = ana.calls("rui");
        world.run_for(millis(500));
        world.within(5, "it is answered", |_| call.is_up());
        let told =
            |side: &Call| side.with(|call| call.media.theirs.as_ref().map(|theirs| (theirs.ptime, theirs.maxptime)));
        let (caller, called) = (told(&call), told(&rui.call()));
        let hearer = Some((Some(expected), most));
        if is_callers {
            assert_eq!((caller, called), (Some((Some(expected), None)), hearer), "{lines:?} of the caller");
        } else {
            // Offered as long as the caller wants them, before anybody knew.
            assert_eq!((caller, called), (hearer, Some((Some(20), None))), "{lines:?} of the called");
        }
        call.hangs_up();
        world.settle();
    }
}
