//! The same story on both engines. PostgreSQL runs in `sip-tests/postgres/run`, which says where by the environment.

use std::{fs, os::unix::fs::PermissionsExt};

use super::*;
use crate::{
    acd::{Actor, EngagementSummary, InteractionKind, PartEnd, Reason, Status, StatusSpan, Work},
    base::{AgentId, CallId, EngagementId, InteractionId, LegId, Private, QueueId, SegmentId, TrunkId, UserId, Wall},
    engine::{
        CallRecord, Direction, MenuEnd, MenuStep, Pause, QueueRecord, Record, SegmentFile, SegmentRecord, StoryEvent,
        StoryStep,
    },
    media::tape::Span,
    store::scratch::Scratch,
    switch::{Cause, EndedBy, LegParty, LegRecord, LegSide, Quality},
};

/// What a caller may put into his name to harm a database or a page.
const HOSTILE: &str = "x'); DROP TABLE calls; -- \" $1 ? \\ <b>\u{202e}é🙂";

fn record(call: u64, began: i64, agent: Option<u64>) -> CallRecord {
    let leg = |leg, side, party| LegRecord {
        leg: LegId(leg),
        side,
        party,
        address: Private::new(HOSTILE.into()),
        peer: "udp:192.0.2.7:5060".into(),
        sip_call_id: format!("{leg}@example"),
        began: Wall(began),
        rang: None,
        answered: Some(Wall(began + 10)),
        ended: Wall(began + 900),
        cause: Cause { sip: 200, q850: 16 },
        ended_by: EndedBy::Other,
        codec: Some("PCMA".into()),
        quality: Some(Quality { packets_received: u64::from(u32::MAX) + 1, jitter_ms: 1.5, ..Quality::default() }),
    };
    CallRecord {
        call: CallId(call),
        direction: Direction::Inbound,
        trunk: Some(TrunkId(3)),
        caller: Private::new(HOSTILE.into()),
        dialled: Private::new("800".into()),
        began: Wall(began),
        answered: Some(Wall(began + 1)),
        connected: None,
        ended: Wall(began + 900),
        cause: Cause { sip: 487, q850: 31 },
        ended_by: EndedBy::Peer,
        queue: agent.map(|agent| QueueRecord {
            queue: QueueId(7),
            interaction: InteractionId(call + 1),
            outcome: "answered".into(),
            waited_ms: 12_345,
            agent: Some(AgentId(agent)),
            offers: 2,
            why: None,
            story: vec![StoryStep {
                at: Wall(began),
                queue: QueueId(7),
                what: StoryEvent::Left { outcome: "answered".into(), onward: None, waited_ms: 12_345 },
            }],
        }),
        menus: vec![MenuStep {
            at: Wall(began + 10),
            menu: "main".into(),
            end: Some((MenuEnd::Pressed { key: '1' }, "queue:support".parse().unwrap())),
        }],
        legs: vec![
            leg(call * 10, LegSide::Caller, LegParty::Trunk(TrunkId(3))),
            leg(call * 10 + 1, LegSide::Called, LegParty::User(UserId(9))),
        ],
    }
}

fn user(name: &str, role: Role) -> PageUser {
    let password = Private::new("$argon2id$…".into());
    PageUser { name: name.into(), user: UserId(u64::MAX), agent: Some(AgentId(4)), role, password }
}

async fn story(database: &Database) {
    assert!(!database.is_ready());
    database.prepare().await.unwrap();
    database.prepare().await.unwrap();
    assert!(database.is_ready() && database.is_reachable().await);
    users_and_sessions(database).await;
    records(database).await;
    engagements(database).await;
    states(database).await;
    segments(database).await;
    clips(database).await;
    let text = "[centre]\nname = 'Ünïcode'";
    assert_eq!(database.document("centre").await.unwrap(), None);
    for body in ["old", text] {
        database.put_document("centre", body, Wall(1)).await.unwrap();
    }
    assert_eq!(database.document("centre").await.unwrap().as_deref(), Some(text));
    assert_eq!(database.document(HOSTILE).await.unwrap(), None);
}

async fn users_and_sessions(database: &Database) {
    let users = [user("ana", Role::Agent), user("eva", Role::Supervisor)];
    database.put_users(&users, Wall(1)).await.unwrap();
    assert_eq!(database.users().await.unwrap(), users);
    let session = |token: &str, name: &str, expires| StoredSession {
        token_hash: token.into(),
        user_name: name.into(),
        created: Wall(1),
        expires: Wall(expires),
    };
    for stored in
        [session("a", "ana", 100), session("b", "ana", 200), session("c", "eva", 200), session("d", "eva", 300)]
    {
        database.put_session(&stored).await.unwrap();
    }
    database.remove_session("d").await.unwrap();
    let tokens = async |now| {
        let found = database.sessions(Wall(now)).await.unwrap();
        found.into_iter().map(|session| session.token_hash).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(tokens(100).await, ["b", "c"].map(String::from).into());
    database.put_users(&users[1..], Wall(2)).await.unwrap();
    assert_eq!(tokens(100).await, ["c".to_owned()].into());
}

async fn records(database: &Database) {
    let all: Vec<_> = (1..=120).map(|n| record(n, 1_000 * n.cast_signed(), (n % 2 == 0).then_some(n % 3))).collect();
    let kept: Vec<_> = all.iter().cloned().map(|record| Record::Call(Box::new(record))).collect();
    database.put_records(&kept).await.unwrap();
    // The same batch again, after a crash between the database and the journal: nothing is doubled.
    database.put_records(&kept[100..]).await.unwrap();
    let newest = database.records(RecordFilter { limit: 500, ..RecordFilter::default() }).await.unwrap();
    assert_eq!(newest.len(), 120);
    assert!(newest.iter().rev().eq(all.iter()), "what comes out is what went in");
    let filter = RecordFilter {
        before: Some(Wall(100_000)),
        queues: Some(vec![QueueId(7), QueueId(70)]),
        agent: Some(AgentId(2)),
        limit: 3,
        ..RecordFilter::default()
    };
    let some: Vec<u64> = database.records(filter).await.unwrap().iter().map(|record| record.call.0).collect();
    assert_eq!(some, [98, 92, 86]);
    // A number is looked for as it is written, whatever it means to LIKE; the next page goes on within one moment.
    let found = async |filter: RecordFilter| {
        let filter = RecordFilter { limit: 500, ..filter };
        database.records(filter).await.unwrap().iter().map(|record| record.call.0).collect::<Vec<_>>()
    };
    let number = |text: &str| RecordFilter { number: Some(text.into()), ..RecordFilter::default() };
    assert_eq!(found(number("80")).await.len(), 120);
    assert_eq!(found(number(HOSTILE)).await.len(), 120);
    for text in ["%", "_", "8_0", "!", "801"] {
        assert_eq!(found(number(text)).await, [0_u64; 0], "{text}");
    }
    let outcome = |text: &str| RecordFilter { outcome: Some(text.into()), ..RecordFilter::default() };
    assert_eq!((found(outcome("answered")).await.len(), found(outcome("expired")).await.len()), (60, 0));
    let between = RecordFilter {
        after: Some(Wall(7_000)),
        before: Some(Wall(9_000)),
        below: Some(CallId(10)),
        ..RecordFilter::default()
    };
    assert_eq!(found(between).await, [9, 8, 7]);
    assert_eq!(database.record(CallId(5)).await.unwrap().as_ref(), Some(&all[4]));
    assert_eq!(database.record(CallId(5_000)).await.unwrap(), None);
}

/// SC-01, SC-02: a clip is kept as it was given, whatever people write, changed and deleted.
async fn clips(database: &Database) {
    let clip = StoredClip {
        clip: crate::base::ClipId(UPLOADED_FIRST + 3),
        owner: UserId(u64::MAX),
        public: true,
        name: HOSTILE.into(),
        tags: vec![HOSTILE.into(), "b".into()],
        millis: 1_234,
        sha256: "ab".repeat(32),
        archived: false,
        created: Wall(1),
        changed: Wall(2),
    };
    database.put_clip(&clip).await.unwrap();
    assert_eq!(database.clip(clip.clip).await.unwrap().as_ref(), Some(&clip));
    let changed = StoredClip { archived: true, public: false, tags: Vec::new(), changed: Wall(3), ..clip };
    database.put_clip(&changed).await.unwrap();
    assert_eq!(database.clips().await.unwrap(), std::slice::from_ref(&changed));
    database.drop_clip(changed.clip).await.unwrap();
    assert_eq!(database.clips().await.unwrap(), []);
}

/// RP-09: stretches come back in their order, with those that reach over the ends of the time, and once.
async fn states(database: &Database) {
    let span = |agent, status, reason: Option<&str>, from, to| StatusSpan {
        agent: AgentId(agent),
        status,
        reason: reason.map(Reason::new),
        from: Wall(from),
        to: Wall(to),
    };
    let all = [
        span(4, Status::Ready, None, 100, 200),
        span(4, Status::NotReady, Some("lunch"), 200, 300),
        span(5, Status::Busy, None, 150, 250),
        span(4, Status::Ready, None, 300, 400),
    ];
    let kept: Vec<_> = all.iter().cloned().map(Record::Status).collect();
    database.put_records(&kept).await.unwrap();
    database.put_records(&kept).await.unwrap();
    let found = async |from, to, most| database.status_spans(AgentId(4), (Wall(from), Wall(to)), most).await.unwrap();
    assert_eq!(found(250, 350, 9).await, [all[1].clone(), all[3].clone()]);
    assert_eq!(found(0, 1_000, 2).await, all[..2]);
    assert_eq!(found(200, 300, 9).await, all[1..2]);
    assert_eq!(found(400, 500, 9).await, []);
}

/// AW-09, CH-18: what agents wrote comes back as it was, once.
async fn engagements(database: &Database) {
    let one = |engagement, call: u64, work| EngagementSummary {
        engagement: EngagementId(engagement),
        agent: AgentId(4),
        interaction: InteractionId(8),
        call: Some(CallId(call)),
        queue: (engagement % 2 == 0).then_some(QueueId(7)),
        kind: InteractionKind::Inbound,
        accepted: Wall(engagement.cast_signed()),
        ended: Wall(9_000),
        talk_ms: 5_000,
        wrap_up_ms: 3_000,
        extended: 1,
        end: (engagement > 1).then_some(PartEnd::Transferred),
        work,
        actor: Actor::Agent(AgentId(4)),
    };
    let full = Work {
        disposition: Some("sold".into()),
        tags: ["vip".into(), "angry".into()].into(),
        notes: Private::new(HOSTILE.into()),
    };
    let all = [one(1, 5, full), one(2, 5, Work::default()), one(3, 6, Work::default())];
    let kept: Vec<_> = all.iter().cloned().map(|it| Record::Engagement(Box::new(it))).collect();
    database.put_records(&kept).await.unwrap();
    database.put_records(&kept).await.unwrap();
    assert_eq!(database.engagements(&[CallId(5)]).await.unwrap(), all[..2]);
    assert_eq!(database.engagements(&[CallId(5), CallId(6), CallId(7)]).await.unwrap(), all);
    let mut texts = [Record::Call(Box::new(record(1, 1, Some(2)))), kept[0].clone()].into_iter();
    assert!(texts.all(|it| serde_json::from_str::<Record>(&serde_json::to_string(&it).unwrap()).unwrap() == it));
}

/// RC-01, RC-03: what is known of a recording comes back as it was, once.
async fn segments(database: &Database) {
    let one = |segment, call: u64, file| SegmentRecord {
        segment: SegmentId(segment),
        call: CallId(call),
        leg: LegId(u64::MAX),
        others: vec![LegId(3), LegId(4)],
        queue: Some(QueueId(7)),
        agent: None,
        path: HOSTILE.into(),
        began: Wall(1),
        ended: Some(Wall(9)),
        pauses: vec![Pause { by: Actor::System, at: Wall(2), until: None }],
        private: segment == 3,
        interrupted: segment == 2,
        file,
    };
    let span = Span { from_ms: 3, ms: u64::from(u32::MAX) };
    let file =
        SegmentFile { length_ms: 8, octets: 186, sha256: Some("00ff".into()), paused: vec![span], lost: vec![span] };
    let all = [one(1, 5, Some(file)), one(2, 5, None), one(3, 6, None)];
    let kept: Vec<_> = all.iter().cloned().map(|it| Record::Segment(Box::new(it))).collect();
    database.put_records(&kept).await.unwrap();
    database.put_records(&kept).await.unwrap();
    assert_eq!(database.segments(CallId(5)).await.unwrap(), all[..2]);
    let newest = async |filter: SegmentFilter| -> Vec<u64> {
        let found = database.newest_segments(SegmentFilter { limit: 2, ..filter }).await.unwrap();
        found.iter().map(|it| it.segment.0).collect()
    };
    let of = |queues: &[u64], agent| SegmentFilter {
        queues: Some(queues.iter().map(|id| QueueId(*id)).collect()),
        agent,
        ..SegmentFilter::default()
    };
    assert_eq!(newest(SegmentFilter::default()).await, [3, 2]);
    assert_eq!(newest(SegmentFilter { before: Some(SegmentId(2)), ..SegmentFilter::default() }).await, [1]);
    assert_eq!((newest(of(&[8, 7], None)).await, newest(of(&[8], None)).await), (vec![3, 2], vec![]));
    assert!(newest(of(&[], Some(AgentId(3)))).await.is_empty());
    assert_eq!(database.segment(SegmentId(3)).await.unwrap().as_ref(), Some(&all[2]));
    assert_eq!(database.segment(SegmentId(4)).await.unwrap(), None);
    let text = serde_json::to_string(&kept[0]).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), kept[0]);
}

/// AP-05: a record with its legs, whatever its caller calls himself.
#[tokio::test]
async fn sqlite_keeps_users_sessions_and_records() {
    let folder = Scratch::new("database");
    let file = folder.join("strowger.db");
    let database = Database::open(&format!("sqlite:{}", file.display())).unwrap();
    story(&database).await;
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    database.close().await;
    let again = Database::open(&format!("sqlite://{}", file.display())).unwrap();
    again.prepare().await.unwrap();
    assert_eq!(again.records(RecordFilter { limit: 500, ..RecordFilter::default() }).await.unwrap().len(), 120);
}

/// What was damaged is kept for whoever can save something of it, under the rights that it had, and a new file takes its
/// place. One that is whole stays where it is.
#[tokio::test]
async fn a_damaged_database_is_set_aside() {
    let folder = Scratch::new("damaged-database");
    let file = folder.join("strowger.db");
    let url = format!("sqlite:{}?mode=rwc", file.display());
    assert_eq!(Database::set_aside_if_damaged(&url).unwrap(), None);
    let database = Database::open(&url).unwrap();
    database.prepare().await.unwrap();
    database.close().await;
    assert_eq!(Database::set_aside_if_damaged(&url).unwrap(), None);
    let whole = fs::read(&file).unwrap();
    for (wrong, n) in [(0..16, 1), (100..200, 2)] {
        let mut bytes = whole.clone();
        bytes[wrong].fill(0xa5);
        fs::write(&file, &bytes).unwrap();
        let aside = Database::set_aside_if_damaged(&url).unwrap().expect("it is damaged");
        assert_eq!(aside, folder.join(format!("strowger.db.damaged-{n}")));
        assert_eq!(fs::read(&aside).unwrap(), bytes);
        assert_eq!(fs::metadata(&aside).unwrap().permissions().mode() & 0o777, 0o600);
        let database = Database::open(&url).unwrap();
        database.prepare().await.unwrap();
        database.close().await;
    }
    assert_eq!(Database::set_aside_if_damaged("postgres://nobody@127.0.0.1:9/none").unwrap(), None);
}

#[tokio::test]
#[ignore = "needs a server: sip-tests/postgres/run starts one and runs this"]
async fn postgres_keeps_users_sessions_and_records() {
    let url = std::env::var("STROWGER_TEST_POSTGRES").expect("STROWGER_TEST_POSTGRES");
    story(&Database::open(&url).unwrap()).await;
}

#[tokio::test]
async fn a_database_that_is_away_is_an_error_and_not_a_wait() {
    let database = Database::open("postgres://nobody:secret@127.0.0.1:9/none").unwrap();
    assert!(!database.is_reachable().await);
    assert!(database.put_records(&[Record::Call(Box::new(record(1, 1, None)))]).await.is_err());
    assert!(database.prepare().await.is_err() && !database.is_ready());
}

#[test]
fn a_wrong_url_is_told_without_its_password() {
    for wrong in ["mysql://user:secret@host/name", "data/strowger.db", ""] {
        let told = Database::open(wrong).unwrap_err().to_string();
        assert!(told.contains("sqlite:data/strowger.db") && !told.contains("secret"), "{told}");
    }
}

/// OP-06: a database that a newer switch has written, or that nobody serves, is told as what it is.
#[tokio::test]
async fn op_06_why_a_database_cannot_be_used_is_told() {
    let scratch = Scratch::new("database-newer");
    let path = scratch.join("strowger.db");
    let url = format!("sqlite:{}", path.display());
    let open = || Database::open(&url).expect("opens");
    open().prepare().await.expect("tables");
    let newer = "INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, checksum, execution_time \
                 FROM _sqlx_migrations LIMIT 1";
    rusqlite::Connection::open(&path).expect("a file").execute(newer, []).expect("one more step");
    let said = open().prepare().await.expect_err("newer").to_string();
    assert!(said.contains("a newer version of the switch") && said.contains("9999"), "{said}");
    let away = Database::open("postgres://strowger:secret@127.0.0.1:1/strowger").expect("a URL");
    let said = away.why_unreachable().await.to_string();
    assert!(said.contains("127.0.0.1:1") && said.contains("refused") && !said.contains("secret"), "{said}");
}
