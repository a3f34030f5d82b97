//! Questions to programs elsewhere; the story plays the program by hand.

use strowger::{
    base::{Endpoint, ServiceId},
    engine::{
        ASKS_MAX, Actor, Answer, Happened, Input, Patience, QUESTION_MAX, Refused, Request, RequestId, Responder, Said,
        ServiceTurn, Unsaid,
        flight::{Play, replay},
    },
};

use super::menus::{self, MENU_NUMBER};
use crate::sim::{World, millis, secs};

const CRM: ServiceId = ServiceId(7);

fn has_service(world: &World) {
    let endpoint = Endpoint::parse("http://crm.example/").unwrap();
    let service = Responder {
        id: CRM,
        name: "crm".into(),
        endpoint,
        secret: None,
        answer_time: secs(2),
        patience: Patience::default(),
    };
    world.centre_has(|centre| centre.services.push(service));
}

pub(super) fn turns(world: &World) -> Vec<ServiceTurn> {
    let service = |what: &Happened| {
        let Happened::Service(event) = what else { return None };
        (event.service == "crm").then(|| event.turn.clone())
    };
    world.happened().iter().filter_map(service).collect()
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

/// RT-06, QE-18: a service that refuses to work rests twice as long each time, with one question out of all to see whether
/// it is back; whoever tries it by hand is never refused, his failures count for nothing, and his success ends the rest, as
/// other settings do.
#[test]
fn qe_18_a_service_rests_and_is_tried() {
    let world = World::seed(1_802);
    let broken = || Ok(Said { status: 503, json: serde_json::Value::Null });
    let trial = |id, said| {
        asks(&world, id, serde_json::Value::Null);
        let [question] = &world.questions()[..] else { panic!("it is asked, whatever else") };
        world.feeds(Input::Answered { ask: question.ask, said });
    };
    menus::has_menus(
        &world,
        [serde_json::json!({ "key": "main", "look_up": "crm", "to": "hangup", "otherwise": "hangup" })],
    );
    world.centre_has(|centre| centre.services[0].patience.rest_time = secs(20));
    (1..=5).for_each(|id| trial(id, broken()));
    assert_eq!(turns(&world), Vec::new(), "trials");
    let look_up = |said: Option<Result<Said, Unsaid>>| {
        let call = world.carrier().calls(MENU_NUMBER);
        let asked = said.is_some();
        if let Some(said) = said {
            world.within(3, "it is asked", |world| world.has_questions());
            let question = world.questions().remove(0);
            world.feeds(Input::Answered { ask: question.ask, said });
        }
        world.within(2, "the menu leads on", |_| call.is_over());
        assert!(!world.has_questions(), "{asked}");
    };
    (0..3).for_each(|_| look_up(Some(broken())));
    for (rests, spared) in [(20, 1), (40, 2), (80, 0)] {
        (0..spared).for_each(|_| look_up(None));
        world.run_for(secs(rests));
        look_up(Some(broken()));
    }
    trial(10, broken());
    look_up(None);
    trial(11, Ok(Said { status: 404, json: serde_json::Value::Null }));
    let [
        ServiceTurn::Rests { unanswered: 3, why, seconds: 20 },
        ServiceTurn::AskedAgain { unanswered: 6, spared: 7, .. },
    ] = &turns(&world)[..]
    else {
        panic!("{:?}", turns(&world))
    };
    assert_eq!(why, "it answered 503");
    (0..3).for_each(|_| look_up(Some(Err(Unsaid::Away))));
    look_up(None);
    world.centre_has(|centre| centre.services[0].answer_time = secs(1));
    look_up(Some(Err(Unsaid::Away)));
    assert!(
        matches!(turns(&world)[3], ServiceTurn::AskedAgain { unanswered: 3, spared: 1, .. }),
        "{:?}",
        turns(&world)
    );
    world.settle();
}
