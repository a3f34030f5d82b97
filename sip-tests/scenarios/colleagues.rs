//! Two agents of one house in a call of their own, and a colleague with a phone: either of the two acts for himself, whoever
//! called.

use strowger::{
    acd::Status,
    base::{CallId, UserId},
    engine::{Actor, ConsultStep, Refused, Request},
};

use crate::sim::{Agent, Call, Phone, Voice, World, secs};

struct Two {
    world: World,
    /// Who called, and who was called.
    ana: Agent,
    rui: Agent,
    eva: Phone,
    made: Call,
}

fn two(seed: u64) -> Two {
    let world = World::seed(seed);
    let (ana, rui) = (world.agent("ana").ready(), world.agent("rui").ready());
    let eva = world.phone("eva");
    eva.registers();
    for phone in [&*rui, &eva] {
        phone.answers_after(secs(1));
    }
    world.run_for(secs(1));
    let made = ana.calls("rui");
    world.within(5, "they talk", |world| world.hear_each_other(&made, &rui));
    Two { world, ana, rui, eva, made }
}

impl Two {
    fn call(&self) -> CallId {
        self.world.snapshot().calls[0].call
    }

    fn by(&self, agent: &Agent, request: Request) -> Result<(), Refused> {
        self.world.asks(Actor::Agent(agent.id), request).map(|_| ())
    }

    fn user(&self, name: &str) -> UserId {
        let mut id = UserId(0);
        self.world.centre_has(|centre| {
            id = centre.users.iter().find(|user| user.name.as_str() == name).unwrap().id;
        });
        id
    }

    fn asks_eva(&self, agent: &Agent, name: &str) {
        let (call, by) = (self.call(), self.user(name));
        self.by(agent, Request::Consult { call, by, to: "eva".into() }).expect("she rings");
        self.world.within(5, "Eva is asked", |_| super::desk::is_in(&self.eva));
        self.world.run_for(secs(1));
    }

    /// Whether this one is told something, and by whom: the hold music or anybody's voice.
    fn hears(&self, listener: &Call, voice: Voice) -> bool {
        listener.listens_anew();
        self.world.run_for(secs(1));
        listener.with(|call| call.media.ear.hears(voice))
    }
}

/// CH-02: who presses hold is the one who holds, and the other hears music.
#[test]
fn ch_02_either_of_two_colleagues_holds() {
    let two = two(2_101);
    let call = two.call();
    for (holder, other, held) in [(&two.ana, &two.rui, &two.rui.call()), (&two.rui, &two.ana, &two.made)] {
        two.by(holder, Request::Hold { call, held: true }).expect("held");
        assert!(two.hears(held, Voice::MUSIC), "the other hears music");
        two.by(other, Request::Hold { call, held: false }).expect("his own side");
        assert!(two.hears(held, Voice::MUSIC), "which is for the holder to end");
        two.by(holder, Request::Hold { call, held: false }).expect("back");
        two.world.within(2, "they talk", |world| world.hear_each_other(&two.made, &two.rui));
    }
    two.made.hangs_up();
    two.world.settle();
}

/// CH-07: who asks somebody first talks to him in private, and completes; the other one hears music and is passed on. For the
/// other one it is not to end.
#[test]
fn ch_07_either_of_two_colleagues_asks_first() {
    for caller_asks in [true, false] {
        let two = two(2_102);
        let call = two.call();
        let (asker, name, other) = if caller_asks { (&two.ana, "ana", &two.rui) } else { (&two.rui, "rui", &two.ana) };
        let (own, others) = (asker.call(), other.call());
        two.asks_eva(asker, name);
        assert!(two.hears(&others, Voice::MUSIC) && two.world.hear_each_other(&own, &two.eva), "in private");
        for step in [ConsultStep::Complete, ConsultStep::Cancel, ConsultStep::Swap] {
            let refused = two.by(other, Request::ConsultStep { call, step }).expect_err("not his");
            assert_eq!((refused.status, refused.code), (403, "not_yours"));
        }
        two.by(asker, Request::ConsultStep { call, step: ConsultStep::Complete }).expect("completed");
        two.world.within(2, "he is out", |_| own.is_over());
        two.world.within(2, "the two talk", |world| world.hear_each_other(&others, &two.eva));
        two.world.run_for(secs(1));
        assert_ne!(asker.status(), Status::Busy, "he is free");
        assert_eq!(other.status(), Status::Busy);
        two.eva.hangs_up();
        two.world.settle();
    }
}

/// CH-08: who passes the other on is free, and the other goes.
#[test]
fn ch_08_either_of_two_colleagues_passes_the_other_on() {
    for caller_passes in [true, false] {
        let two = two(2_103);
        let call = two.call();
        let (passer, name, other) =
            if caller_passes { (&two.ana, "ana", &two.rui) } else { (&two.rui, "rui", &two.ana) };
        let (own, others) = (passer.call(), other.call());
        let by = two.user(name);
        two.by(passer, Request::Transfer { call, by, to: "eva".into(), failed: None }).expect("passed on");
        two.world.within(2, "he is out", |_| own.is_over());
        two.world.within(5, "the two talk", |world| world.hear_each_other(&others, &two.eva));
        assert_ne!(passer.status(), Status::Busy, "he is free");
        two.eva.hangs_up();
        two.world.settle();
    }
}

/// CH-13: who brought a third in and hangs up leaves the two talking, whoever called.
#[test]
fn ch_13_either_of_two_colleagues_leaves_the_two() {
    for caller_leaves in [true, false] {
        let two = two(2_104);
        let call = two.call();
        let (host, name, other) = if caller_leaves { (&two.ana, "ana", &two.rui) } else { (&two.rui, "rui", &two.ana) };
        let (own, others) = (host.call(), other.call());
        let by = two.user(name);
        two.by(host, Request::AddLeg { call, by, to: "eva".into() }).expect("she rings");
        two.world.within(5, "she comes in", |_| super::desk::is_in(&two.eva));
        let all = [&own, &others, &two.eva.call()];
        all.iter().for_each(|call| call.listens_anew());
        two.world.run_for(secs(1));
        for (speaker, listener) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)] {
            let voice = all[speaker].with(|call| call.media.voice);
            assert!(all[listener].with(|call| call.media.ear.share(voice)) > 0.1, "{listener} hears {speaker}");
        }
        own.hangs_up();
        two.world.run_for(secs(1));
        assert!(two.world.hear_each_other(&others, &two.eva), "caller leaves: {caller_leaves}");
        assert_ne!(host.status(), Status::Busy, "he is free");
        assert_eq!(other.status(), Status::Busy);
        others.hangs_up();
        two.world.within(2, "that is the end", |_| two.eva.call().is_over());
        two.world.settle();
    }
}
