//! Ways into menus out of queues, and what comes behind a menu's destination (QE-12, QE-11, QE-18).

use serde_json::json;
use strowger::{
    acd::{Factor, Onward, QueueSettings, Selection, Status},
    base::MenuId,
    engine::{Input, MenuEnd, Said},
    switch::Destination,
};

use super::{
    SUPPORT_NUMBER, caller,
    menus::{MENU_NUMBER, SALES, WELCOME, calls_menu, clip, ends, has_menus, seller},
};
use crate::sim::{Agent, Call, Habit, Phone, SUPPORT, Voice, World, millis, secs};

fn onward(text: &str) -> Onward {
    text.parse().expect("a destination")
}

/// The menu of a queue's chain.
fn late(key: &str, to: &str) -> serde_json::Value {
    json!({ "key": "late", "say": [WELCOME], "keys": { key: to }, "otherwise": "hangup" })
}

/// A closed queue whose chain leads to a menu, and then to the queue in which Eva sells. A caller has just chosen Zoe there.
fn zoe_behind_a_chain(world: &World, habit: Habit) -> (Agent, Phone, Call) {
    has_menus(world, [late("0", "user:zoe")]);
    let eva = seller(world, "eva");
    let zoe = world.phone("zoe");
    zoe.registers();
    zoe.does(habit);
    world.centre_has(|centre| {
        let queue = centre.acd.queues.get_mut(&SUPPORT).unwrap();
        (queue.closed, queue.overflow) = (true, vec![onward("menu:late"), onward("queue:sales")]);
    });
    world.run_for(secs(1));
    let call = caller(world);
    world.run_for(secs(1));
    call.presses("0");
    (eva, zoe, call)
}

/// QE-12, QE-18: whom the queue does not keep longer hears the menu of its chain, whose key leads him on; the story says so.
#[test]
fn qe_12_a_chain_leads_to_a_menu() {
    let world = World::seed(2_200);
    has_menus(&world, [late("1", "queue:sales")]);
    let eva = seller(&world, "eva");
    world.centre_has(|centre| {
        let queue = centre.acd.queues.get_mut(&SUPPORT).unwrap();
        (queue.max_wait_secs, queue.overflow) = (5, vec![onward("menu:late")]);
    });
    let call = caller(&world);
    call.tapes();
    world.within(3, "music", |world| world.hears(&call, Voice::MUSIC));
    world.within(9, "the menu", |_| call.heard(&clip("welcome")).is_some());
    call.presses("1");
    world.within(2, "its queue rings", |_| eva.is_ringing());
    eva.call().answers();
    world.within(3, "they talk", |world| world.hear_each_other(&call, &eva));
    call.hangs_up();
    world.settle();
    assert_eq!(ends(&world), [("late".into(), Some(MenuEnd::Pressed { key: '1' }), "queue:sales".into())]);
    assert_eq!(world.records()[0].queue.as_ref().unwrap().queue, SALES);
}

/// QE-11, QE-12: a key takes him out of the queue into a menu; a closed queue leads him to one at once. Who hangs up in it
/// leaves nothing behind.
#[test]
fn qe_11_a_key_leads_to_a_menu() {
    for closed in [false, true] {
        let world = World::seed(2_201);
        has_menus(&world, [late("1", "queue:sales")]);
        let ana = world.agent("ana").ready();
        ana.selects(Selection::not_ready("lunch")).unwrap();
        world.centre_has(|centre| {
            let queue = centre.acd.queues.get_mut(&SUPPORT).unwrap();
            queue.exit_keys.insert("9".into(), onward("menu:late"));
            (queue.closed, queue.overflow) = (closed, vec![onward("menu:late")]);
        });
        let call = caller(&world);
        call.tapes();
        world.run_for(millis(500));
        if !closed {
            call.presses("9");
        }
        world.within(12, "the menu", |_| call.heard(&clip("welcome")).is_some());
        ana.selects(Selection::Ready).unwrap();
        world.run_for(secs(1));
        assert!(!ana.is_ringing(), "he waits no more");
        call.hangs_up();
        world.settle();
        assert_eq!(ana.status(), Status::Ready);
    }
}

/// QE-18: nobody answers where a menu led: busy, ringing out or not there, he goes on where the menu says, here back to it, and
/// by another key into a queue. Without a word from the menu the call ends, as before.
#[test]
fn qe_18_behind_a_menu_it_goes_on() {
    for (way, told) in [("busy", true), ("rings out", true), ("away", true), ("busy", false)] {
        println!("{way} {told}");
        let world = World::seed(2_202);
        let mut menu = json!({ "key": "main", "say": [WELCOME], "keys": { "0": "user:zoe", "1": "queue:sales" }, "otherwise": "hangup" });
        if told {
            menu["unanswered"] = "menu:main".into();
        }
        has_menus(&world, [menu]);
        let eva = seller(&world, "eva");
        let zoe = world.phone("zoe");
        zoe.does(if way == "busy" { Habit::Refuses(486) } else { Habit::RingsThenRefuses(secs(4), 480) });
        if way != "away" {
            zoe.registers();
        }
        world.run_for(secs(1));
        let call = calls_menu(&world);
        world.run_for(secs(1));
        call.tapes();
        call.presses("0");
        if !told {
            world.within(5, "it ends", |_| call.is_over());
            world.settle();
            continue;
        }
        world.within(20, "the menu again", |_| call.heard(&clip("welcome")).is_some());
        assert!(!zoe.is_ringing());
        call.presses("1");
        world.within(2, "the queue rings", |_| eva.is_ringing());
        eva.call().answers();
        world.within(3, "they talk", |world| world.hear_each_other(&call, &eva));
        call.hangs_up();
        world.settle();
        let ends: Vec<_> = ends(&world).into_iter().map(|(_, end, to)| (end.unwrap(), to)).collect();
        assert_eq!(ends[1], (MenuEnd::NobodyAnswered, "menu:main".into()));
        assert_eq!(ends.len(), 3);
    }
}

/// QE-12, QE-18: where a queue's chain led to the menu, nobody answering behind it goes on with the chain.
#[test]
fn qe_12_behind_a_menu_the_chain_goes_on() {
    let world = World::seed(2_203);
    let (eva, _, call) = zoe_behind_a_chain(&world, Habit::Refuses(486));
    world.within(5, "the next step of the chain", |_| eva.is_ringing());
    eva.call().answers();
    world.within(3, "they talk", |world| world.hear_each_other(&call, &eva));
    call.hangs_up();
    world.settle();
}

/// QE-12: what fails once somebody has answered is no affair of the chain's any more: who is passed on to nobody is given
/// back, and not led to its next step.
#[test]
fn qe_12_a_step_that_answered_ends_the_chain() {
    let world = World::seed(2_205);
    let kim = world.phone("kim");
    kim.registers();
    kim.does(Habit::Refuses(486));
    let (eva, zoe, call) = zoe_behind_a_chain(&world, Habit::AnswersAtOnce);
    world.within(5, "she answers", |world| world.hear_each_other(&call, &zoe));
    zoe.call().refers("kim");
    world.run_for(secs(3));
    assert!(eva.all_calls().is_empty(), "the chain is over");
    call.hangs_up();
    world.settle();
}

/// QE-18, TK-08: a name that a service has found is shown to our own people, and to a carrier only where its settings say so.
#[test]
fn qe_18_a_name_that_was_looked_up_stays_inside() {
    for passes in [false, true] {
        let world = World::seed(2_204);
        has_menus(
            &world,
            [json!({ "key": "main", "look_up": "crm", "answers": { "out": "number:9+351210000002" }, "to": "user:zoe",
                     "otherwise": "hangup" })],
        );
        world.centre_has(|centre| centre.trunks[0].identity.passes_names = passes);
        let zoe = world.phone("zoe");
        zoe.registers();
        world.run_for(secs(1));
        let name_at = |request: &strowger::wire::sip::Message| {
            request.from().ok().and_then(|from| from.display.as_ref().map(ToString::to_string))
        };
        for (branch, phone, shown) in [(None, zoe.clone(), true), (Some("out"), world.carrier(), passes)] {
            let call = calls_menu(&world);
            let ask = world.questions().remove(0).ask;
            let json = json!({ "branch": branch, "name": "Maria Silva" });
            world.feeds(Input::Answered { ask, said: Ok(Said { status: 200, json }) });
            let invites =
                || phone.requests().into_iter().filter(|it| it.method().is_some_and(|is| is.to_string() == "INVITE"));
            world.within(3, "it rings", |_| invites().next().is_some());
            let name = invites().next_back().and_then(|invite| name_at(&invite));
            assert_eq!(name.is_some_and(|name| name.contains("Maria Silva")), shown, "{branch:?} {passes}");
            call.hangs_up();
            world.run_for(secs(2));
        }
        world.settle();
    }
}

/// RT-05: a service says whose customer the caller is: that agent is rung though another is idle longer, and when he does
/// not come in time, the other.
#[test]
fn rt_05_a_caller_has_an_agent_of_his_own() {
    let world = World::seed(2_206);
    has_menus(&world, [json!({ "key": "main", "look_up": "crm", "to": "queue:support", "otherwise": "hangup" })]);
    let ana = world.agent("ana").ready();
    world.run_for(secs(1));
    let rui = world.agent("rui").ready();
    for (free, rung) in [(true, &rui), (false, &ana)] {
        if !free {
            rui.selects(Selection::not_ready("lunch")).unwrap();
        }
        let call = calls_menu(&world);
        let ask = world.questions().remove(0).ask;
        world.feeds(Input::Answered {
            ask,
            said: Ok(Said { status: 200, json: json!({ "agent": "rui", "agent_secs": 5 }) }),
        });
        if !free {
            world.run_for(secs(4));
            assert!(!ana.is_ringing() && world.hears(&call, Voice::MUSIC), "he is waited for");
        }
        world.within(3, "one is rung", |_| rung.is_ringing());
        rung.call().answers();
        world.within(3, "they talk", |world| world.hear_each_other(&call, rung));
        call.hangs_up();
        world.run_for(secs(1));
    }
    world.settle();
}

/// QE-12, QE-18, OP-02: a number whose queue or menu leads back to it ends the call after some rounds, whichever way round it goes;
/// nobody else notices.
#[test]
fn qe_12_qe_18_a_circle_of_numbers_ends() {
    let back = format!("number:{SUPPORT_NUMBER}");
    let world = World::seed(2_210);
    has_menus(&world, [late("1", "hangup"), json!({ "key": "round", "to": format!("number:{MENU_NUMBER}") })]);
    let (eva, rui) = (seller(&world, "eva"), world.phone("rui"));
    rui.registers();
    rui.does(Habit::AnswersAtOnce);
    world.run_for(secs(1));
    let talk = eva.calls("rui");
    world.within(3, "others talk", |world| world.hear_each_other(&talk, &rui));
    let turns_round = |change: &dyn Fn(&mut QueueSettings)| {
        world.centre_has(|centre| {
            let queue = centre.acd.queues.get_mut(&SUPPORT).unwrap();
            *queue = QueueSettings { key: queue.key.clone(), ..Default::default() };
            queue.overflow = vec![onward(&back)];
            change(queue);
        });
        let call = world.carrier().calls(SUPPORT_NUMBER);
        world.within(10, "it is over", |_| call.is_over());
        assert!(talk.is_up());
    };
    turns_round(&|queue| queue.closed = true);
    turns_round(&|queue| queue.join_unless = [Factor::LoggedOut].into());
    turns_round(&|queue| queue.leave_when = [Factor::LoggedOut].into());
    world.centre_has(|centre| {
        let route = centre.routes.iter_mut().find(|route| route.destination == Destination::Menu(MenuId(1)));
        route.unwrap().destination = Destination::Menu(MenuId(2));
    });
    let call = world.carrier().calls(MENU_NUMBER);
    world.within(10, "it is over", |_| call.is_over());
    assert!(world.hear_each_other(&talk, &rui));
    talk.hangs_up();
    world.settle();
}
