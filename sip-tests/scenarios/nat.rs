//! A switch behind a router that translates addresses: phones of the house reach it as it is, a carrier at the public address.

use strowger::{engine::PageTold, switch::PageOrder, wire::sip::Message};

use crate::sim::{Call, Habit, HoldForm, PUBLIC, Phone, World, secs};

const LOCAL: &str = "10.0.0.1";

/// What a peer was told to send to: Via and Contact of requests, and where the sound is.
fn told(phone: &Phone) -> Vec<String> {
    let hosts = |message: &Message| {
        let text = String::from_utf8_lossy(message.bytes()).into_owned();
        let body = String::from_utf8_lossy(message.body()).into_owned();
        let heads = ["Via: ", "Contact: "].map(|head| {
            let line = text.lines().find(|line| line.starts_with(head)).map(str::to_owned);
            line.unwrap_or_default()
        });
        let sound = body.lines().filter(|line| line.starts_with("c=")).map(str::to_owned).collect::<Vec<_>>();
        heads.into_iter().chain(sound).filter(|line| !line.is_empty()).collect::<Vec<_>>()
    };
    phone.requests().iter().flat_map(hosts).collect()
}

#[track_caller]
fn is_told_only(phone: &Phone, ours: &str, other: &str) {
    let told = told(phone);
    assert!(told.iter().any(|line| line.contains(ours)), "{told:?}");
    assert!(told.iter().all(|line| !line.contains(other)), "{told:?}");
}

fn sends_sound_to(call: &Call) -> String {
    call.with(|call| call.media.remote).map(|remote| remote.ip().to_string()).unwrap_or_default()
}

/// SW-07, SW-02: one call between the house and the world: either side is told the address at which it reaches us, both hear
/// each other, on hold and after it too, and each can hang up.
#[test]
fn sw_07_either_side_of_a_nat_reaches_us() {
    for house_calls in [true, false] {
        let world = World::behind_nat(3_100);
        let (eva, carrier) = (world.agent("eva").ready(), world.carrier());
        carrier.does(Habit::AnswersAtOnce);
        let (one, two) = if house_calls {
            let call = eva.calls("9+351912345678");
            world.within(3, "the carrier has it", |_| carrier.requests_of("INVITE") > 0);
            (call, carrier.call())
        } else {
            eva.does(Habit::AnswersAtOnce);
            let call = carrier.calls("+351210000001");
            world.within(5, "she is called", |_| eva.requests_of("INVITE") > 0);
            (call, eva.call())
        };
        world.within(5, "they talk", |world| world.hear_each_other(&one, &two));
        one.holds(HoldForm::SendOnly);
        world.run_for(secs(2));
        one.resumes();
        one.listens_anew();
        two.listens_anew();
        world.within(5, "they talk again", |world| world.hear_each_other(&one, &two));
        let (house, world_outside) = if house_calls { (&one, &two) } else { (&two, &one) };
        assert_eq!((sends_sound_to(house), sends_sound_to(world_outside)), (LOCAL.to_owned(), PUBLIC.to_owned()));
        two.hangs_up();
        world.run_for(secs(1));
        is_told_only(&eva, LOCAL, PUBLIC);
        is_told_only(&carrier, PUBLIC, LOCAL);
        world.settle();
    }
}

/// SW-09: a page may be on either side, so that it is given both addresses to try, the public one first.
#[test]
fn sw_09_a_page_is_given_both_addresses() {
    let world = World::behind_nat(3_101);
    let (ana, rui) = (world.phone("ana"), world.phone("rui"));
    rui.registers();
    rui.does(Habit::AnswersAtOnce);
    world.run_for(secs(1));
    let page = ana.opens_page();
    let call = page.dials("rui");
    world.within(5, "they talk", |world| world.hear_each_other(&call, &rui));
    let answer = page.told().into_iter().find_map(|told| match told {
        PageTold::Leg { order: PageOrder::Answered { sdp }, .. } => Some(sdp),
        PageTold::On { .. }
        | PageTold::TakesUp { .. }
        | PageTold::Off
        | PageTold::Leg { .. }
        | PageTold::Held { .. }
        | PageTold::HeldLong { .. }
        | PageTold::Dialled { .. }
        | PageTold::NotDialled { .. } => None,
    });
    let answer = answer.expect("an answer");
    let places: Vec<&str> = answer.lines().filter(|line| line.starts_with("a=candidate:")).collect();
    let at = |host: &str| places.iter().position(|line| line.contains(&format!(" {host} ")));
    assert!(at(PUBLIC) == Some(0) && at(LOCAL).is_some(), "{places:?}");
    page.lets_go();
    world.settle();
}
