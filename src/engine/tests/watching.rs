//! Lamps, presence and message counts on other phones (SW-14, AS-18).

use std::time::Duration;

use super::{
    world::{World, centre},
    writer::Writer,
};
use crate::{
    acd::{Channel, DevicePresence, Selection},
    base::{AgentId, UserId},
    engine::{
        Answer, Centre, DndShown, Entry, Input, Medium, Request, Shown, WATCHED_BY_ONE_MAX, Watchers, shown_while,
    },
    switch::Role,
    wire::sip::{Message, Name},
};

pub const DIALOG: &str = "Event: dialog\r\nExpires: 600\r\nAccept: application/dialog-info+xml\r\n";
pub const PRESENCE: &str = "Event: presence\r\nExpires: 600\r\nAccept: application/pidf+xml\r\n";
pub const PIDF: &str = "Event: presence\r\nContent-Type: application/pidf+xml\r\n";

/// The longest that a watcher may be without news.
const IN_TIME: Duration = Duration::from_millis(200);

pub fn subscribe(world: &mut World, writer: &mut Writer, target: &str, more: &str) -> Message {
    let answer = writer.ask(world, "SUBSCRIBE", target, (more, ""));
    if answer.status() == Some(200) {
        writer.to_tag = answer.to_tag().map(str::to_owned);
    }
    answer
}

/// The NOTIFYs that come in time: state of the subscription and what it says.
pub fn told(world: &mut World, writer: &mut Writer, status: u16) -> Vec<(String, String)> {
    world.pass(IN_TIME);
    let heard = writer.hears(world, status);
    let state = |notify: &Message| notify.header(Name::SubscriptionState).unwrap_or_default().to_owned();
    let notifies = heard.iter().filter(|notify| notify.header(Name::Event).is_some());
    notifies.map(|notify| (state(notify), String::from_utf8_lossy(notify.body()).into_owned())).collect()
}

pub fn shows(told: &[(String, String)], state: &str) -> bool {
    told.last().is_some_and(|(_, body)| body.contains(&format!("<state>{state}</state>")))
}

/// Open or closed, what he does, and the note.
pub fn seen(told: &[(String, String)]) -> (bool, Option<String>, Option<String>) {
    let body = &told.last().expect("a NOTIFY").1;
    let between = |from: &str, to: &str| {
        let (_, rest) = body.split_once(from)?;
        Some(rest.split_once(to)?.0.to_owned())
    };
    (body.contains("<basic>open</basic>"), between("<rpid:activities><rpid:", "/>"), between("<note>", "</note>"))
}

fn watching(world: &World) -> usize {
    world.engine.counts().subscriptions as usize
}

/// SW-14: a lamp blinks while a colleague's phone rings, burns while he talks, and goes out; it never says with whom.
#[test]
fn sw_14_a_lamp_follows_a_colleagues_calls() {
    let mut world = World::new(400);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    let mut eva = Writer::new("eva", 7003);
    assert_eq!(subscribe(&mut world, &mut eva, "202", DIALOG).status(), Some(200));
    let first = told(&mut world, &mut eva, 200);
    assert!(first.len() == 1 && shows(&first, "terminated") && first[0].0.starts_with("active;expires="), "{first:?}");
    let call = world.call(ana, "ana", "202");
    assert!(shows(&told(&mut world, &mut eva, 200), "trying"));
    world.answer(rui);
    let talks = told(&mut world, &mut eva, 200);
    assert!(shows(&talks, "confirmed") && talks.last().unwrap().1.contains("recipient"), "{talks:?}");
    assert!(!talks.iter().any(|(_, body)| body.contains("ana") || body.contains("201")), "{talks:?}");
    world.bye(ana, call);
    let over = told(&mut world, &mut eva, 200);
    assert!(shows(&over, "terminated"));
    let version = |told: &[(String, String)]| {
        let text = &told.last().unwrap().1;
        text.split("version=\"").nth(2).and_then(|rest| rest.split('"').next()).unwrap().parse::<u32>().unwrap()
    };
    assert!(version(&first) == 0 && version(&over) > version(&talks), "{over:?}");
    assert_eq!(subscribe(&mut world, &mut eva, "202", "Event: dialog\r\nExpires: 0\r\n").status(), Some(200));
    assert_eq!(told(&mut world, &mut eva, 200).last().unwrap().0, "terminated;reason=timeout");
    assert_eq!(watching(&world), 0);
    world.assert_nothing_left();
}

/// SW-14: a thousand lamps for one agent cost one document a change; they are told in time, and no turn tells them all.
#[test]
fn sw_14_many_watchers_cost_one_document() {
    let mut world = World::new(401);
    let (ana, _) = (world.phone("ana", 6001), world.phone("rui", 6002));
    let names = ["eva", "max"];
    let mut watchers: Vec<Writer> =
        (0..1_000).map(|number| Writer::new(names[usize::from(number) % 2], 10_000 + number)).collect();
    for watcher in &mut watchers {
        assert_eq!(subscribe(&mut world, watcher, "rui", DIALOG).status(), Some(200));
        watcher.hears(&mut world, 200);
        watcher.forget(&mut world);
    }
    let before = world.engine.counts();
    let call = world.call(ana, "ana", "rui");
    let (mut turns, until) = (Vec::new(), world.now.mono + IN_TIME);
    while let Some(next) = world.engine.poll_timeout().filter(|next| *next <= until) {
        world.now.wall = world.now.wall_of(next);
        world.now.mono = next;
        let sent = world.engine.counts().notifies;
        world.input(Input::Tick);
        turns.push(world.engine.counts().notifies - sent);
    }
    let after = world.engine.counts();
    assert_eq!(after.documents - before.documents, 1, "one change, one document");
    assert_eq!(after.notifies - before.notifies, 1_000, "within 200 ms");
    assert!(turns.iter().all(|sent| *sent <= 100), "{turns:?}");
    assert!(watchers.iter_mut().all(|watcher| shows(&told(&mut world, watcher, 200), "trying")));
    world.cancel(ana, call);
}

/// SW-14: one user's phones watch so many and no more, and an operator sees who watches whom.
#[test]
fn sw_14_one_watcher_has_a_limit() {
    let mut world = World::new(404);
    for number in 0..WATCHED_BY_ONE_MAX {
        let mut watcher = Writer::new("eva", 10_000 + u16::try_from(number).unwrap());
        assert_eq!(subscribe(&mut world, &mut watcher, "rui", DIALOG).status(), Some(200));
        watcher.hears(&mut world, 200);
        watcher.forget(&mut world);
    }
    let full = subscribe(&mut world, &mut Writer::new("eva", 7001), "rui", DIALOG);
    assert_eq!((full.status(), full.header(Name::RetryAfter)), (Some(503), Some("60")));
    let mut max = Writer::new("max", 7002);
    assert_eq!(subscribe(&mut world, &mut max, "ana", PRESENCE).status(), Some(200), "others are not concerned");
    let Ok(Answer::Subscriptions(views)) = world.request(Request::Subscriptions) else { panic!("no views") };
    assert_eq!(views.len(), WATCHED_BY_ONE_MAX + 1);
    let first = &views[0];
    assert_eq!((first.watched, first.event, first.watcher, first.kept), (UserId(1), "presence", UserId(4), true));
    assert_eq!((first.remote, first.expires.since(world.now.wall).as_secs()), (max.at, 600));
}

/// SW-14: a stranger is challenged, an unknown event or name refused, a short life not granted, and nothing remains.
#[test]
fn sw_14_what_can_not_be_watched_is_said() {
    let mut world = World::new(402);
    let mut eva = Writer::new("eva", 7003);
    let presence = subscribe(&mut world, &mut eva, "202", "Event: presence.winfo\r\n");
    let events = Some("dialog, presence, message-summary, refer");
    assert_eq!((presence.status(), presence.header(Name::AllowEvents)), (Some(489), events));
    assert_eq!(subscribe(&mut world, &mut eva, "nobody", DIALOG).status(), Some(404));
    let brief = subscribe(&mut world, &mut eva, "202", "Event: dialog\r\nExpires: 5\r\n");
    assert_eq!((brief.status(), brief.header(Name::MinExpires)), (Some(423), Some("60")));
    assert_eq!(subscribe(&mut world, &mut eva, "202", "Event: dialog\r\nAccept: text/plain\r\n").status(), Some(406));
    let mailbox = subscribe(&mut world, &mut eva, "202", "Event: message-summary\r\n");
    assert_eq!(mailbox.status(), Some(403), "a mailbox is nobody else's affair");
    assert_eq!(watching(&world), 0);
    eva.to_tag = Some("0123456789abcdef".to_owned());
    assert_eq!(eva.send(&mut world, "SUBSCRIBE", "202", (DIALOG, "")).status(), Some(481), "a forged dialog");
    eva.to_tag = None;
    let own = subscribe(&mut world, &mut eva, "eva", "Event: message-summary\r\n");
    assert_eq!(own.status(), Some(200));
    assert!(told(&mut world, &mut eva, 200)[0].1.starts_with("Messages-Waiting: no\r\n"));
    // Somebody else who has seen its tags can't turn it to himself, though he knows a password.
    eva.user = "max";
    eva.ask(&mut world, "SUBSCRIBE", "eva", ("Event: message-summary\r\n", ""));
    assert_eq!(eva.answer(&world), Some(403));
}

/// SW-14: a subscription ends with its time, with a 481 of its watcher, and with one that answers no more.
#[test]
fn sw_14_watchers_who_are_gone_are_forgotten() {
    let mut world = World::new(403);
    let ana = world.phone("ana", 6001);
    let mut watchers = [7001, 7002, 7003].map(|port| Writer::new("eva", port));
    for watcher in &mut watchers {
        assert_eq!(subscribe(&mut world, watcher, "ana", DIALOG).status(), Some(200));
        told(&mut world, watcher, 200);
    }
    let [mut late, mut gone, _silent] = watchers;
    let rui = world.phone("rui", 6002);
    world.call(ana, "ana", "202");
    told(&mut world, &mut gone, 481);
    told(&mut world, &mut late, 200);
    assert_eq!(watching(&world), 2);
    world.answer(rui);
    told(&mut world, &mut late, 200);
    world.pass(Duration::from_secs(33));
    told(&mut world, &mut late, 200);
    assert_eq!(watching(&world), 1, "who does not answer a NOTIFY is gone");
    assert_eq!(world.engine.counts().watchers_lost, 2);
    world.pass(Duration::from_secs(600));
    assert_eq!(told(&mut world, &mut late, 200).last().unwrap().0, "terminated;reason=timeout");
    assert_eq!(watching(&world), 0);
}

/// SW-14, THREATS: who may watch is the centre's choice, and a change of it ends what may be no more.
#[test]
fn sw_14_who_may_watch_is_the_centres_choice() {
    let with = |watchers| {
        let mut centre = centre();
        centre.watching.watchers = watchers;
        centre
    };
    let mut world = World::with(405, with(Watchers::Groups));
    let (mut eva, mut ana, mut max) = (Writer::new("eva", 7003), Writer::new("ana", 7001), Writer::new("max", 7004));
    assert_eq!(subscribe(&mut world, &mut eva, "rui", DIALOG).status(), Some(403), "no group has both");
    assert_eq!(subscribe(&mut world, &mut ana, "rui", DIALOG).status(), Some(200));
    assert_eq!(subscribe(&mut world, &mut max, "max", DIALOG).status(), Some(200), "himself always");
    told(&mut world, &mut ana, 200);
    told(&mut world, &mut max, 200);
    world.input(Input::Settings(Box::new(with(Watchers::Supervisors))));
    assert_eq!(told(&mut world, &mut ana, 200).last().unwrap().0, "terminated;reason=rejected");
    let mut fewer = with(Watchers::Users);
    fewer.users.iter_mut().for_each(|user| user.role = Role::User);
    fewer.users.retain(|user| user.id != UserId(4));
    fewer.acd.agents.remove(&AgentId(2));
    fewer.acd.queues.clear();
    world.input(Input::Settings(Box::new(fewer)));
    assert_eq!(told(&mut world, &mut max, 200).last().unwrap().0, "terminated;reason=noresource");
    assert_eq!(watching(&world), 0);
}

/// AS-18: the twelve rows of the table, as they follow from what an agent is engaged in.
#[test]
fn as_18_the_table_holds() {
    let rows = [
        ("Ready", None, Shown::Default),
        ("Not Ready", None, Shown::Default),
        ("Not Ready (set during chat)", Some(Medium::Chat), Shown::Default),
        ("Not Ready (set during video engagement)", Some(Medium::Video), Shown::Meeting),
        ("Not Ready (set during voice engagement)", Some(Medium::Voice), Shown::OnThePhone),
        ("Not Ready (set during SMS)", Some(Medium::Sms), Shown::Default),
        ("Not Ready (custom status)", None, Shown::Default),
        ("Occupied (chat)", Some(Medium::Chat), Shown::Default),
        ("Occupied (video)", Some(Medium::Video), Shown::Meeting),
        ("Occupied (voice)", Some(Medium::Voice), Shown::OnThePhone),
        ("Occupied (SMS)", Some(Medium::Sms), Shown::Default),
        ("Offline", None, Shown::Default),
    ];
    for (status, engaged, shown) in rows {
        assert_eq!(shown_while(engaged), shown, "{status}");
    }
}

fn with_page(dnd: DndShown) -> Centre {
    let mut centre = centre();
    centre.watching.dnd = dnd;
    centre.acd.policies.device_presence = DevicePresence::Ready;
    centre.acd.queues.values_mut().for_each(|queue| queue.acw_secs = 10);
    centre
}

fn selects(world: &mut World, selection: Selection) {
    world.request(Request::Select { agent: AgentId(1), channel: Channel::Voice, selection }).unwrap();
}

/// AS-18: an agent's status drives the presence that others see, over what his client is set to.
#[test]
fn as_18_status_drives_presence() {
    let mut world = World::with(406, with_page(DndShown::Busy));
    let mut rui = Writer::new("rui", 7002);
    assert_eq!(subscribe(&mut world, &mut rui, "eva", PRESENCE).status(), Some(200));
    assert_eq!(seen(&told(&mut world, &mut rui, 200)), (false, None, None), "Offline, and no device is there");
    let eva = world.phone("eva", 6003);
    assert_eq!(seen(&told(&mut world, &mut rui, 200)), (true, None, None), "Ready");
    let ana = world.phone("ana", 6001);
    world.call(ana, "ana", "800");
    let at_eva = world.answer(eva);
    let on_the_phone = (true, Some("on-the-phone".to_owned()), None);
    assert_eq!(seen(&told(&mut world, &mut rui, 200)), on_the_phone, "Occupied (voice)");
    selects(&mut world, Selection::NotReady { reason: None });
    let news = told(&mut world, &mut rui, 200);
    assert!(news.is_empty(), "Not Ready set during voice is still on the phone: {news:?}");
    world.bye(eva, at_eva);
    assert_eq!(seen(&told(&mut world, &mut rui, 200)), (true, None, Some("wrap-up".to_owned())));
    world.pass(Duration::from_secs(11));
    assert_eq!(seen(&told(&mut world, &mut rui, 200)), (true, None, None), "Not Ready");
    selects(&mut world, Selection::Ready);
    assert!(told(&mut world, &mut rui, 200).is_empty(), "Ready is no other presence");
    world.request(Request::Dnd { agent: AgentId(1), on: true }).unwrap();
    assert_eq!(seen(&told(&mut world, &mut rui, 200)), (true, Some("busy".to_owned()), Some("dnd".to_owned())));
    world.input(Input::Settings(Box::new(with_page(DndShown::Closed))));
    assert_eq!(seen(&told(&mut world, &mut rui, 200)), (false, None, Some("dnd".to_owned())));
    world.input(Input::Settings(Box::new(with_page(DndShown::Default))));
    assert_eq!(seen(&told(&mut world, &mut rui, 200)), (true, None, None));
}

pub fn pidf(basic: &str, activity: &str, note: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:eva@x\"><tuple id=\"t\"><status><basic>{basic}\
         </basic></status><note>{note}</note></tuple><person><rpid:activities><rpid:{activity}/></rpid:activities>\
         </person></presence>"
    )
}

/// SW-14, AS-18, RFC 3903: what a phone publishes is its user's default: said, changed, refreshed, taken back, run out.
#[test]
fn sw_14_as_18_a_phone_publishes_its_users_presence() {
    let mut world = World::new(407);
    world.phone("eva", 6003);
    let mut rui = Writer::new("rui", 7002);
    subscribe(&mut world, &mut rui, "eva", PRESENCE);
    told(&mut world, &mut rui, 200);
    let mut eva = Writer::new("eva", 7003);
    let mut publish = |world: &mut World, etag: Option<&str>, secs: u32, body: &str| {
        let etag = etag.map(|etag| format!("SIP-If-Match: {etag}\r\n")).unwrap_or_default();
        let answer = eva.ask(world, "PUBLISH", "eva", (&format!("{PIDF}Expires: {secs}\r\n{etag}"), body));
        (answer.status().unwrap(), answer.header(Name::SipEtag).map(str::to_owned))
    };
    let (status, first) = publish(&mut world, None, 600, &pidf("open", "away", "at lunch"));
    assert_eq!(status, 200);
    let away = (true, Some("away".to_owned()), Some("at lunch".to_owned()));
    assert_eq!(seen(&told(&mut world, &mut rui, 200)), away);
    let (status, second) = publish(&mut world, first.as_deref(), 600, "");
    assert!(status == 200 && second != first, "a refresh has an etag of its own");
    assert!(told(&mut world, &mut rui, 200).is_empty(), "and is no news");
    assert_eq!(publish(&mut world, first.as_deref(), 600, "").0, 412, "the old one is good for nothing");
    let (status, third) = publish(&mut world, second.as_deref(), 600, &pidf("closed", "vacation", ""));
    assert_eq!(status, 200);
    assert_eq!(seen(&told(&mut world, &mut rui, 200)), (false, Some("vacation".to_owned()), None));
    let ana = world.phone("ana", 6001);
    let call = world.call(ana, "ana", "203");
    world.answer("127.0.0.1:6003".parse().unwrap());
    let (_, activity, _) = seen(&told(&mut world, &mut rui, 200));
    assert_eq!(activity.as_deref(), Some("on-the-phone"), "a call is over what was published");
    world.bye(ana, call);
    assert_eq!(seen(&told(&mut world, &mut rui, 200)).1.as_deref(), Some("vacation"));
    assert_eq!(publish(&mut world, third.as_deref(), 0, "").0, 200);
    assert_eq!(seen(&told(&mut world, &mut rui, 200)), (true, None, None), "taken back");
    assert_eq!(publish(&mut world, third.as_deref(), 0, "").0, 412);
    publish(&mut world, None, 60, &pidf("closed", "away", ""));
    assert_eq!(world.engine.counts().publications, 1);
    world.pass(Duration::from_secs(61));
    assert_eq!(world.engine.counts().publications, 0, "run out");
}

/// SW-14: what can't be published is refused, and a stranger or another user speaks for nobody.
#[test]
fn sw_14_what_can_not_be_published_is_said() {
    let mut world = World::new(408);
    let mut eva = Writer::new("eva", 7003);
    let good = pidf("open", "away", "");
    let large = pidf("open", "away", &"x".repeat(20_000));
    let deep = format!("<presence>{}", "<a>".repeat(2_000));
    let cases = [
        ("eva", "Event: dialog\r\n", good.as_str(), 489),
        ("rui", PIDF, &good, 403),
        ("nobody", PIDF, &good, 403),
        ("eva", PIDF, "", 400),
        ("eva", PIDF, "<presence", 400),
        ("eva", PIDF, &deep, 400),
        ("eva", PIDF, &large, 413),
        ("eva", "Event: presence\r\nContent-Type: text/plain\r\n", &good, 415),
        ("eva", "Event: presence\r\nContent-Type: application/pidf+xml\r\nExpires: 5\r\n", &good, 423),
        ("eva", "Event: presence\r\nSIP-If-Match: 0123456789abcdef\r\n", "", 412),
    ];
    for (target, more, body, status) in cases {
        assert_eq!(eva.ask(&mut world, "PUBLISH", target, (more, body)).status(), Some(status), "{more}");
    }
    assert_eq!(world.engine.counts().publications, 0);
    for _ in 0..20 {
        assert_eq!(eva.ask(&mut world, "PUBLISH", "eva", (PIDF, &good)).status(), Some(200));
    }
    assert_eq!(world.engine.counts().publications, 8, "the oldest gives way");
}

/// SW-14, OP-01: who watched before a restart is told how things stand after it, with numbers above all that went before;
/// and what was published still holds.
#[test]
fn sw_14_watchers_outlive_the_process() {
    let mut world = World::new(409);
    let (mut rui, mut eva) = (Writer::new("rui", 7002), Writer::new("eva", 7003));
    subscribe(&mut world, &mut rui, "eva", PRESENCE);
    let before = world.sent.iter().filter(|(to, message, _)| *to == rui.at && message.method().is_some()).count();
    assert_eq!(before, 1);
    let confirmed: Vec<_> = world.sent.iter().filter(|(to, ..)| *to == rui.at).collect();
    let waits = confirmed.iter().all(|(_, message, after)| message.status() == Some(401) || after.is_some());
    assert!(waits, "the 200 and the first NOTIFY wait for the journal");
    told(&mut world, &mut rui, 200);
    eva.ask(&mut world, "PUBLISH", "eva", (PIDF, &pidf("open", "meeting", "")));
    told(&mut world, &mut rui, 200);
    let last = world.sent.iter().rev().find(|(to, ..)| *to == rui.at).unwrap().1.cseq().number;

    let journal: Vec<Entry> = world.journal.iter().map(|(_, entry)| entry.clone()).collect();
    let checkpoint = world.engine.checkpoint(world.now);
    for entries in [journal, checkpoint] {
        let written = serde_json::to_string(&entries).unwrap();
        let entries: Vec<Entry> = serde_json::from_str(&written).unwrap();
        let mut next = World::new(410);
        next.now = world.now;
        next.input(Input::Restore(entries));
        next.input(Input::Restored);
        let mut again = Writer::new("rui", 7002);
        let news = told(&mut next, &mut again, 200);
        assert_eq!(news.len(), 1);
        assert_eq!(seen(&news), (true, Some("meeting".to_owned()), None));
        let notify = &next.sent.iter().rev().find(|(to, ..)| *to == rui.at).unwrap().1;
        assert!(notify.cseq().number > last, "{} after {last}", notify.cseq().number);
        next.pass(Duration::from_secs(601));
        assert_eq!(told(&mut next, &mut again, 200).last().unwrap().0, "terminated;reason=timeout");
        assert_eq!(watching(&next), 0);
        let left = next.engine.checkpoint(next.now);
        assert!(!left.iter().any(|entry| matches!(entry, Entry::Watched(_))), "{left:?}");
    }
}

/// SW-14: a SUBSCRIBE that comes twice is one; a NOTIFY whose answer is lost is repeated as it was, and what has changed
/// meanwhile comes in one behind it; a refresh that was overtaken changes nothing.
#[test]
fn sw_14_a_bad_line_spoils_no_lamp() {
    let mut world = World::new(412);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    let mut eva = Writer::new("eva", 7003);
    subscribe(&mut world, &mut eva, "rui", DIALOG);
    let answers = |world: &World| {
        let ok = |sent: &&(std::net::SocketAddr, Message, _)| sent.0 == eva_at() && sent.1.status() == Some(200);
        world.sent.iter().filter(ok).count()
    };
    eva.repeat(&mut world);
    assert_eq!((watching(&world), answers(&world)), (1, 2), "one subscription, the same answer again");
    told(&mut world, &mut eva, 200);

    let call = world.call(ana, "ana", "rui");
    world.pass(IN_TIME);
    world.answer(rui);
    world.pass(Duration::from_secs(1));
    world.bye(ana, call);
    world.pass(Duration::from_secs(1));
    let heard: Vec<Message> = world.sent.iter().filter(|(to, ..)| *to == eva.at).map(|sent| sent.1.clone()).collect();
    let numbers: Vec<u32> =
        heard.iter().filter(|message| message.method().is_some()).map(|message| message.cseq().number).collect();
    assert!(numbers.len() > 2 && numbers[1..].iter().all(|number| *number == 2), "it is repeated: {numbers:?}");
    let news = told(&mut world, &mut eva, 200);
    assert!(shows(&news, "terminated"), "then the latest comes, and nothing in between: {news:?}");
    let early = news.iter().filter(|(_, body)| body.contains("confirmed")).count();
    assert_eq!(early, 0);

    subscribe(&mut world, &mut eva, "rui", "Event: dialog\r\nExpires: 300\r\n");
    eva.send_late(&mut world, "SUBSCRIBE", "rui", ("Event: dialog\r\nExpires: 0\r\n", ""));
    told(&mut world, &mut eva, 200);
    assert_eq!(watching(&world), 1, "an old wish to leave ends nothing");
    world.pass(Duration::from_secs(301));
    assert_eq!(told(&mut world, &mut eva, 200).last().unwrap().0, "terminated;reason=timeout");
}

fn eva_at() -> std::net::SocketAddr {
    ([127, 0, 0, 1], 7003).into()
}
