//! A customer who talks to an agent, beside two others with phones. Who hears whom is a table, each cell of it measured.

use strowger::{
    base::{CallId, LegId, UserId},
    engine::{Actor, BlindFailed, Refused, Request, Supervision},
    switch::LegParty,
};

use crate::sim::{Agent, Call, Page, Phone, World, secs};

/// A customer talks to Ana; Eva and Sofia have phones.
pub(super) struct Desk {
    pub world: World,
    pub customer: Call,
    pub ana: Agent,
    pub eva: Phone,
    pub sofia: Phone,
}

pub(super) const EVA: UserId = UserId(2);
pub(super) const SOFIA: UserId = UserId(3);

pub(super) fn desk(seed: u64) -> Desk {
    let world = World::seed(seed);
    world.queue_has(|queue| queue.acw_secs = 30);
    let ana = world.agent("ana").ready();
    let (eva, sofia) = (world.phone("eva"), world.phone("sofia"));
    eva.registers();
    sofia.registers();
    world.run_for(secs(1));
    for phone in [&eva, &sofia] {
        phone.answers_after(secs(1));
    }
    let customer = super::talking(&world, &ana);
    Desk { world, customer, ana, eva, sofia }
}

/// The same with Ana at a page: her leg is a browser's, protected and on a port of its own.
pub(super) fn desk_at_a_page(seed: u64) -> (Desk, Page) {
    let world = World::seed(seed);
    world.queue_has(|queue| queue.acw_secs = 30);
    let (ana, page) = world.agent("ana").at_a_page();
    ana.selects(strowger::acd::Selection::Ready).unwrap();
    let (eva, sofia) = (world.phone("eva"), world.phone("sofia"));
    for phone in [&eva, &sofia] {
        phone.registers();
        phone.answers_after(secs(1));
    }
    let customer = super::caller(&world);
    world.within(3, "the page rings", |_| page.is_ringing());
    page.accepts();
    world.within(3, "they hear each other", |world| world.hear_each_other(&customer, &page));
    (Desk { world, customer, ana, eva, sofia }, page)
}

pub(super) fn is_in(phone: &Phone) -> bool {
    phone.all_calls().pop().is_some_and(|call| call.is_up())
}

impl Desk {
    pub fn call(&self) -> CallId {
        self.world.snapshot().calls[0].call
    }

    pub fn leg(&self, party: LegParty) -> LegId {
        let snapshot = self.world.snapshot();
        snapshot.calls[0].legs.iter().find(|leg| leg.party == party).expect("a leg of his").leg
    }

    pub fn asks(&self, request: Request) -> Result<(), Refused> {
        self.world.asks(Actor::Supervisor(SOFIA), request).map(|_| ())
    }

    pub fn adds(&self, to: &str) -> Result<(), Refused> {
        self.asks(Request::AddLeg { call: self.call(), by: UserId(1), to: to.into() })
    }

    pub fn passes_on(&self, to: &str, failed: Option<BlindFailed>) -> Result<(), Refused> {
        self.asks(Request::Transfer { call: self.call(), by: UserId(1), to: to.into(), failed })
    }

    pub fn supervises(&self, mode: Supervision) -> Result<(), Refused> {
        self.asks(Request::Supervise { call: self.call(), user: SOFIA, mode })
    }

    /// Ana's own leg of the call, Eva's and Sofia's latest.
    pub fn everybody(&self) -> Vec<Call> {
        let mut calls = vec![self.customer.clone(), self.ana.call()];
        calls.extend([&self.eva, &self.sofia].into_iter().filter_map(|phone| phone.all_calls().pop()));
        calls
    }

    /// Row by row who hears whom, by tone, in the order customer, Ana, Eva, Sofia (as far as they are there).
    pub fn table(&self) -> Vec<String> {
        let calls: Vec<Call> = self.everybody().into_iter().filter(Call::is_up).collect();
        calls.iter().for_each(Call::listens_anew);
        self.world.run_for(secs(1));
        let voices: Vec<_> = calls.iter().map(|call| call.with(|call| call.media.voice)).collect();
        let row = |listener: &Call| {
            let cell = |voice| {
                let share = listener.with(|call| call.media.ear.share(voice));
                assert!(!(0.05..0.2).contains(&share), "{share:.2} of {voice:?} is neither heard nor unheard");
                if share > 0.1 { 'x' } else { '.' }
            };
            voices.iter().copied().map(cell).collect::<String>()
        };
        calls.iter().map(row).collect()
    }

    /// What every leg that stays was sent was one stream without a hole.
    pub fn judges_streams(&self, calls: &[&Call]) {
        for call in calls {
            call.with(|call| {
                assert_eq!(
                    (call.media.ear.sources.len(), call.media.ear.skipped),
                    (1, 0),
                    "one stream for a leg's life"
                );
            });
        }
    }
}
