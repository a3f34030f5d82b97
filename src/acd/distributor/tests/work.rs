//! What agents write, and their being done with it.

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, CallId, EngagementId, Private, UserId},
};

const ME: Actor = Actor::Agent(AgentId(1));
const BOSS: Actor = Actor::Supervisor(UserId(9));

/// One agent who has talked for ten seconds, in a queue with two of the centre's three dispositions.
fn after_talk(change: impl FnOnce(&mut QueueSettings)) -> (Room, EngagementId) {
    let mut room = Room::with(1, |settings| {
        settings.dispositions = ["sold", "later", "wrong"].map(disposition).into();
        settings.tags = ["vip", "angry"].map(tag).into();
        let queue = first_queue(settings);
        (queue.acw_secs, queue.disposition) = (30, DispositionRule::Optional);
        queue.dispositions = vec!["sold".into(), "later".into()];
        change(queue);
    });
    room.call();
    let engagement = room.talk();
    room.pass(10);
    (room, engagement)
}

fn disposition(key: &str) -> DispositionSettings {
    DispositionSettings { key: key.into(), name: String::new() }
}

fn tag(key: &str) -> TagSettings {
    TagSettings { key: key.into(), name: String::new(), colour: String::new() }
}

fn write(room: &mut Room, engagement: EngagementId, change: WorkChange) -> Result<(), Refused> {
    room.ask(|acd, now| acd.write_work(now, AgentId(1), engagement, change))
}

fn dispose(key: &str) -> WorkChange {
    WorkChange { disposition: Some(Some(key.into())), ..WorkChange::default() }
}

fn done(room: &mut Room, engagement: EngagementId, next: Option<Selection>) -> Result<(), Refused> {
    room.ask(|acd, now| acd.mark_done(now, AgentId(1), engagement, next, ME))
}

fn summary(room: &Room) -> EngagementSummary {
    let ended = room.said.iter().rev().find_map(|output| {
        let Output::EngagementEnded(summary) = output else { return None };
        Some((**summary).clone())
    });
    ended.expect("an engagement that is over")
}

/// AW-09, CH-17, CH-18: written in the talk and after it, bit by bit, and told with the engagement's end.
#[test]
fn work_is_written_in_the_talk_and_after_it() {
    let (mut room, engagement) = after_talk(|_| {});
    let notes = WorkChange { notes: Some(Private::new("asks for <b>a refund</b>".into())), ..WorkChange::default() };
    write(&mut room, engagement, notes).unwrap();
    room.end(engagement);
    assert_eq!(room.status(1), Status::WrapUp);
    write(&mut room, engagement, dispose("wrong")).expect_err("not of this queue");
    write(&mut room, engagement, dispose("later")).unwrap();
    write(&mut room, engagement, dispose("sold")).unwrap();
    let tags = WorkChange { tags: Some(["vip".into(), "angry".into()].into()), ..WorkChange::default() };
    write(&mut room, engagement, tags).unwrap();
    let seen = room.agent(1).engagements[0].work.clone();
    room.pass(30);
    let work = summary(&room).work;
    assert_eq!((work.disposition.clone(), work.tags.len()), (Some("sold".into()), 2));
    assert_eq!(work.notes.reveal(), "asks for <b>a refund</b>");
    assert_eq!(work, seen, "the page shows what is kept");
    assert_eq!(write(&mut room, engagement, dispose("sold")).unwrap_err().status, 404, "done with");
}

/// AW-09: refused whole, with a word; nobody writes in another's work.
#[test]
fn what_can_not_be_written_is_refused() {
    let (mut room, engagement) = after_talk(|_| {});
    let before = room.agent(1).engagements[0].work.clone();
    let tags =
        |keys: &[&str]| WorkChange { tags: Some(keys.iter().map(|key| Tag::new(key)).collect()), ..dispose("sold") };
    let long = WorkChange { notes: Some(Private::new("x".repeat(NOTES_MAX + 1))), ..dispose("sold") };
    for (change, code) in [
        (dispose("nothing"), "no_disposition"),
        (dispose("none"), "no_disposition"),
        (tags(&["vip", "made up"]), "no_tag"),
        (long, "notes_too_long"),
    ] {
        let refused = write(&mut room, engagement, change).unwrap_err();
        assert_eq!((refused.status, refused.code), (400, code));
    }
    assert_eq!(room.agent(1).engagements[0].work, before);
    let other = room.ask(|acd, now| acd.write_work(now, AgentId(2), engagement, dispose("sold")));
    assert_eq!(other.unwrap_err().status, 404);
    let (mut room, engagement) = after_talk(|queue| queue.disposition = DispositionRule::Off);
    assert_eq!(write(&mut room, engagement, dispose("sold")).unwrap_err().code, "no_disposition");
}

/// AW-08: it stays until it is marked done, however long; neither finishing nor choosing Ready ends it, a supervisor does.
#[test]
fn an_interaction_stays_until_it_is_marked_done() {
    let required = |queue: &mut QueueSettings| (queue.mark_done, queue.acw_secs) = (MarkDone::Required, 0);
    let (mut room, engagement) = after_talk(required);
    assert_eq!(done(&mut room, engagement, None).unwrap_err().status, 409, "still talking");
    room.end(engagement);
    room.pass(3_600);
    assert_eq!((room.status(1), room.agent(1).until), (Status::WrapUp, None));
    let finish = |room: &mut Room, actor| room.ask(|acd, now| acd.finish_wrap_up(now, AgentId(1), None, actor));
    assert_eq!(finish(&mut room, ME).unwrap_err().code, "mark_done");
    assert_eq!(room.select(1, Selection::Ready).unwrap_err().code, "mark_done");
    done(&mut room, engagement, None).unwrap();
    assert_eq!((room.status(1), room.hits(Rule::WrapUpFinished)), (Status::Ready, 1));
    assert_eq!(done(&mut room, engagement, None).unwrap_err().status, 404);
    let (mut room, engagement) = after_talk(required);
    room.end(engagement);
    finish(&mut room, BOSS).unwrap();
    assert_eq!(room.status(1), Status::Ready);
    let (mut room, engagement) = after_talk(|queue| queue.mark_done = MarkDone::Required);
    room.end(engagement);
    room.pass(30);
    assert_eq!(room.status(1), Status::Ready, "its limit ends it");
}

/// AW-08: Done says what comes next, and must where the queue leaves it to the agent.
#[test]
fn done_takes_the_next_status() {
    for (next, status, reason) in [
        (Selection::Ready, Status::Ready, None),
        (Selection::not_ready("lunch"), Status::NotReady, Some("lunch".into())),
    ] {
        let (mut room, engagement) = after_talk(|queue| {
            (queue.mark_done, queue.next_status) = (MarkDone::Required, NextStatus::Manual);
        });
        room.end(engagement);
        assert_eq!(done(&mut room, engagement, None).unwrap_err().code, "status_required");
        assert_eq!(done(&mut room, engagement, Some(Selection::not_ready("made up"))).unwrap_err().code, "no_reason");
        assert_eq!(room.status(1), Status::WrapUp);
        room.said.clear();
        done(&mut room, engagement, Some(next)).unwrap();
        assert_eq!((room.status(1), room.view(1).reason), (status, reason));
        assert_eq!(room.events(1).len(), 1, "straight from the wrap-up: {:?}", room.events(1));
    }
}

/// AW-08, CH-18: a compulsory disposition blocks Done; the limit ends it anyway and says that there was none.
#[test]
fn a_compulsory_disposition_blocks_done() {
    let compulsory = |queue: &mut QueueSettings| {
        (queue.mark_done, queue.disposition) = (MarkDone::Required, DispositionRule::Required);
    };
    let (mut room, engagement) = after_talk(compulsory);
    room.end(engagement);
    assert_eq!(done(&mut room, engagement, None).unwrap_err().code, "disposition_required");
    write(&mut room, engagement, dispose("sold")).unwrap();
    let back = WorkChange { disposition: Some(None), ..WorkChange::default() };
    write(&mut room, engagement, back).unwrap();
    assert_eq!(done(&mut room, engagement, None).unwrap_err().code, "disposition_required", "taken back");
    write(&mut room, engagement, dispose("sold")).unwrap();
    done(&mut room, engagement, None).unwrap();
    assert_eq!(summary(&room).work.disposition, Some("sold".into()));
    let (mut room, engagement) = after_talk(compulsory);
    room.end(engagement);
    room.pass(30);
    assert_eq!((room.status(1), summary(&room).work.disposition), (Status::Ready, Some(Disposition::none())));
}

/// AW-09, OP-01: what was written is there after a crash, with who called.
#[test]
fn work_survives_a_crash() {
    for from_checkpoint in [false, true] {
        let (mut room, engagement) = after_talk(|queue| queue.acw_secs = 300);
        room.end(engagement);
        write(&mut room, engagement, dispose("sold")).unwrap();
        let before = room.agent(1).engagements[0].clone();
        room.restart(5, &[], from_checkpoint);
        let after = room.agent(1).engagements[0].clone();
        assert_eq!((&after.work, &after.caller), (&before.work, &before.caller));
        assert_eq!(after.work.disposition, Some("sold".into()));
    }
}

/// CH-18: settings that name what is not there are refused with the place.
#[test]
fn dispositions_that_are_not_there_are_faults() {
    let mut settings = centre(1, 1);
    settings.dispositions = ["sold", "none"].map(disposition).into();
    first_queue(&mut settings).dispositions = vec!["lost".into()];
    let places: Vec<_> = settings.check().into_iter().map(|fault| fault.place).collect();
    assert_eq!(places, ["dispositions.none", "queues.q1.dispositions"]);
    let mut settings = centre(1, 1);
    first_queue(&mut settings).disposition = DispositionRule::Required;
    assert_eq!(settings.check()[0].place, "queues.q1.dispositions");
}

/// AW-09, AW-10, OP-01: also over a restart a disposition may be chosen in the wrap-up after a call of his own.
#[test]
fn a_call_of_his_own_is_written_up_over_a_restart() {
    let mut room = Room::with(1, |settings| {
        settings.policies.direct_acw_secs = 60;
        settings.dispositions = vec![disposition("sold")];
    });
    room.direct(1, 9);
    room.ask(|acd, now| acd.handle_direct_ended(now, AgentId(1), CallId(9)));
    room.restart(5, &[], false);
    let engagement = room.agent(1).engagements[0].engagement;
    write(&mut room, engagement, dispose("sold")).expect("written");
    done(&mut room, engagement, None).expect("done");
    assert_eq!(summary(&room).work.disposition, Some("sold".into()));
}
