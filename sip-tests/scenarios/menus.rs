//! Callers in menus (QE-18), judged by what they hear, where they come to, and what is left afterwards.

use strowger::{
    acd::{Selection, Status},
    base::{Endpoint, MenuId, QueueId, ServiceId},
    engine::{Input, Menu, MenuEnd, Patience, Question, QueueVoice, Responder, Said, Spoken, Unsaid, WaitingSound},
    media::spoken::Language,
    switch::{Destination, Pattern, Route},
};

use super::caller;
use crate::sim::{Agent, Call, SUPPORT, Voice, World, millis, secs};

pub(super) const MENU_NUMBER: &str = "+351210000009";
pub(super) const SALES: QueueId = QueueId(2);
pub(super) const CRM: ServiceId = ServiceId(7);

pub(super) const WELCOME: &str = "built-in:welcome";
const THANKS: &str = "built-in:thanks";

/// A menu as a file would have it.
fn menu(id: u64, text: serde_json::Value) -> Menu {
    Menu { id: MenuId(id), ..serde_json::from_value(text).expect("a menu") }
}

/// Menus, the first of them behind a number, and a second queue beside `support`.
pub(super) fn has_menus(world: &World, menus: impl IntoIterator<Item = serde_json::Value>) {
    let menus: Vec<Menu> = menus.into_iter().zip(1..).map(|(text, id)| menu(id, text)).collect();
    world.centre_has(|centre| {
        let sales = strowger::acd::QueueSettings { key: "sales".into(), ..Default::default() };
        centre.acd.queues.insert(SALES, sales);
        centre.routes.push(Route::new(Pattern::new(MENU_NUMBER).unwrap(), Destination::Menu(MenuId(1))));
        let endpoint = Endpoint::parse("http://crm.example/").unwrap();
        centre.services.push(Responder {
            id: CRM,
            name: "crm".into(),
            endpoint,
            secret: None,
            answer_time: secs(2),
            patience: Patience::default(),
        });
        centre.menus = menus;
    });
}

pub(super) fn two_ways() -> serde_json::Value {
    serde_json::json!({
        "key": "main", "say": [WELCOME], "keys": { "1": "queue:sales", "2": "hangup" }, "wrong": "built-in:connecting",
        "tries": 2, "otherwise": "queue:support"
    })
}

pub(super) fn calls_menu(world: &World) -> Call {
    let call = world.carrier().calls(MENU_NUMBER);
    world.within(3, "the menu takes the call", |_| call.is_up());
    call
}

pub(super) fn clip(word: &str) -> [strowger::base::ClipId; 1] {
    [Language::English.clip(word).unwrap()]
}

pub(super) fn seller(world: &World, name: &str) -> Agent {
    let agent = world.agent(name);
    world.centre_has(|centre| {
        let member = strowger::acd::MemberSettings::new(name);
        centre.acd.queues.get_mut(&SUPPORT).unwrap().members.retain(|member| member.agent != name);
        centre.acd.queues.get_mut(&SALES).unwrap().members.push(member);
    });
    agent.ready()
}

pub(super) fn ends(world: &World) -> Vec<(String, Option<MenuEnd>, String)> {
    let record = world.records().pop().expect("a record");
    let end = |step: strowger::engine::MenuStep| match step.end {
        Some((end, way)) => (step.menu, Some(end), way.to_string()),
        None => (step.menu, None, String::new()),
    };
    record.menus.into_iter().map(end).collect()
}

/// QE-18: the prompt is heard; a key as RFC 4733 event, in INFO, or as tones cuts it and leads to its queue, where an agent
/// answers. The record says which way he went.
#[test]
fn a_key_of_every_kind_leads_on() {
    for kind in ["event", "info", "tones"] {
        println!("{kind}");
        let world = World::seed(1_810);
        has_menus(&world, [two_ways()]);
        let eva = seller(&world, "eva");
        let ana = world.agent("ana").ready();
        if kind == "tones" {
            world.carrier().can(crate::sim::Abilities { event: None, ..Default::default() });
        }
        let call = calls_menu(&world);
        call.tapes();
        world.run_for(millis(700));
        match kind {
            "event" => call.presses("1"),
            "info" => call.presses_by_info('1'),
            _ => call.says(key_tones(697.0, 1_209.0)),
        }
        world.within(2, "the queue of the key rings", |_| eva.is_ringing());
        assert!(call.heard(&clip("welcome")).is_none(), "it was cut");
        eva.call().answers();
        world.within(3, "they talk", |world| world.hear_each_other(&call, &eva));
        assert!(!ana.is_ringing());
        call.hangs_up();
        world.settle();
        assert_eq!(ends(&world), [("main".into(), Some(MenuEnd::Pressed { key: '1' }), "queue:sales".into())]);
        assert_eq!(world.records()[0].queue.as_ref().unwrap().queue, SALES);
        assert_eq!(eva.status(), Status::Ready);
    }
}

fn key_tones(low: f64, high: f64) -> Vec<i16> {
    let wave = |hertz: f64, at: u32| (std::f64::consts::TAU * hertz * f64::from(at) / 8_000.0).sin();
    let tone = (0..1_600).map(|at| (6_000.0 * (wave(low, at) + wave(high, at))) as i16);
    tone.chain([0; 1_600]).collect()
}

/// QE-18: the prompt is heard whole, then silence is waited through; a wrong key is told and the prompt comes again; after
/// the last try it goes the other way, into the queue's music.
#[test]
fn silence_and_wrong_keys_come_to_an_end() {
    let world = World::seed(1_811);
    has_menus(&world, [two_ways()]);
    let call = calls_menu(&world);
    call.tapes();
    world.within(15, "the prompt", |_| call.heard_end_of(&clip("welcome")).is_some());
    call.tapes();
    call.presses("7");
    world.within(15, "the word and the prompt again", |_| {
        call.heard(&clip("connecting")).is_some() && call.heard(&clip("welcome")).is_some()
    });
    assert!(!world.hears(&call, Voice::MUSIC));
    world.run_for(millis(4_500));
    assert!(!world.hears(&call, Voice::MUSIC), "he still has time to press");
    world.within(2, "the queue's music", |world| world.hears(&call, Voice::MUSIC));
    call.hangs_up();
    world.settle();
    assert_eq!(ends(&world), [("main".into(), Some(MenuEnd::Silent), "queue:support".into())]);
}

fn account() -> Vec<serde_json::Value> {
    vec![
        serde_json::json!({
            "key": "account", "say": [WELCOME], "collect": { "name": "account", "least": 3, "most": 6 },
            "to": "menu:back", "otherwise": "hangup"
        }),
        serde_json::json!({ "key": "back", "say": ["digits:account", "number:account"], "to": "menu:look" }),
        serde_json::json!({
            "key": "look", "look_up": "crm", "answers": { "vip": "menu:vip", "owes": "clip:music" },
            "to": "queue:support", "otherwise": "queue:sales"
        }),
        serde_json::json!({ "key": "vip", "priority": 50, "skills": { "pt": 3 }, "to": "queue:support" }),
    ]
}

fn types_account(world: &World) -> Call {
    let call = calls_menu(world);
    world.run_for(millis(300));
    call.tapes();
    call.presses("207#");
    call
}

pub(super) fn asked(world: &World) -> Vec<Question> {
    let mut asked = Vec::new();
    world.within(20, "the service is asked", |world| {
        asked.extend(world.questions());
        !asked.is_empty()
    });
    asked
}

/// QE-18: what is typed is said back, digit by digit and as a number, and looked up; the answer names caller, skills, and
/// the branch. Only who has the skill is asked, and his phone shows the name. What was typed is not in the record.
#[test]
fn a_caller_is_looked_up() {
    let world = World::seed(1_812);
    let (ana, eva) = (world.agent("ana").ready(), world.agent("eva").ready());
    world.centre_has(|centre| {
        centre.acd.agents.get_mut(&eva.id).unwrap().skills = [("pt".to_owned(), 4)].into();
    });
    has_menus(&world, account());
    let call = types_account(&world);
    let asked = asked(&world);
    let spoken = ["2", "0", "7", "2", "hundred", "and", "7"].map(|word| Language::English.clip(word).unwrap());
    assert!(call.heard(&spoken).is_some(), "what he typed");
    let question: serde_json::Value = serde_json::from_slice(&asked[0].json).unwrap();
    assert_eq!((&question["known"]["account"], &question["menu"]), (&"207".into(), &"look".into()));
    assert_eq!(question["caller"], "+351919999999");
    let json = serde_json::json!({ "branch": "vip", "name": "Maria Silva", "attributes": { "city": "Porto" } });
    world.feeds(Input::Answered { ask: asked[0].ask, said: Ok(Said { status: 200, json }) });
    world.within(2, "who has the skill is asked", |_| eva.is_ringing());
    let invite = eva.requests().into_iter().find(|one| one.method().is_some_and(|is| is.to_string() == "INVITE"));
    let invite = String::from_utf8_lossy(invite.unwrap().bytes()).into_owned();
    assert!(invite.contains("[support] Maria Silva"), "{invite}");
    let waiting = world.snapshot().acd.queues.into_iter().find(|queue| queue.queue == SUPPORT).unwrap().waiting;
    assert_eq!(waiting[0].priority, 50);
    eva.call().answers();
    world.within(3, "they talk", |world| world.hear_each_other(&call, &eva));
    call.hangs_up();
    world.settle();
    assert!(!ana.all_calls().iter().any(|call| !call.is_over()) && ana.all_calls().is_empty());
    let record = serde_json::to_string(&world.records().pop().unwrap()).unwrap();
    assert!(!record.contains("207"), "{record}");
    let ends: Vec<_> = ends(&world).into_iter().map(|(menu, _, to)| format!("{menu} {to}")).collect();
    assert_eq!(ends, ["account menu:back", "back menu:look", "look menu:vip", "vip queue:support"]);
}

/// QE-18: both orders of the race of answer and deadline. Whichever is first counts, the other changes nothing; and an
/// answer for a caller who has hung up is nobody's.
#[test]
fn an_answer_races_its_deadline() {
    for (wait, answer, sold) in [(1_900, true, false), (2_100, true, true), (1_900, false, true)] {
        let world = World::seed(1_813);
        has_menus(&world, account());
        let (ana, eva) = (world.agent("ana").ready(), seller(&world, "eva"));
        let call = types_account(&world);
        let asked = asked(&world);
        world.run_for(millis(wait));
        let said = Said { status: 200, json: serde_json::Value::Null };
        let said = if answer { Ok(said) } else { Err(Unsaid::Away) };
        world.feeds(Input::Answered { ask: asked[0].ask, said });
        world.within(2, "one rings", |_| ana.is_ringing() || eva.is_ringing());
        assert_eq!(eva.is_ringing(), sold, "after {wait} ms");
        call.hangs_up();
        world.settle();
        assert_eq!(world.records().len(), 1);
    }
    let world = World::seed(1_814);
    has_menus(&world, account());
    let call = types_account(&world);
    let asked = asked(&world);
    call.hangs_up();
    world.run_for(millis(100));
    world.feeds(Input::Answered { ask: asked[0].ask, said: Err(Unsaid::Away) });
    world.settle();
}

/// QE-18: both orders of key and hang-up, the BYE and the key in one and the same moment: nothing is left, nobody rings on.
#[test]
fn a_key_races_the_hang_up() {
    for key_first in [true, false] {
        let world = World::seed(1_815);
        has_menus(&world, [two_ways()]);
        let eva = seller(&world, "eva");
        let call = calls_menu(&world);
        world.run_for(millis(500));
        if key_first {
            call.presses_by_info('1');
            call.hangs_up();
        } else {
            call.hangs_up();
            call.presses_by_info('1');
        }
        world.settle();
        assert_eq!(eva.status(), Status::Ready);
        assert_eq!(world.records().len(), 1);
    }
}

/// QE-18: `kill -9` in the middle of a menu: the caller stays on the line, hears the same menu from its beginning in the
/// next process, with what he had typed before, and his key counts.
#[test]
fn a_menu_outlives_the_process() {
    let world = World::seed(1_816);
    let mut menus = account();
    menus[1] = serde_json::json!({ "key": "back", "say": ["digits:account", WELCOME], "keys": { "1": "queue:support" },
                                   "otherwise": "hangup" });
    has_menus(&world, menus);
    let ana = world.agent("ana").ready();
    let call = calls_menu(&world);
    world.run_for(millis(300));
    call.presses("207#");
    world.run_for(secs(2));
    world.crashes();
    world.run_for(secs(1));
    call.tapes();
    world.starts();
    let again = ["2", "0", "7", "welcome"].map(|word| Language::English.clip(word).unwrap());
    world.within(20, "the menu again", |_| call.heard(&again).is_some());
    call.presses("1");
    world.within(2, "its key leads on", |_| ana.is_ringing());
    ana.call().answers();
    world.within(3, "they talk", |world| world.hear_each_other(&call, &ana));
    call.hangs_up();
    world.settle();
    let ends: Vec<_> = ends(&world).into_iter().map(|(menu, _, to)| format!("{menu} {to}")).collect();
    assert_eq!(ends, ["account menu:back", "back queue:support"]);
}

pub(super) fn waits_with_menu(world: &World) -> (Agent, Call, Call) {
    has_menus(
        world,
        [
            two_ways(),
            serde_json::json!({
                "key": "stay", "say": [THANKS], "keys": { "1": "queue:sales", "3": "menu:sooner" }, "tries": 1,
                "otherwise": "stay"
            }),
            serde_json::json!({ "key": "sooner", "priority": 9, "to": "stay" }),
        ],
    );
    let spoken = Spoken { menu: Some("stay".into()), menu_first_secs: 10, menu_every_secs: 20, ..Spoken::default() };
    world.centre_has(|centre| {
        let voice = QueueVoice { queue: SUPPORT, waiting: WaitingSound::HoldMusic, caller_id: None, spoken };
        centre.queues.push(voice);
    });
    let ana = world.agent("ana").ready();
    ana.selects(Selection::not_ready("lunch")).unwrap();
    let (first, second) = (caller(world), caller(world));
    (ana, first, second)
}

fn line(world: &World) -> Vec<i32> {
    let queue = world.snapshot().acd.queues.into_iter().find(|queue| queue.queue == SUPPORT).unwrap();
    queue.waiting.iter().map(|it| it.priority).collect()
}

/// QE-18: who waits hears the menu over the music, and the music again when he presses nothing; it comes again after its
/// pause. He keeps his place, or a better one by his key, and his key counts between the tellings too.
#[test]
fn who_waits_may_choose_and_keeps_his_place() {
    let world = World::seed(1_817);
    let (_ana, first, second) = waits_with_menu(&world);
    first.tapes();
    world.run_for(secs(9));
    assert!(world.hears(&first, Voice::MUSIC));
    world.within(12, "the menu", |_| first.heard(&clip("thanks")).is_some());
    world.run_for(secs(6));
    assert!(world.hears(&first, Voice::MUSIC), "he stays");
    first.tapes();
    world.within(60, "the menu again", |_| first.heard(&clip("thanks")).is_some());
    world.run_for(secs(6));
    assert_eq!(line(&world), [0, 0]);
    second.presses("3");
    world.run_for(secs(1));
    assert_eq!(line(&world), [9, 0], "the second is before the first");
    assert!(world.hears(&second, Voice::MUSIC));
    let eva = seller(&world, "eva");
    first.presses("1");
    world.within(2, "the other queue rings", |_| eva.is_ringing());
    eva.call().answers();
    world.within(3, "they talk", |world| world.hear_each_other(&first, &eva));
    first.hangs_up();
    second.hangs_up();
    world.settle();
    let of_first = world.records().into_iter().find(|record| record.queue.as_ref().unwrap().queue == SALES).unwrap();
    assert_eq!(of_first.queue.unwrap().outcome, "answered");
}

/// QE-18: an agent is free while the menu is being said. Who answers cuts it; a key before that takes the caller out, and
/// the agent's phone stops ringing.
#[test]
fn an_agent_is_free_during_the_menu() {
    for key_first in [false, true] {
        let world = World::seed(1_818);
        let (ana, first, second) = waits_with_menu(&world);
        second.hangs_up();
        let eva = seller(&world, "eva");
        world.run_for(millis(11_500));
        assert!(!world.hears(&first, Voice::MUSIC), "the menu is being said");
        ana.selects(Selection::Ready).unwrap();
        world.within(1, "it rings", |_| ana.is_ringing());
        if key_first {
            first.presses("1");
            world.within(2, "the other queue rings", |_| eva.is_ringing() && !ana.is_ringing());
            eva.call().answers();
            world.within(3, "they talk", |world| world.hear_each_other(&first, &eva));
        } else {
            ana.call().answers();
            world.run_for(millis(440));
            assert!(world.hear_each_other(&first, &ana));
            first.presses("1");
            world.run_for(secs(8));
            assert!(world.hear_each_other(&first, &ana), "his keys are for her now");
            assert!(!eva.is_ringing());
        }
        first.hangs_up();
        world.settle();
        assert_eq!((ana.status(), eva.status()), (Status::Ready, Status::Ready));
    }
}

/// QE-18: a menu leads to a person, who rings under ringback, and to the words of a menu in the caller's language.
#[test]
fn a_menu_leads_to_a_person() {
    let world = World::seed(1_819);
    has_menus(
        &world,
        [serde_json::json!({
            "key": "main", "say": [WELCOME], "languages": { "+351": "pt" }, "keys": { "0": "user:zoe" }, "otherwise": "hangup"
        })],
    );
    let zoe = world.phone("zoe");
    zoe.registers();
    world.run_for(secs(1));
    let call = calls_menu(&world);
    call.tapes();
    let welcome = Language::Portuguese.clip("welcome").unwrap();
    world.within(10, "in his language", |_| call.heard_end_of(&[welcome]).is_some());
    call.presses("0");
    world.within(2, "she rings", |_| zoe.is_ringing());
    world.run_for(secs(1));
    assert!(world.hears(&call, Voice::RINGBACK));
    zoe.call().answers();
    world.within(3, "they talk", |world| world.hear_each_other(&call, &zoe));
    call.hangs_up();
    world.settle();
    let silent = calls_menu(&world);
    world.within(60, "who never presses is let go", |_| silent.is_over());
    world.settle();
}
