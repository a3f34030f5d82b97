//! Every stretch of an agent's time, and their sum.

use std::collections::BTreeMap;

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, Wall},
};

const ANA: AgentId = AgentId(1);

/// Midnight in Lisbon; an hour later the clocks go forward, and the day has 23 hours.
fn short_day() -> Wall {
    let midnight = "2026-03-29T00:00:00Z".parse::<jiff::Timestamp>().expect("a moment");
    Wall(midnight.as_millisecond())
}

fn take(room: &mut Room, spans: &mut Vec<StatusSpan>) {
    let told = std::mem::take(&mut room.said).into_iter().filter_map(|output| {
        let Output::Span(span) = output else { return None };
        Some(span)
    });
    spans.extend(told);
}

fn ms(spans: &[StatusSpan]) -> i64 {
    spans.iter().map(|span| span.to.0 - span.from.0).sum()
}

/// RP-09, OP-10: over a day on which the clocks change, and a restart in the middle of a call, each stretch begins where the
/// one before ended, and all but those offline are together the time from the sign-in to the sign-out, to the millisecond;
/// by status they are the day's figures.
#[test]
fn rp_09_the_stretches_of_a_day_are_its_whole() {
    for from_checkpoint in [false, true] {
        let mut settings = centre(1, 1);
        settings.policies.time_zone = "Europe/Lisbon".into();
        first_queue(&mut settings).acw_secs = 60;
        let (mut room, mut spans) = (Room::closed(settings.clone()), Vec::new());
        room.now.wall = short_day();
        room.acd.settings(room.now, settings);
        room.pass_ms(30 * 60_000 + 123);
        let signed_in = room.now.wall;
        room.ask(|acd, now| acd.handle_device(now, ANA, true));
        room.pass(45 * 60);
        room.call();
        room.pass_ms(2_777);
        let first = room.talk();
        room.pass(600);
        room.end(first);
        room.pass(90);
        room.select(1, Selection::not_ready("break")).unwrap();
        room.pass(3_600);
        room.select(1, Selection::not_ready("lunch")).unwrap();
        room.pass_ms(1);
        room.select(1, Selection::Ready).unwrap();
        let second = room.call();
        let talk = room.talk();
        room.pass(60);
        take(&mut room, &mut spans);
        room.restart(600, &[second], from_checkpoint);
        room.ask(|acd, now| acd.handle_device(now, ANA, true));
        room.pass(60);
        room.end(talk);
        room.pass(19 * 3_600);
        room.ask(|acd, now| acd.sign_out(now, ANA, Actor::Agent(ANA))).unwrap();
        let signed_out = room.now.wall;
        take(&mut room, &mut spans);
        assert!(spans.windows(2).all(|pair| pair[0].to == pair[1].from && pair[0].from < pair[0].to), "{spans:#?}");
        let online: Vec<_> = spans.iter().filter(|span| span.status != Status::Offline).cloned().collect();
        assert_eq!((online[0].from, online.last().unwrap().to), (signed_in, signed_out));
        assert_eq!(ms(&online), signed_out.0 - signed_in.0);
        assert!(online.len() >= 9, "{online:#?}");
        let mut by_status = BTreeMap::<_, i64>::new();
        for span in &online {
            *by_status.entry((span.status, span.reason.clone())).or_default() += ms(std::slice::from_ref(span));
        }
        let today = room.acd.times_of(room.now, ANA).unwrap();
        let today = today.into_iter().map(|it| ((it.status, it.reason), it.ms.cast_signed()));
        assert_eq!(by_status, today.collect());
        room.pass_ms(u64::try_from(short_day().0 + 23 * 3_600_000 - room.now.wall.0).unwrap());
        assert_eq!(room.acd.times_of(room.now, ANA).unwrap(), [], "midnight comes after 23 hours");
    }
}
