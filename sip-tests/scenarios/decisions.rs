//! Who gets a caller, decided by a program elsewhere (RT-06); the story plays the program by hand.

use serde_json::{Value, json};
use strowger::{
    acd::{DecisionSettings, Selection, Status, Undecided},
    base::{Endpoint, ServiceId},
    engine::{
        Input, Patience, Question, Responder, Said, ServiceTurn, StoryEvent, Unsaid,
        flight::{Play, replay},
    },
};

use super::{asking::turns, caller};
use crate::sim::{Agent, SUPPORT, Voice, World, millis, secs};

fn asks_elsewhere(world: &World) {
    world.centre_has(|centre| {
        let endpoint = Endpoint::parse("http://crm.example/").unwrap();
        let (id, answer_time) = (ServiceId(7), secs(2));
        centre.services.push(Responder {
            id,
            name: "crm".into(),
            endpoint,
            secret: None,
            answer_time,
            patience: Patience::default(),
        });
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

/// One call of Ana's, from its first ring to its end; how long it was until she was rung, in milliseconds.
fn served(world: &World, ana: &Agent) -> u64 {
    let (call, from) = (caller(world), world.clock());
    world.within(5, "she is rung", |_| ana.is_ringing());
    let waited = world.clock().since(from).as_millis();
    ana.call().answers();
    world.within(3, "they talk", |world| world.hear_each_other(&call, ana));
    call.hangs_up();
    world.within(1, "she is free", |_| ana.status() == Status::Ready);
    waited.try_into().unwrap()
}

/// RT-06, by ear: a program that hangs costs three calls their second; those behind them are rung at once, and so is the
/// one whose question goes out to see whether it is back. Its answer ends that. Told when it begins and ends, once each,
/// and to whoever asks why; and all of it comes out of the flight recorder again.
#[test]
fn rt_06_a_program_that_hangs_costs_no_more_than_three_calls() {
    let world = World::seed(2_110);
    asks_elsewhere(&world);
    world.centre_has(|centre| centre.services[0].patience.rest_time = secs(20));
    let ana = world.agent("ana").ready();
    world.run_for(secs(1));
    for number in 1..=3 {
        let waited = served(&world, &ana);
        assert!((1_000..1_300).contains(&waited), "{number}: {waited} ms");
        assert_eq!(world.questions().len(), 1);
    }
    let why = Unsaid::TooLate.to_string();
    assert_eq!(turns(&world), [ServiceTurn::Rests { unanswered: 3, why, seconds: 20 }]);
    for number in 4..=6 {
        let waited = served(&world, &ana);
        assert!(waited < 300 && !world.has_questions(), "{number}: {waited} ms");
    }
    let story = world.records().pop().unwrap().queue.unwrap().story;
    let rests = |what: &StoryEvent| matches!(what, StoryEvent::Decided(it) if it.undecided == Some(Undecided::Rests));
    assert!(rests(&story[0].what), "{story:?}");

    world.run_for(secs(20));
    assert!(served(&world, &ana) < 300, "nobody waits for the probe");
    let probe = question(&world);
    assert!(served(&world, &ana) < 300 && !world.has_questions(), "one probe at a time");
    answers(&world, &probe, json!({}));
    let [_, ServiceTurn::AskedAgain { unanswered: 3, spared: 5, .. }] = &turns(&world)[..] else {
        panic!("{:?}", turns(&world))
    };
    let call = caller(&world);
    world.within(1, "it is asked again", |world| world.has_questions());
    answers(&world, &question(&world), json!({ "agent": "ana" }));
    world.within(1, "she is rung", |_| ana.is_ringing());
    ana.call().answers();
    world.within(3, "they talk", |world| world.hear_each_other(&call, &ana));
    call.hangs_up();
    world.settle();
    let played = replay(world.recording().to_bytes(), Play::default(), |_| {}).expect("it can be read");
    assert!(played.whole && played.differ == 0, "{played:?}");
}
