//! What a story asks of the simulated world.

use std::{cell::RefCell, collections::BTreeMap, net::SocketAddr, rc::Rc, time::Duration};

use strowger::{
    acd::{EngagementSummary, QueueSettings, Rule, StatusSpan},
    base::{AgentId, Chance, Instant},
    engine::{
        Actor, Answer, CallRecord, Centre, DeviceView, Happened, Input, Question, Refused, Request, RequestId,
        SegmentRecord, Snapshot, flight::Recording,
    },
};

use super::{
    Link, centre,
    handles::{Agent, Call, Party, Phone},
    nat::Nat,
    plane::Plane,
    sound::Voice,
    step::{Due, Sim, Way},
    ua::Talk,
};

pub struct World {
    pub(super) sim: Rc<RefCell<Sim>>,
    /// The one that a story made, which says how the story ended.
    is_first: bool,
}

impl World {
    pub fn seed(seed: u64) -> Self {
        Self::seed_behind(seed, None)
    }

    pub(super) fn seed_behind(seed: u64, nat: Option<Nat>) -> Self {
        let mut sim = Sim::new(seed);
        sim.nat = nat;
        let world = Self { sim: Rc::new(RefCell::new(sim)), is_first: true };
        world.starts();
        world
    }

    pub(super) fn of(sim: &Rc<RefCell<Sim>>) -> Self {
        Self { sim: Rc::clone(sim), is_first: false }
    }

    // The network.

    pub fn set_link(&self, link: Link) {
        self.sim.borrow_mut().link = link;
    }

    /// Loses every SIP message for which this is true, from now on.
    pub fn loses(&self, lost: impl FnMut(Way, &str) -> bool + 'static) {
        self.sim.borrow_mut().losses.push(Box::new(lost));
    }

    pub fn loses_nothing(&self) {
        self.sim.borrow_mut().losses.clear();
    }

    /// Sends what no honest phone would.
    pub fn forges(&self, from: SocketAddr, text: &str) {
        let mut sim = self.sim.borrow_mut();
        let at = sim.clock + Duration::from_millis(1);
        sim.push(at, Due::ToSwitch { from, bytes: text.as_bytes().to_vec() });
    }

    /// A stranger's RTP towards one of the switch's ports.
    pub fn injects(&self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let mut sim = self.sim.borrow_mut();
        let at = sim.clock + Duration::from_millis(1);
        sim.push(at, Due::RtpToSwitch { from, to, bytes });
    }

    // The people.

    /// A user with a phone that is not registered yet.
    pub fn phone(&self, name: &str) -> Phone {
        let mut sim = self.sim.borrow_mut();
        centre::add_user(&mut sim.centre, name);
        sim.is_centre_new = true;
        drop(sim);
        self.bare_phone(name)
    }

    /// A phone of somebody whom the switch does not know.
    pub fn bare_phone(&self, name: &str) -> Phone {
        let mut sim = self.sim.borrow_mut();
        let count = sim.uas.len();
        let address = format!("10.0.{}.{}:5060", 1 + count / 200, 1 + count % 200);
        let ua = sim.add(name, address.parse().unwrap());
        sim.uas[ua].password = Some(centre::password(name));
        Phone { sim: Rc::clone(&self.sim), ua }
    }

    /// A second phone of the same user.
    pub fn second_phone(&self, of: &Phone) -> Phone {
        let name = self.sim.borrow().uas[of.ua].name.clone();
        self.bare_phone(&name)
    }

    /// One more of the same user on the same host, at another port.
    pub fn phone_beside(&self, of: &Phone, port: u16) -> Phone {
        let mut sim = self.sim.borrow_mut();
        let (name, host) = (sim.uas[of.ua].name.clone(), sim.uas[of.ua].sip.ip());
        let ua = sim.add(&name, SocketAddr::new(host, port));
        sim.uas[ua].password = Some(centre::password(&name));
        Phone { sim: Rc::clone(&self.sim), ua }
    }

    /// An agent of the queue `support`.
    pub fn agent(&self, name: &str) -> Agent {
        let phone = self.phone(name);
        let id = centre::add_agent(&mut self.sim.borrow_mut().centre, name, centre::SUPPORT);
        Agent { phone, id }
    }

    /// The gateway of the trunk; there is one.
    pub fn carrier(&self) -> Phone {
        let address = centre::CARRIER.parse().unwrap();
        let known = self.sim.borrow().places.get(&address).copied();
        let ua = known.unwrap_or_else(|| self.sim.borrow_mut().add("+351919999999", address));
        Phone { sim: Rc::clone(&self.sim), ua }
    }

    /// Changes the settings of the queue `support`.
    pub fn queue_has(&self, change: impl FnOnce(&mut QueueSettings)) {
        self.centre_has(|centre| change(centre.acd.queues.get_mut(&centre::SUPPORT).unwrap()));
    }

    /// Changes the settings; the switch learns of it at once.
    pub fn centre_has(&self, change: impl FnOnce(&mut Centre)) {
        let mut sim = self.sim.borrow_mut();
        change(&mut sim.centre);
        sim.is_centre_new = true;
    }

    // The switch.

    /// `kill -9`: what was not written is gone.
    pub fn crashes(&self) {
        self.sim.borrow_mut().disk.crash();
        self.is_dead();
    }

    /// `kill -9` while the journal is written: any part of what was not promised yet may be there.
    pub fn crashes_torn(&self) {
        let mut sim = self.sim.borrow_mut();
        let mut chance = sim.chance.fork();
        sim.disk.tear(&mut chance);
        drop(sim);
        self.is_dead();
    }

    fn is_dead(&self) {
        let mut sim = self.sim.borrow_mut();
        sim.count_rules();
        sim.engine = None;
        sim.run += 1;
        sim.plane = Plane::new(&mut sim.chance.fork());
        sim.shelf.crash();
        sim.sequence = None;
    }

    /// What the present life of the switch went through, as far as it is kept.
    pub fn recording(&self) -> Recording {
        self.sim.borrow_mut().flight.as_mut().expect("a switch").recording()
    }

    /// The switch keeps so many octets of what it goes through, from its next start on.
    pub fn keeps_octets(&self, octets: usize) {
        self.sim.borrow_mut().flight_octets = octets;
    }

    /// A new process on the old disk.
    pub fn starts(&self) {
        self.sim.borrow_mut().start();
    }

    /// Replaces the journal by a checkpoint, as the store does now and then.
    pub fn compacts(&self) {
        let mut sim = self.sim.borrow_mut();
        sim.refresh();
        let now = sim.now();
        let checkpoint = sim.engine.as_ref().unwrap().checkpoint(now);
        sim.disk.compact(&checkpoint);
    }

    /// What is registered.
    pub fn devices(&self) -> Vec<DeviceView> {
        match self.asks(Actor::System, Request::SnapshotWithDevices) {
            Ok(Answer::Snapshot(snapshot)) => snapshot.devices,
            other => panic!("{other:?}"),
        }
    }

    pub fn snapshot(&self) -> Snapshot {
        let mut sim = self.sim.borrow_mut();
        sim.refresh();
        let now = sim.now();
        sim.engine.as_ref().unwrap().snapshot(now)
    }

    pub fn session(&self, agent: AgentId, open: bool) {
        let mut sim = self.sim.borrow_mut();
        sim.refresh();
        sim.feed(Input::Session { agent, open });
    }

    /// Asks as a page would, and waits for the reply.
    pub fn asks(&self, actor: Actor, request: Request) -> Result<Answer, Refused> {
        let mut sim = self.sim.borrow_mut();
        sim.refresh();
        sim.requests += 1;
        let id = RequestId(sim.requests);
        sim.feed(Input::Request { id, actor, request });
        drop(sim);
        self.within(1, "a reply", |world| world.sim.borrow().replies.contains_key(&id));
        self.sim.borrow_mut().replies.remove(&id).unwrap()
    }

    /// The reply to a request that was fed, once.
    pub fn reply(&self, id: RequestId) -> Option<Result<Answer, Refused>> {
        self.sim.borrow_mut().replies.remove(&id)
    }

    /// What services were asked since the last time: a story answers by [`Input::Answered`], or lets them wait.
    pub fn questions(&self) -> Vec<Question> {
        std::mem::take(&mut self.sim.borrow_mut().questions)
    }

    pub fn has_questions(&self) -> bool {
        !self.sim.borrow().questions.is_empty()
    }

    pub fn feeds(&self, input: Input) {
        let mut sim = self.sim.borrow_mut();
        sim.refresh();
        sim.feed(input);
    }

    /// The whole holds together.
    pub fn judges(&self) {
        self.sim.borrow().judge();
    }

    pub fn records(&self) -> Vec<CallRecord> {
        self.sim.borrow().records.clone()
    }

    /// Every stretch of an agent's time that is over.
    pub fn spans(&self) -> Vec<StatusSpan> {
        self.sim.borrow().spans.clone()
    }

    /// Engagements that are over, with what the agents wrote of them.
    pub fn engagements(&self) -> Vec<EngagementSummary> {
        self.sim.borrow().engagements.clone()
    }

    /// Recordings whose files are finished.
    pub fn segments(&self) -> Vec<SegmentRecord> {
        self.sim.borrow().segments.clone()
    }

    /// The disk of recordings takes nothing and refuses nothing, or it works again.
    pub fn recordings_stand_still(&self, still: bool) {
        self.sim.borrow_mut().shelf.stands_still = still;
    }

    /// From now on nothing more fits on the disk of recordings, or it does again.
    pub fn recordings_fit(&self, fit: bool) {
        self.sim.borrow_mut().shelf.is_full = !fit;
    }

    /// What a file has in its left and in its right channel.
    pub fn recorded(&self, path: &str) -> [Vec<i16>; 2] {
        self.sim.borrow().shelf.channels(path)
    }

    pub fn happened(&self) -> Vec<Happened> {
        self.sim.borrow().events.iter().map(|event| event.what.clone()).collect()
    }

    /// How often each rule of an agent's life was applied, over all lives of the switch; ends the present one.
    pub fn rules(&self) -> BTreeMap<Rule, u64> {
        self.crashes();
        self.sim.borrow().rules.clone()
    }

    /// A long day: phones speak in spells, the whole is judged now and then, events are counted and not kept.
    pub fn over_a_day(self) -> Self {
        let mut sim = self.sim.borrow_mut();
        sim.is_strict = false;
        sim.keeps_events = false;
        drop(sim);
        self
    }

    // Time.

    /// Somebody, or NTP, sets the wall clock by so many milliseconds.
    pub fn sets_wall_clock_by(&self, millis: i64) {
        self.sim.borrow_mut().wall_set_by += millis;
    }

    pub fn clock(&self) -> Instant {
        self.sim.borrow().clock
    }

    pub fn chance(&self) -> Chance {
        self.sim.borrow_mut().chance.fork()
    }

    pub fn run_for(&self, time: Duration) {
        let until = self.clock() + time;
        while self.sim.borrow_mut().step(until) {}
    }

    /// Runs until it is so; a story that waits in vain fails.
    pub fn within(&self, seconds: u64, what: &str, mut so: impl FnMut(&Self) -> bool) {
        let until = self.clock() + Duration::from_secs(seconds);
        while !so(self) {
            assert!(self.clock() < until, "{what}: not within {seconds} s");
            self.run_for(Duration::from_millis(10));
        }
    }

    // What is heard.

    /// Each hears the other, loud and clear, and nothing of himself.
    pub fn hear_each_other(&self, one: &impl Party, two: &impl Party) -> bool {
        let (Some(one), Some(two)) = (one.latest_call(), two.latest_call()) else { return false };
        self.hears(&one, two.with(|call| call.media.voice)) && self.hears(&two, one.with(|call| call.media.voice))
    }

    pub fn hears(&self, who: &impl Party, voice: Voice) -> bool {
        let now = self.clock();
        who.latest_call().is_some_and(|call| {
            call.with(|call| {
                let media = &call.media;
                let patience = if media.talk == Talk::Always { 100 } else { 2_200 };
                let is_fresh = media.ear.last.is_some_and(|last| now.since(last) < Duration::from_millis(patience));
                is_fresh && media.ear.hears(voice) && media.ear.is_spared(media.voice)
            })
        })
    }

    /// Enough to tell who speaks, over a bad line.
    pub fn makes_out(&self, who: &Call, whom: &Call) -> bool {
        let voice = whom.with(|call| call.media.voice);
        who.with(|call| call.media.ear.share(voice) > 0.3)
    }

    /// Neither the voice nor an echo of it.
    pub fn is_spared(&self, who: &impl Party, voice: Voice) -> bool {
        who.latest_call().is_none_or(|call| call.with(|call| call.media.ear.is_spared(voice)))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.is_first
            && std::thread::panicking()
            && let Ok(sim) = self.sim.try_borrow()
        {
            sim.trace.iter().for_each(|line| println!("{line}"));
            println!("the world had seed {}", sim.seed);
        }
    }
}
