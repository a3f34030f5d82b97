//! The table of presences (AS-18), row by row, as watchers of both kinds are told it.

use std::time::Duration;

use super::{
    watching::{DIALOG, PIDF, PRESENCE, pidf, seen, shows, subscribe, told},
    world::{World, centre},
    writer::Writer,
};
use crate::{
    acd::{Channel, DevicePresence, ReasonKind, ReasonSettings, Selection, Status},
    base::AgentId,
    engine::{Centre, Request},
    sip::Reply,
};

/// What brings Eva, who is Ready and whose phone is there, into a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Row {
    Ready,
    NotReady,
    NotReadyInVoice,
    Custom,
    Voice,
    Offline,
    // Beside the table.
    Rings,
    WrapUp,
    Dnd,
}

fn with_reasons() -> Centre {
    let mut centre = centre();
    centre.acd.policies.device_presence = DevicePresence::Ready;
    centre.acd.policies.default_on_login = crate::acd::LoginDefault::Ready;
    centre.acd.queues.values_mut().for_each(|queue| queue.acw_secs = 10);
    centre.acd.reasons.push(ReasonSettings {
        key: "training".into(),
        name: String::from("Training"),
        kind: ReasonKind::default(),
        colour: String::new(),
        max_secs: 0,
        max_logs_out: false,
    });
    centre
}

fn select(world: &mut World, selection: Selection) {
    world.request(Request::Select { agent: AgentId(1), channel: Channel::Voice, selection }).unwrap();
}

fn bring(world: &mut World, row: Row) {
    let eva = "127.0.0.1:6003".parse().unwrap();
    if matches!(row, Row::NotReadyInVoice | Row::Voice | Row::Rings | Row::WrapUp) {
        let ana = world.phone("ana", 6001);
        world.call(ana, "ana", "800");
    }
    match row {
        Row::Ready => {}
        Row::NotReady => select(world, Selection::NotReady { reason: None }),
        Row::Custom => select(world, Selection::not_ready("training")),
        Row::Rings => {
            let (usage, _) = world.incoming(eva).expect("it is called");
            world.respond(eva, usage, Reply::new(180));
        }
        Row::Voice => drop(world.answer(eva)),
        Row::NotReadyInVoice => {
            world.answer(eva);
            select(world, Selection::not_ready("training"));
        }
        Row::WrapUp => {
            let usage = world.answer(eva);
            world.bye(eva, usage);
        }
        Row::Dnd => drop(world.request(Request::Dnd { agent: AgentId(1), on: true }).unwrap()),
        Row::Offline => drop(world.request(Request::SignOut { agent: AgentId(1) }).unwrap()),
    }
}

/// AS-18: what a client is set to is what others see of its user, but for whoever is in a call: he is on the phone, Not
/// Ready or not, and his lamp burns.
#[test]
fn as_18_each_row_is_told_by_presence_and_lamp() {
    let rows = [
        (Row::Ready, Status::Ready, None, "terminated"),
        (Row::NotReady, Status::NotReady, None, "terminated"),
        (Row::NotReadyInVoice, Status::Busy, Some("on-the-phone"), "confirmed"),
        (Row::Custom, Status::NotReady, None, "terminated"),
        (Row::Voice, Status::Busy, Some("on-the-phone"), "confirmed"),
        (Row::Offline, Status::Offline, None, "terminated"),
        (Row::Rings, Status::Ringing, None, "early"),
        (Row::WrapUp, Status::WrapUp, None, "terminated"),
        (Row::Dnd, Status::Dnd, Some("busy"), "terminated"),
    ];
    for (at, (row, status, activity, lamp)) in (0..).zip(rows) {
        for set in [None, Some("away")] {
            let mut world = World::with(470 + at, with_reasons());
            world.phone("eva", 6003);
            let mut client = Writer::new("eva", 7003);
            if let Some(set) = set {
                let body = pidf("open", set, "");
                let answer = client.ask(&mut world, "PUBLISH", "eva", (&format!("{PIDF}Expires: 600\r\n"), &body));
                assert_eq!(answer.status(), Some(200));
            }
            assert_eq!(world.status(1), Status::Ready);
            bring(&mut world, row);
            world.pass(Duration::from_millis(200));
            assert_eq!(world.status(1), status, "{row:?}");
            let (mut rui, mut max) = (Writer::new("rui", 7002), Writer::new("max", 7004));
            assert_eq!(subscribe(&mut world, &mut rui, "eva", PRESENCE).status(), Some(200));
            let (open, does, note) = seen(&told(&mut world, &mut rui, 200));
            let note = note.as_deref();
            assert!(open, "{row:?}: her phone is there");
            assert_eq!(does.as_deref(), activity.or(set), "{row:?} over {set:?}");
            let said = match row {
                Row::WrapUp => Some("wrap-up"),
                Row::Dnd => Some("dnd"),
                Row::Ready | Row::NotReady | Row::NotReadyInVoice | Row::Custom => None,
                Row::Voice | Row::Offline | Row::Rings => None,
            };
            assert_eq!(note, said, "{row:?} over {set:?}");
            assert_eq!(subscribe(&mut world, &mut max, "eva", DIALOG).status(), Some(200));
            assert!(shows(&told(&mut world, &mut max, 200), lamp), "{row:?}: the lamp shows no {lamp}");
        }
    }
}
