//! Where a peer of a dialog is reached once it is elsewhere: behind another port of its NAT, over another connection.

use super::world::{MS, World, address, in_dialog_text, invite_text};
use crate::{
    sip::{Body, Path, Reply, Transport, UsageId},
    wire::sip::Message,
};

const BEFORE: &str = "9.9.9.9:40000";
const AFTER: &str = "9.9.9.9:40001";

/// What the phone calls itself, which nobody outside its house can reach.
const CONTACT: &str = "sip:eve@192.168.1.5:5060";

/// A call of a phone behind a NAT that is up: our usage, our 2xx.
fn talking(contact: &str) -> (World, UsageId, Message) {
    let eve = address(BEFORE);
    let mut world = World::new(8, 1, Transport::Udp);
    let invite = invite_text(eve, "z9hG4bK1", "", "offer")
        .replace("Via: SIP/2.0/UDP 9.9.9.9:40000", "Via: SIP/2.0/UDP 192.168.1.5:5060")
        .replace("sip:eve@9.9.9.9:40000>\r\nContent", &format!("{contact}>\r\nContent"));
    world.inject(eve, 0, &invite);
    let usage = world.invited(0);
    let (stack, now) = world.stack(0);
    stack.respond(now, usage, Reply::new(200).body(Body::sdp("answer")));
    world.run(MS(20));
    let ok = world.last_answer("INVITE");
    world.inject(eve, 0, &in_dialog_text(eve, &ok, "ACK", 1, "", ""));
    (world, usage, ok)
}

/// A request of that phone, from wherever its NAT lets it speak.
fn says(world: &mut World, ok: &Message, from: &str, contact: &str, cseq: u32, change: (&str, &str)) {
    let text = in_dialog_text(address(from), ok, "UPDATE", cseq, "", "");
    let named = format!("Contact: <sip:eve@{from}>");
    world.inject(address(from), 0, &text.replace(&named, &format!("Contact: <{contact}>")).replace(change.0, change.1));
    world.run(MS(20));
}

fn bye_goes_to(mut world: World, usage: UsageId) -> String {
    world.forget();
    let (stack, now) = world.stack(0);
    stack.bye(now, usage, None);
    world.run(MS(20));
    world.last_request("BYE");
    world.post.last().unwrap().0.to_string()
}

/// SW-01, SW-03: whose NAT has given it another port is reached there as soon as it says something in the call; nobody else
/// moves a call away: not without both tags, not with an old CSeq, not from another host.
#[test]
fn sw_01_sw_03_a_call_follows_its_phone_to_another_port_of_its_nat() {
    let (mut world, usage, ok) = talking(CONTACT);
    says(&mut world, &ok, AFTER, CONTACT, 2, ("", ""));
    assert_eq!(bye_goes_to(world, usage), AFTER);

    for (from, cseq, change) in [
        (AFTER, 2, ("tag=evetag", "tag=mallory")),
        (AFTER, 2, ("Call-ID: hand-made", "Call-ID: guessed")),
        (AFTER, 1, ("", "")),
        ("9.9.9.10:40001", 2, ("", "")),
    ] {
        let (mut world, usage, ok) = talking(CONTACT);
        says(&mut world, &ok, from, CONTACT, cseq, change);
        assert_eq!(bye_goes_to(world, usage), BEFORE, "{from} {cseq} {change:?}");
    }

    // A phone that is where its Contact says is reached there, whatever port it speaks from.
    let (mut world, usage, ok) = talking("sip:eve@9.9.9.9:40000");
    says(&mut world, &ok, AFTER, "sip:eve@9.9.9.9:40000", 2, ("", ""));
    assert_eq!(bye_goes_to(world, usage), BEFORE);
}

/// SW-01: a REGISTER of the same phone from there moves it too; that of another one behind the same NAT does not.
#[test]
fn sw_01_a_call_follows_the_registration_of_its_phone() {
    for (contact, from, follows) in [
        (CONTACT, AFTER, true),
        ("sip:eve@192.168.1.6:5060", AFTER, false),
        ("sip:eve@192.168.1.5:5062", AFTER, false),
        (CONTACT, "9.9.9.10:40001", false),
    ] {
        let (mut world, usage, _) = talking(CONTACT);
        let path = Path { remote: address(from), ..world.path(0, address(BEFORE)) };
        let (stack, _) = world.stack(0);
        assert_eq!(stack.reconnected(usage, path, contact), follows);
        assert_eq!(bye_goes_to(world, usage), if follows { AFTER } else { BEFORE }, "{contact} {from}");
    }
}
