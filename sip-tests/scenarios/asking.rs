//! Questions to programs elsewhere; the story plays the program by hand.

use strowger::{
    base::{Endpoint, ServiceId},
    engine::{
        ASKS_MAX, Actor, Answer, Input, QUESTION_MAX, Refused, Request, RequestId, Responder, Said, Unsaid,
        flight::{Play, replay},
    },
};

use crate::sim::{World, millis, secs};

const CRM: ServiceId = ServiceId(7);

fn has_service(world: &World) {
    let endpoint = Endpoint::parse("http://crm.example/").unwrap();
    let service = Responder { id: CRM, name: "crm".into(), endpoint, secret: None, answer_time: secs(2) };
    world.centre_has(|centre| centre.services.push(service));
}

fn asks(world: &World, id: u64, question: serde_json::Value) {
    let request = Request::TryService { service: CRM, question };
    world.feeds(Input::Request { id: RequestId(id), actor: Actor::Api, request });
}

fn reply(world: &World, id: u64) -> Option<Result<Answer, Refused>> {
    world.reply(RequestId(id))
}

/// RT-06, QE-18: a question goes out with its deadline, and the answer to whoever asked. One that comes too late, twice, or
/// to a question that nobody put is nobody's. All of it comes out of the flight recorder again.
#[test]
fn a_service_is_asked_and_time_goes_on() {
    let world = World::seed(1_800);
    has_service(&world);
    asks(&world, 101, serde_json::json!({ "number": "+351910000001" }));
    let [question] = &world.questions()[..] else { panic!("one question") };
    assert_eq!((question.service, &question.json[..]), (CRM, &br#"{"number":"+351910000001"}"#[..]));
    assert!(reply(&world, 101).is_none(), "it waits for the answer");
    let said = Said { status: 200, json: serde_json::json!({ "vip": true }) };
    world.run_for(millis(1_900));
    world.feeds(Input::Answered { ask: question.ask, said: Ok(said.clone()) });
    assert!(matches!(reply(&world, 101), Some(Ok(Answer::Said(answer))) if answer == said));
    world.feeds(Input::Answered { ask: question.ask, said: Ok(said.clone()) });
    assert!(reply(&world, 101).is_none(), "told once");

    asks(&world, 102, serde_json::Value::Null);
    let late = world.questions().remove(0).ask;
    assert!(late > question.ask);
    world.run_for(millis(2_001));
    assert_eq!(reply(&world, 102).unwrap().unwrap_err().code, "service_late");
    world.feeds(Input::Answered { ask: late, said: Ok(said) });
    assert!(reply(&world, 102).is_none());

    asks(&world, 103, serde_json::Value::Null);
    let away = world.questions().remove(0).ask;
    world.feeds(Input::Answered { ask: away, said: Err(Unsaid::Away) });
    assert_eq!(reply(&world, 103).unwrap().unwrap_err().status, 502);
    let played = replay(world.recording().to_bytes(), Play::default(), |_| {}).expect("it can be read");
    assert!(played.whole && played.differ == 0, "{played:?}");
    world.settle();
}

/// RT-06, QE-18: more questions than [`ASKS_MAX`] without an answer, a question that is too long, and a service that there
/// is not, are refused at once.
#[test]
fn questions_are_bounded() {
    let world = World::seed(1_801);
    asks(&world, 1, serde_json::Value::Null);
    assert_eq!(reply(&world, 1).unwrap().unwrap_err().code, "no_service");
    has_service(&world);
    asks(&world, 2, "x".repeat(QUESTION_MAX).into());
    assert_eq!(reply(&world, 2).unwrap().unwrap_err().code, "question_too_long");
    (0..ASKS_MAX as u64).for_each(|number| asks(&world, 1_000 + number, serde_json::Value::Null));
    assert_eq!(world.questions().len(), ASKS_MAX);
    asks(&world, 3, serde_json::Value::Null);
    assert_eq!(reply(&world, 3).unwrap().unwrap_err().code, "busy");
    world.run_for(secs(3));
    asks(&world, 4, serde_json::Value::Null);
    assert_eq!(world.questions().len(), 1, "there is room again");
    world.run_for(secs(3));
    world.settle();
}
