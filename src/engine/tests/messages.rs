//! Texts (SW-15, RFC 3428).

use std::time::Duration;

use super::{
    world::{CARRIER, World, centre},
    writer::Writer,
};
use crate::{
    base::QueueId,
    engine::Happened,
    sip,
    switch::Pattern,
    wire::sip::{Message, Method, Name},
};

const PLAIN: &str = "Content-Type: text/plain;charset=UTF-8\r\n";

/// A device that is registered and writes for itself.
fn device(world: &mut World, user: &'static str, port: u16) -> Writer {
    let mut writer = Writer::new(user, port);
    assert_eq!(writer.ask(world, "REGISTER", user, ("Expires: 600\r\n", "")).status(), Some(200));
    writer.forget(world);
    writer
}

fn texts(heard: &[Message]) -> Vec<String> {
    let texts = heard.iter().filter(|message| message.method() == Some(&Method::Message));
    texts.map(|message| String::from_utf8_lossy(message.body()).into_owned()).collect()
}

fn told(world: &World) -> Vec<(String, Option<QueueId>, bool, String)> {
    let texts = world.live.iter().filter_map(|event| match &event.what {
        Happened::Text { from, queue, call, text } => {
            Some((from.reveal().clone(), *queue, call.is_some(), text.reveal().clone()))
        }
        _ => None,
    });
    texts.collect()
}

/// SW-15: all of a user's devices get a text, once, with who sent it; the sender hears when the first has it.
#[test]
fn sw_15_a_text_reaches_all_devices_of_a_user() {
    let mut world = World::new(420);
    let (mut desk, mut soft) = (device(&mut world, "rui", 7002), device(&mut world, "rui", 7012));
    let mut ana = Writer::new("ana", 7001);
    let more = format!("{PLAIN}Subject: lunch\r\nX-Secret: no\r\n");
    ana.tell(&mut world, "MESSAGE", "202", (&more, "At one? \u{1f600}"));
    assert_eq!(ana.answer(&world), None, "nothing is said before a device has it");
    let at_desk = desk.hears(&mut world, 200);
    assert_eq!(texts(&at_desk), ["At one? \u{1f600}"]);
    let text = &at_desk[0];
    assert!(text.header(Name::From).unwrap().contains("\"Dona ana\" <sip:201@"), "{:?}", text.header(Name::From));
    assert_eq!(text.header(Name::Subject), Some("lunch"));
    assert_eq!(text.header(Name::ContentType), Some("text/plain;charset=UTF-8"));
    assert!(text.header(Name::Contact).is_none() && !text.lines().any(|(name, ..)| name == "X-Secret"));
    assert_eq!(text.max_forwards(), Some(69));
    assert_eq!(ana.answer(&world), Some(200));
    assert_eq!(texts(&soft.hears(&mut world, 486)), ["At one? \u{1f600}"], "what the second says changes nothing");
    assert_eq!(ana.answer(&world), Some(200));
    let counts = world.engine.counts();
    assert_eq!((counts.texts, counts.texts_refused), (1, 0));
    world.assert_nothing_left();
    assert_eq!(world.engine.texts.len(), 0);
}

/// SW-15: what no device takes is reported with the most telling refusal; a device that is silent is known for it.
#[test]
fn sw_15_what_nobody_takes_is_reported() {
    let mut world = World::new(421);
    let (mut desk, mut soft) = (device(&mut world, "rui", 7002), device(&mut world, "rui", 7012));
    let mut ana = Writer::new("ana", 7001);
    ana.tell(&mut world, "MESSAGE", "rui", (PLAIN, "hello"));
    desk.hears(&mut world, 415);
    soft.hears(&mut world, 603);
    assert_eq!(ana.answer(&world), Some(603));
    ana.tell(&mut world, "MESSAGE", "rui", (PLAIN, "anybody?"));
    desk.hears(&mut world, 407);
    world.pass(Duration::from_secs(33));
    assert_eq!(ana.answer(&world), Some(480));
    assert_eq!(ana.ask(&mut world, "MESSAGE", "eva", (PLAIN, "hello")).status(), Some(480), "no device");
    assert_eq!(ana.ask(&mut world, "MESSAGE", "nobody", (PLAIN, "hello")).status(), Some(404));
    let reachable = world.engine.registrar.bindings("rui").iter().filter(|binding| binding.reachable).count();
    assert_eq!(reachable, 1);
    assert_eq!(world.engine.texts.len(), 0);
}

/// SW-15, THREATS: a stranger sends nothing, nor does a carrier to another; size, kind and number of texts have limits.
#[test]
fn sw_15_texts_have_limits() {
    let mut world = World::new(422);
    let mut rui = device(&mut world, "rui", 7002);
    let mut stranger = Writer::new("ana", 7009);
    assert_eq!(stranger.send(&mut world, "MESSAGE", "rui", (PLAIN, "buy!")).status(), Some(401));
    assert!(rui.hears(&mut world, 200).is_empty());
    let mut ana = Writer::new("ana", 7001);
    let long = "x".repeat(4_097);
    for (target, more, body, status) in [
        ("rui", PLAIN, long.as_str(), 413),
        ("rui", PLAIN, "", 400),
        ("rui", "", "no type", 400),
        ("rui", "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", "zip", 415),
        ("800", "Content-Type: application/im-iscomposing+xml\r\n", "<x/>", 415),
    ] {
        assert_eq!(ana.ask(&mut world, "MESSAGE", target, (more, body)).status(), Some(status), "{more}");
    }
    let mut carrier = Writer::new("+351910000001", 5080);
    assert_eq!(carrier.send(&mut world, "MESSAGE", "9000", (PLAIN, "transit")).status(), Some(404), "no way out");
    for _ in 5..20 {
        ana.tell(&mut world, "MESSAGE", "rui", (PLAIN, "again"));
        rui.hears(&mut world, 200);
        assert_eq!(ana.answer(&world), Some(200));
    }
    let full = ana.ask(&mut world, "MESSAGE", "rui", (PLAIN, "too many"));
    assert_eq!((full.status(), full.header(Name::RetryAfter)), (Some(503), Some("10")));
    world.pass(Duration::from_secs(11));
    ana.tell(&mut world, "MESSAGE", "rui", (PLAIN, "later"));
    rui.hears(&mut world, 202);
    assert_eq!(ana.answer(&world), Some(202));
}

/// SW-15: a text of a customer to a queue's number comes into the centre; a user's goes out by the carrier, as his call would.
#[test]
fn sw_15_texts_come_in_and_go_out() {
    let mut world = World::new(423);
    let mut carrier = Writer::new("+351910000001", 5080);
    assert_eq!(carrier.send(&mut world, "MESSAGE", "800", (PLAIN, "Are you open?")).status(), Some(202));
    assert_eq!(told(&world), [("+351910000001".into(), Some(QueueId(1)), false, "Are you open?".into())]);
    let mut ana = Writer::new("ana", 7001);
    ana.tell(&mut world, "MESSAGE", "9000", (PLAIN, "Yes."));
    let out = world.event(CARRIER.parse().unwrap(), |event| matches!(event, sip::Event::Request { .. }));
    let Some(sip::Event::Request { transaction, request, .. }) = out else { panic!("nothing went out") };
    assert_eq!((request.uri_text(), request.body()), (Some("sip:9000@127.0.0.1:5080"), &b"Yes."[..]));
    world.command(CARRIER.parse().unwrap(), |stack, now| stack.reply(now, transaction, sip::Reply::new(202)));
    assert_eq!(ana.answer(&world), Some(202));
}

/// SW-15, SW-20: what a user may not call he may not write to either.
#[test]
fn sw_15_sw_20_no_text_goes_where_no_call_may() {
    let mut centre = centre();
    centre.dial_plan.barred = vec![Pattern::new("9000").unwrap()];
    let mut world = World::with(426, centre);
    let mut ana = Writer::new("ana", 7001);
    assert_eq!(ana.ask(&mut world, "MESSAGE", "9000", (PLAIN, "Yes.")).status(), Some(403));
    assert!(world.event(CARRIER.parse().unwrap(), |_| true).is_none(), "nothing goes out");
}

/// SW-15: in a call a text goes to the other side, in its dialog; a caller who waits in a queue writes to the centre.
#[test]
fn sw_15_texts_inside_calls() {
    let mut world = World::new(424);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    let call = world.call(ana, "ana", "rui");
    let at_rui = world.answer(rui);
    let write = |world: &mut World, at, usage, text: &'static str| {
        world.command(at, |stack, now| {
            let mut request = sip::Request::inside(Method::Message, usage);
            request.body = Some(sip::Body::new("text/plain", text));
            stack.request(now, request);
        });
    };
    write(&mut world, ana, call, "can you hear me?");
    let came = world.event(rui, |event| matches!(event, sip::Event::Request { usage: Some(_), .. }));
    let Some(sip::Event::Request { transaction, request, usage, .. }) = came else { panic!("no text") };
    assert_eq!((request.body(), usage), (&b"can you hear me?"[..], Some(at_rui)));
    assert_eq!(world.response(ana), None);
    world.command(rui, |stack, now| stack.reply(now, transaction, sip::Reply::new(488)));
    assert_eq!(world.response(ana), Some(488), "as the other side says it");
    world.bye(ana, call);
    let waits = world.call(ana, "ana", "800");
    write(&mut world, ana, waits, "still waiting");
    assert_eq!(world.response(ana), Some(202));
    assert_eq!(told(&world), [("201".into(), Some(QueueId(1)), true, "still waiting".into())]);
    world.bye(ana, waits);
    world.assert_nothing_left();
}

/// SW-15: a text that comes twice is passed on once, and its answer repeated; one that a device answers late is given up
/// in time for its sender to hear so.
#[test]
fn sw_15_a_bad_line_doubles_no_text() {
    let mut world = World::new(425);
    let mut rui = device(&mut world, "rui", 7002);
    let mut ana = Writer::new("ana", 7001);
    ana.tell(&mut world, "MESSAGE", "rui", (PLAIN, "once"));
    ana.repeat(&mut world);
    assert_eq!(texts(&rui.hears(&mut world, 200)), ["once"]);
    ana.repeat(&mut world);
    assert_eq!((texts(&rui.hears(&mut world, 200)).len(), ana.answer(&world)), (0, Some(200)));
    ana.tell(&mut world, "MESSAGE", "rui", (PLAIN, "late"));
    world.pass(Duration::from_secs(26));
    assert_eq!(ana.answer(&world), Some(480));
    assert!(!texts(&rui.hears(&mut world, 200)).is_empty());
    assert_eq!((ana.answer(&world), world.engine.texts.len()), (Some(480), 0));
}
