//! Who gets a caller, decided by a program elsewhere (RT-06); the story plays the program by hand.

use serde_json::{Value, json};
use strowger::{
    acd::{DecisionSettings, Selection, Status, Undecided},
    base::{Endpoint, ServiceId},
    engine::{
        Input, Question, Responder, Said, StoryEvent, Unsaid,
        flight::{Play, replay},
    },
};

use super::caller;
use crate::sim::{Agent, SUPPORT, Voice, World, millis, secs};

fn asks_elsewhere(world: &World) {
    world.centre_has(|centre| {
        let endpoint = Endpoint::parse("http://crm.example/").unwrap();
        let (id, answer_time) = (ServiceId(7), secs(2));
        centre.services.push(Responder { id, name: "crm".into(), endpoint, secret: None, answer_time });
        let decision = DecisionSettings { service: "crm".into(), ..DecisionSettings::default() };
        centre.acd.queues.get_mut(&SUPPORT).unwrap().decision = Some(decision);
    });
}

/// Ana, who is idle longest, and Rui, in a queue that asks elsewhere.
fn two(world: &World) -> (Agent, Agent) {
    asks_elsewhere(world);
    let ana = world.agent("ana").ready();
    world.run_for(secs(1));
    let rui = world.agent("rui").ready();
    world.run_for(secs(1));
    (ana, rui)
}

fn question(world: &World) -> Question {
    let [question] = &world.questions()[..] else { panic!("one question") };
    question.clone()
}

fn answers(world: &World, question: &Question, json: Value) {
    world.feeds(Input::Answered { ask: question.ask, said: Ok(Said { status: 200, json }) });
}

/// RT-06, by ear: the caller hears music while the program is asked, who it names is rung though another is idle longer,
/// both hear each other, and all of it comes out of the flight recorder again.
#[test]
fn rt_06_a_program_names_the_agent() {
    let world = World::seed(2_100);
    let (ana, rui) = two(&world);
    let call = caller(&world);
    world.within(2, "it is asked", |world| world.has_questions());
    let question = question(&world);
    let asked: Value = serde_json::from_slice(&question.json).unwrap();
    assert_eq!(
        (&asked["queue"], &asked["kind"], &asked["position"]),
        (&json!("support"), &json!("inbound"), &json!(1))
    );
    let candidates = asked["candidates"].as_array().unwrap();
    let names: Vec<_> =
        candidates.iter().map(|it| (it["agent"].as_str().unwrap(), it["rank"].as_u64().unwrap())).collect();
    assert_eq!(names, [("ana", 1), ("rui", 2)]);
    assert!(asked["caller"].as_str().is_some_and(|number| number.starts_with('+')), "{asked}");
    world.run_for(millis(600));
    assert!(world.hears(&call, Voice::MUSIC) && !ana.is_ringing() && !rui.is_ringing());
    answers(&world, &question, json!({ "agent": "rui" }));
    world.within(1, "he is rung", |_| rui.is_ringing() && !ana.is_ringing());
    rui.call().answers();
    world.within(3, "they talk", |world| world.hear_each_other(&call, &rui));
    call.hangs_up();
    world.settle();
    assert_eq!((ana.status(), rui.status()), (Status::Ready, Status::Ready));
    let queue = world.records().pop().unwrap().queue.unwrap();
    let [StoryEvent::Decided(decided), StoryEvent::Offered { why, .. }, StoryEvent::Left { .. }] =
        &queue.story.iter().map(|step| step.what.clone()).collect::<Vec<_>>()[..]
    else {
        panic!("{:?}", queue.story)
    };
    assert_eq!((decided.agent, why.rank, why.decided.as_ref()), (Some(rui.id), 2, Some(decided)));
    let played = replay(world.recording().to_bytes(), Play::default(), |_| {}).expect("it can be read");
    assert!(played.whole && played.differ == 0, "{played:?}");
}

/// RT-06: an answer and its time limit in both orders; a program that is away, refuses, or says what means nothing. Each
/// time the longest idle is rung, and the record says why.
#[test]
fn rt_06_without_an_answer_the_strategy_decides() {
    let garbled = |json| Some(Ok(Said { status: 200, json }));
    for (said, why) in [
        (None, Undecided::Late),
        (Some(Err(Unsaid::Away)), Undecided::Away),
        (Some(Err(Unsaid::Garbled)), Undecided::Garbled),
        (Some(Ok(Said { status: 500, json: json!({ "agent": "rui" }) })), Undecided::Garbled),
        (garbled(json!({ "agent": "nobody" })), Undecided::Garbled),
        (garbled(json!({ "agents": ["rui"] })), Undecided::Garbled),
        (garbled(json!({ "veto": "rui" })), Undecided::Garbled),
        (garbled(json!([])), Undecided::Garbled),
    ] {
        println!("{said:?}");
        let world = World::seed(2_101);
        let (ana, rui) = two(&world);
        let call = caller(&world);
        world.within(2, "it is asked", |world| world.has_questions());
        let question = question(&world);
        match said {
            Some(said) => world.feeds(Input::Answered { ask: question.ask, said }),
            None => {
                world.run_for(millis(990));
                assert!(!ana.is_ringing() && !rui.is_ringing());
            }
        }
        world.within(1, "she is rung", |_| ana.is_ringing() && !rui.is_ringing());
        answers(&world, &question, json!({ "agent": "rui" }));
        world.run_for(secs(1));
        assert!(ana.is_ringing() && !rui.is_ringing(), "too late");
        ana.call().answers();
        world.within(3, "they talk", |world| world.hear_each_other(&call, &ana));
        call.hangs_up();
        world.settle();
        let story = world.records().pop().unwrap().queue.unwrap().story;
        let told = story.iter().find_map(|step| match &step.what {
            StoryEvent::Decided(decided) => decided.undecided,
            StoryEvent::Nobody(_)
            | StoryEvent::Offered { .. }
            | StoryEvent::AgentLost { .. }
            | StoryEvent::Left { .. } => None,
        });
        assert_eq!(told, Some(why));
    }
}

/// RT-06: answer and caller's end, answer and agent's leaving, in both orders: nobody rings for a caller who is gone, and
/// whoever left is not rung.
#[test]
fn rt_06_an_answer_meets_what_has_changed() {
    for answer_first in [true, false] {
        let world = World::seed(2_102);
        let (ana, rui) = two(&world);
        let call = caller(&world);
        world.within(2, "it is asked", |world| world.has_questions());
        let asked = question(&world);
        if answer_first {
            answers(&world, &asked, json!({ "agent": "rui" }));
            call.hangs_up();
        } else {
            call.hangs_up();
            answers(&world, &asked, json!({ "agent": "rui" }));
        }
        world.run_for(secs(1));
        assert!(!rui.is_ringing() && !ana.is_ringing());
        world.settle();

        let call = caller(&world);
        world.within(2, "it is asked", |world| world.has_questions());
        let asked = question(&world);
        if answer_first {
            answers(&world, &asked, json!({ "agent": "rui" }));
            rui.selects(Selection::not_ready("lunch")).unwrap();
            // Asked once more, now that nobody rings.
            let again = question(&world);
            answers(&world, &again, Value::Null);
        } else {
            rui.selects(Selection::not_ready("lunch")).unwrap();
            answers(&world, &asked, json!({ "agent": "rui" }));
        }
        world.within(1, "she is rung instead", |_| ana.is_ringing() && !rui.is_ringing());
        ana.call().answers();
        world.within(3, "they talk", |world| world.hear_each_other(&call, &ana));
        call.hangs_up();
        world.settle();
    }
}

/// RT-06: who is ruled out is not rung, with nobody else the caller waits under music until the veto is over, and the
/// process that dies meanwhile asks again.
#[test]
fn rt_06_a_veto_and_a_restart() {
    let world = World::seed(2_103);
    asks_elsewhere(&world);
    let ana = world.agent("ana").ready();
    let call = caller(&world);
    world.within(2, "it is asked", |world| world.has_questions());
    answers(&world, &question(&world), json!({ "veto": ["ana"] }));
    world.run_for(secs(25));
    assert!(!ana.is_ringing() && world.hears(&call, Voice::MUSIC));
    world.within(6, "asked anew", |world| world.has_questions());
    let lost = question(&world);
    world.crashes();
    world.run_for(millis(300));
    world.starts();
    world.within(90, "and by the next process", |world| world.has_questions());
    let again = question(&world);
    answers(&world, &lost, json!({ "veto": ["ana"] }));
    answers(&world, &again, json!({ "agent": "ana" }));
    world.within(1, "it rings", |_| ana.is_ringing());
    ana.call().answers();
    world.within(3, "they talk", |world| world.hear_each_other(&call, &ana));
    call.hangs_up();
    world.settle();
}
