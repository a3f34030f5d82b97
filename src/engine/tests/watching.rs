//! Lamps on other phones (SW-14).

use std::{net::SocketAddr, time::Duration};

use super::world::{REALM, SWITCH, World};
use crate::{
    base::Private,
    sip::{Credentials, digest},
    wire::sip::{Message, Name},
};

/// A phone with lamps: it writes its requests itself, because a stack of ours is no subscriber.
struct Watcher {
    at: SocketAddr,
    user: &'static str,
    call: String,
    cseq: u32,
    /// The switch's tag, once there is a dialog.
    to_tag: Option<String>,
    /// NOTIFYs of the world that were seen.
    seen: usize,
}

impl Watcher {
    fn new(user: &'static str, port: u16) -> Self {
        let at = SocketAddr::from(([127, 0, 0, 1], port));
        Self { at, user, call: format!("lamp-{port}"), cseq: 0, to_tag: None, seen: 0 }
    }

    fn send(&mut self, world: &mut World, target: &str, more: &str) -> Message {
        self.cseq += 1;
        let (at, call, cseq) = (self.at, &self.call, self.cseq);
        let to_tag = self.to_tag.as_ref().map(|tag| format!(";tag={tag}")).unwrap_or_default();
        let text = format!(
            "SUBSCRIBE sip:{target}@{SWITCH} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{call}{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@{REALM}>;tag=w\r\nTo: <sip:{target}@{REALM}>{to_tag}\r\n\
             Call-ID: {call}\r\nCSeq: {cseq} SUBSCRIBE\r\nContact: <sip:lamp@{at}>\r\n{more}Content-Length: 0\r\n\r\n",
            user = self.user
        );
        world.packet(at, text.as_bytes());
        let is_answer = |message: &&Message| message.status().is_some() && message.call_id() == call;
        let sent = world.sent.iter().rev().map(|(_, message, _)| message);
        sent.into_iter().find(is_answer).expect("an answer").clone()
    }

    /// Asks, and again with the digest that is wanted.
    fn subscribe(&mut self, world: &mut World, target: &str, more: &str) -> Message {
        let challenge = self.send(world, target, more);
        assert_eq!(challenge.status(), Some(401), "nobody watches unknown");
        let password = Private::new(format!("pw-{}", self.user));
        let credentials = Credentials { user: self.user.to_owned(), password, realm: None };
        let uri = format!("sip:{target}@{SWITCH}");
        let asked = challenge.headers(Name::WwwAuthenticate);
        let proof = digest::answer(asked, &credentials, ("SUBSCRIBE", &uri), b"", "cnonce").unwrap();
        let answer = self.send(world, target, &format!("Authorization: {proof}\r\n{more}"));
        if answer.status() == Some(200) {
            self.to_tag = answer.to_tag().map(str::to_owned);
        }
        answer
    }

    /// The NOTIFYs that came since: state of the subscription and of the dialogs. Each is answered so.
    fn told(&mut self, world: &mut World, status: u16) -> Vec<(String, String)> {
        let mut told = Vec::new();
        loop {
            let ours = |message: &&Message| message.method().is_some() && message.call_id() == self.call;
            let notify = world.sent.iter().map(|(_, message, _)| message).filter(ours).nth(self.seen).cloned();
            let Some(notify) = notify else { return told };
            self.seen += 1;
            let header = |name| notify.header(name).unwrap_or_default().to_owned();
            told.push((header(Name::SubscriptionState), String::from_utf8_lossy(notify.body()).into_owned()));
            let answer = format!(
                "SIP/2.0 {status} x\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {}\r\nContent-Length: 0\r\n\r\n",
                header(Name::Via),
                header(Name::From),
                header(Name::To),
                self.call,
                header(Name::CSeq)
            );
            world.packet(self.at, answer.as_bytes());
        }
    }
}

const DIALOG: &str = "Event: dialog\r\nExpires: 600\r\nAccept: application/dialog-info+xml\r\n";

fn shows(told: &[(String, String)], state: &str) -> bool {
    told.last().is_some_and(|(_, body)| body.contains(&format!("<state>{state}</state>")))
}

/// SW-14: a lamp blinks while a colleague's phone rings, burns while he talks, and goes out; it never says with whom.
#[test]
fn sw_14_a_lamp_follows_a_colleagues_calls() {
    let mut world = World::new(400);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    let mut eva = Watcher::new("eva", 7003);
    assert_eq!(eva.subscribe(&mut world, "202", DIALOG).status(), Some(200));
    let first = eva.told(&mut world, 200);
    assert!(first.len() == 1 && shows(&first, "terminated") && first[0].0.starts_with("active;expires="), "{first:?}");
    let call = world.call(ana, "ana", "202");
    assert!(shows(&eva.told(&mut world, 200), "early"));
    world.answer(rui);
    let talks = eva.told(&mut world, 200);
    assert!(shows(&talks, "confirmed") && talks.last().unwrap().1.contains("recipient"), "{talks:?}");
    assert!(!talks.iter().any(|(_, body)| body.contains("ana") || body.contains("201")), "{talks:?}");
    world.bye(ana, call);
    let over = eva.told(&mut world, 200);
    assert!(shows(&over, "terminated"));
    let version = |told: &[(String, String)]| {
        let text = &told.last().unwrap().1;
        text.split("version=\"").nth(2).and_then(|rest| rest.split('"').next()).unwrap().parse::<u32>().unwrap()
    };
    assert!(version(&first) == 0 && version(&over) > version(&talks), "{over:?}");
    assert_eq!(eva.subscribe(&mut world, "202", "Event: dialog\r\nExpires: 0\r\n").status(), Some(200));
    let last = eva.told(&mut world, 200);
    assert_eq!(last.last().unwrap().0, "terminated;reason=timeout");
    assert_eq!(world.engine.watching.counts(), (0, 0));
    world.assert_nothing_left();
}

/// SW-14: a thousand lamps for one colleague cost one document a change.
#[test]
fn sw_14_many_watchers_cost_one_document() {
    let mut world = World::new(401);
    let (ana, _) = (world.phone("ana", 6001), world.phone("rui", 6002));
    let mut watchers: Vec<Watcher> = (0..1_000).map(|number| Watcher::new("eva", 10_000 + number)).collect();
    for watcher in &mut watchers {
        assert_eq!(watcher.subscribe(&mut world, "rui", DIALOG).status(), Some(200));
        watcher.told(&mut world, 200);
        world.sent.clear();
        watcher.seen = 0;
    }
    let before = world.engine.watching.documents();
    let call = world.call(ana, "ana", "rui");
    assert_eq!(world.engine.watching.documents() - before, 1, "one change, one document");
    assert!(watchers.iter_mut().all(|watcher| shows(&watcher.told(&mut world, 200), "early")));
    world.cancel(ana, call);
}

/// SW-14: a stranger is challenged, an unknown event or name refused, a short life not granted, and nothing remains.
#[test]
fn sw_14_what_can_not_be_watched_is_said() {
    let mut world = World::new(402);
    let mut eva = Watcher::new("eva", 7003);
    let presence = eva.subscribe(&mut world, "202", "Event: presence.winfo\r\n");
    assert_eq!((presence.status(), presence.header(Name::AllowEvents)), (Some(489), Some("dialog")));
    assert_eq!(eva.subscribe(&mut world, "nobody", DIALOG).status(), Some(404));
    let brief = eva.subscribe(&mut world, "202", "Event: dialog\r\nExpires: 5\r\n");
    assert_eq!((brief.status(), brief.header(Name::MinExpires)), (Some(423), Some("60")));
    assert_eq!(eva.subscribe(&mut world, "202", "Event: dialog\r\nAccept: text/plain\r\n").status(), Some(406));
    assert_eq!(world.engine.watching.counts(), (0, 0));
    eva.to_tag = Some("0123456789abcdef".to_owned());
    assert_eq!(eva.send(&mut world, "202", DIALOG).status(), Some(481), "a forged dialog");
    world.assert_nothing_left();
}

/// SW-14: a subscription ends with its time, with a 481 of its watcher, and with one that answers no more.
#[test]
fn sw_14_watchers_who_are_gone_are_forgotten() {
    let mut world = World::new(403);
    let ana = world.phone("ana", 6001);
    let (mut late, mut gone, mut silent) =
        (Watcher::new("eva", 7001), Watcher::new("eva", 7002), Watcher::new("eva", 7003));
    for watcher in [&mut late, &mut gone, &mut silent] {
        assert_eq!(watcher.subscribe(&mut world, "ana", DIALOG).status(), Some(200));
        watcher.told(&mut world, 200);
    }
    world.call(ana, "ana", "nobody");
    gone.told(&mut world, 481);
    late.told(&mut world, 200);
    assert_eq!(world.engine.watching.counts().1, 2);
    world.pass(Duration::from_secs(33));
    assert_eq!(world.engine.watching.counts().1, 1, "who does not answer a NOTIFY is gone");
    world.pass(Duration::from_secs(600));
    assert_eq!(late.told(&mut world, 200).last().unwrap().0, "terminated;reason=timeout");
    assert_eq!(world.engine.watching.counts(), (0, 0));
    world.assert_nothing_left();
}
