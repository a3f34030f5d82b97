//! What a story holds in its hands: phones, agents, calls.

use std::{cell::RefCell, net::SocketAddr, ops::Deref, rc::Rc, time::Duration};

use strowger::{
    acd::{self, AgentSnapshot, QueueSettings, Status},
    base::{AgentId, ClipId},
    engine::{Actor, Answer, Refused, Request},
    wire::sip::Message,
};

use super::{
    plane::SPOKEN,
    step::Sim,
    ua::{self, End, Flow, Habit, HoldForm, State, Talk, Ua},
    world::World,
};

/// A phone, or a carrier's gateway.
#[derive(Clone)]
pub struct Phone {
    pub(super) sim: Rc<RefCell<Sim>>,
    pub(super) ua: usize,
}

/// One call of a phone.
#[derive(Clone)]
pub struct Call {
    pub phone: Phone,
    pub(super) index: usize,
}

/// A person with a phone who answers calls of a queue.
#[derive(Clone)]
pub struct Agent {
    pub(super) phone: Phone,
    pub id: AgentId,
}

impl Deref for Agent {
    type Target = Phone;

    fn deref(&self) -> &Phone {
        &self.phone
    }
}

impl Phone {
    fn with<T>(&self, act: impl FnOnce(&mut Ua) -> T) -> T {
        act(&mut self.sim.borrow_mut().uas[self.ua])
    }

    /// Lets the phone do something now, and sends what it says.
    fn acts<T>(&self, act: impl FnOnce(&mut Ua, strowger::base::Instant) -> T) -> T {
        self.sim.borrow_mut().act(self.ua, act)
    }

    pub fn world(&self) -> World {
        World::of(&self.sim)
    }

    pub fn name(&self) -> String {
        self.with(|ua| ua.name.clone())
    }

    pub fn address(&self) -> SocketAddr {
        self.with(|ua| ua.sip)
    }

    /// Registers, and stays registered.
    pub fn registers(&self) {
        self.with(|ua| ua.expires = Some(600));
        self.acts(Ua::register);
    }

    /// Registers as if it never had: what it was answered before is forgotten.
    pub fn registers_anew(&self) {
        self.with(|ua| ua.registered = None);
        self.registers();
    }

    /// Takes its registration back.
    pub fn unregisters(&self) {
        self.with(|ua| ua.expires = None);
        self.acts(Ua::register);
    }

    /// The status of the last answer to a REGISTER.
    pub fn registered(&self) -> Option<u16> {
        self.with(|ua| ua.registered)
    }

    pub fn set_password(&self, password: &str) {
        self.with(|ua| ua.password = Some(password.to_owned()));
    }

    pub fn is_called(&self, user_agent: &str) {
        self.with(|ua| ua.user_agent = user_agent.to_owned());
    }

    pub fn does(&self, habit: Habit) {
        self.with(|ua| ua.habit = habit);
    }

    pub fn answers_after(&self, ring: Duration) {
        self.does(Habit::Answers(ring));
    }

    /// What the fax machine behind it does.
    pub fn faxes(&self, habit: ua::FaxHabit) {
        self.with(|ua| ua.fax = habit);
    }

    pub fn fax_terms(&self) -> Vec<String> {
        self.with(|ua| ua.fax_terms())
    }

    /// The last answer to an offer of fax.
    pub fn fax_answered(&self) -> Option<String> {
        self.with(|ua| ua.answered.clone())
    }

    /// A call that is fax from its first word.
    pub fn calls_for_fax(&self, to: &str) -> Call {
        let index = self.acts(|ua, now| ua.call_fax(now, to));
        Call { phone: self.clone(), index }
    }

    /// Rings reliably, and requires it of others (RFC 3262).
    pub fn rings_reliably(&self) {
        self.with(|ua| ua.is_reliable = true);
    }

    /// From now on it protects its sound, and takes no other.
    pub fn has_keys(&self) {
        self.with(|ua| ua.is_secure = true);
    }

    pub fn can(&self, abilities: ua::Abilities) {
        self.with(|ua| ua.abilities = abilities);
    }

    pub fn talks(&self, talk: Talk) {
        self.with(|ua| {
            ua.talk = talk;
            for call in &mut ua.calls {
                call.media.talk = talk;
            }
        });
    }

    /// No battery, no network: from now on it neither hears nor speaks.
    pub fn dies(&self) {
        self.with(|ua| ua.is_dead = true);
    }

    pub fn revives(&self) {
        self.with(|ua| ua.is_dead = false);
    }

    pub fn calls(&self, to: &str) -> Call {
        self.calls_with(to, false, "")
    }

    /// An INVITE without a description: the switch offers, the ACK answers.
    pub fn calls_with_late_offer(&self, to: &str) -> Call {
        self.calls_with(to, true, "")
    }

    pub fn calls_with(&self, to: &str, late_offer: bool, extra: &str) -> Call {
        let index = self.acts(|ua, now| ua.call(now, to, late_offer, extra));
        Call { phone: self.clone(), index }
    }

    /// The latest call.
    pub fn call(&self) -> Call {
        let index = self.with(|ua| ua.latest()).expect("a call");
        Call { phone: self.clone(), index }
    }

    /// Every call there was.
    pub fn all_calls(&self) -> Vec<Call> {
        let count = self.with(|ua| ua.calls.len());
        (0..count).map(|index| Call { phone: self.clone(), index }).collect()
    }

    pub fn hangs_up(&self) {
        self.call().hangs_up();
    }

    /// Rings now.
    pub fn is_ringing(&self) -> bool {
        self.with(|ua| ua.calls.iter().any(|call| call.state == State::Incoming))
    }

    /// Every request that the switch sent.
    pub fn requests(&self) -> Vec<Message> {
        self.with(|ua| ua.requests.clone())
    }

    pub fn requests_of(&self, method: &str) -> usize {
        self.requests().iter().filter(|one| one.method().is_some_and(|is| is.to_string() == method)).count()
    }
}

impl Call {
    pub fn with<T>(&self, look: impl FnOnce(&mut ua::Call) -> T) -> T {
        self.phone.with(|ua| look(&mut ua.calls[self.index]))
    }

    pub fn hangs_up(&self) {
        self.phone.acts(|ua, now| ua.hang_up(now, self.index));
    }

    pub fn answers(&self) {
        self.phone.acts(|ua, now| ua.answer(now, self.index));
    }

    /// A provisional answer, with or without a description.
    pub fn progresses(&self, status: u16, described: bool) {
        self.phone.acts(|ua, now| ua.progress(now, self.index, status, described));
    }

    /// From now on the other branch of a fork speaks.
    pub fn turns(&self) {
        self.phone.acts(|ua, _| ua.turn(self.index));
    }

    pub fn refuses(&self, status: u16) {
        self.phone.acts(|ua, now| ua.refuse(now, self.index, status));
    }

    pub fn holds(&self, form: HoldForm) {
        let (flow, no_address) = match form {
            HoldForm::SendOnly => (Flow::SendOnly, false),
            HoldForm::Inactive => (Flow::Inactive, false),
            HoldForm::NoAddress => (Flow::SendRecv, true),
        };
        self.phone.acts(|ua, now| ua.reinvite(now, self.index, flow, no_address));
    }

    pub fn resumes(&self) {
        self.phone.acts(|ua, now| ua.reinvite(now, self.index, Flow::SendRecv, false));
    }

    /// Wants fax from now on.
    pub fn asks_for_fax(&self) {
        self.phone.acts(|ua, now| ua.ask_fax(now, self.index));
    }

    /// Has changed its mind.
    pub fn takes_fax_back(&self) {
        self.phone.acts(|ua, now| ua.unask_fax(now, self.index));
    }

    /// Offers what these lines say.
    pub fn offers(&self, lines: &str) {
        self.phone.acts(|ua, now| ua.offer_text(now, self.index, lines));
    }

    /// What has been sent and what has come, while it is fax.
    pub fn faxed(&self) -> Option<(Vec<Vec<u8>>, Vec<Vec<u8>>)> {
        self.with(|call| call.media.fax.as_ref().map(|fax| (fax.sent.clone(), fax.got.clone())))
    }

    pub fn fax_heard(&self) -> Vec<String> {
        self.with(|call| call.media.fax.as_ref().map(|fax| fax.theirs.clone()).unwrap_or_default())
    }

    pub fn presses(&self, digits: &str) {
        self.with(|call| digits.chars().for_each(|digit| call.media.press(digit)));
    }

    /// Says these samples in place of its voice.
    pub fn says(&self, samples: impl IntoIterator<Item = i16>) {
        self.with(|call| call.media.utter(samples));
    }

    /// As older phones do it.
    pub fn presses_by_info(&self, digit: char) {
        self.phone.acts(|ua, now| ua.info_digit(now, self.index, digit));
    }

    /// Blind transfer: asks the switch to connect the other side with `to`.
    pub fn refers(&self, to: &str) {
        self.refers_with(to, "");
    }

    pub fn refers_with(&self, to: &str, extra: &str) {
        self.phone.acts(|ua, now| ua.refer(now, self.index, to, None, extra));
    }

    /// Attended transfer: asks the switch to connect the other side with that of `consult`.
    pub fn refers_to(&self, consult: &Self, to: &str) {
        self.phone.acts(|ua, now| ua.refer(now, self.index, to, Some(consult.index), ""));
    }

    pub fn referred(&self) -> Vec<u16> {
        self.with(|call| call.referred.clone())
    }

    /// What the switch told of our transfers; the last word of each ends its subscription.
    pub fn told(&self) -> Vec<(u16, bool)> {
        self.with(|call| call.told.clone())
    }

    pub fn is_up(&self) -> bool {
        self.with(|call| call.is_up())
    }

    pub fn is_over(&self) -> bool {
        self.with(|call| call.is_over())
    }

    pub fn end(&self) -> Option<End> {
        self.with(|call| call.end)
    }

    /// The last status of our INVITE.
    pub fn status(&self) -> Option<u16> {
        self.with(|call| call.statuses.last().copied())
    }

    pub fn statuses(&self) -> Vec<u16> {
        self.with(|call| call.statuses.clone())
    }

    pub fn reasons(&self) -> Vec<String> {
        self.with(|call| call.reasons.clone())
    }

    pub fn digits(&self) -> String {
        self.with(|call| call.media.digits.clone())
    }

    /// Judges only what comes from now on.
    /// Records from here on.
    pub fn tapes(&self) {
        self.with(|call| call.media.ear.tape = Some(Vec::new()));
    }

    /// Where on the tape these clips of the switch are, one behind the other and to the last sample.
    pub fn heard(&self, clips: &[ClipId]) -> Option<usize> {
        self.heard_from(clips, 0)
    }

    /// The same for what began before the tape did: all but its first tenth of a second.
    pub fn heard_end_of(&self, clips: &[ClipId]) -> Option<usize> {
        self.heard_from(clips, 800)
    }

    fn heard_from(&self, clips: &[ClipId], first: usize) -> Option<usize> {
        let wanted: Vec<i16> = clips.iter().flat_map(|clip| SPOKEN[clip].samples().collect::<Vec<_>>()).collect();
        let wanted = &wanted[first..];
        self.with(|call| {
            let tape = call.media.ear.tape.as_deref().expect("a tape");
            tape.windows(wanted.len()).position(|part| part == wanted)
        })
    }

    pub fn listens_anew(&self) {
        self.with(|call| call.media.ear.listen_anew());
    }
}

impl Agent {
    /// Registers the phone and waits until he is Ready, or rung already for somebody who waits.
    pub fn ready(self) -> Self {
        self.registers();
        let name = self.name();
        self.world().within(5, &format!("{name} is ready"), |_| {
            self.registered() == Some(200) && matches!(self.status(), Status::Ready | Status::Ringing)
        });
        self
    }

    /// Changes the queue's settings for everybody.
    pub fn queue_has(self, change: impl FnOnce(&mut QueueSettings)) -> Self {
        self.world().queue_has(change);
        self
    }

    pub fn view(&self) -> AgentSnapshot {
        let snapshot = self.world().snapshot();
        snapshot.acd.agents.into_iter().find(|agent| agent.agent == self.id).expect("the agent")
    }

    pub fn status(&self) -> Status {
        self.view().status
    }

    pub fn asks(&self, request: Request) -> Result<Answer, Refused> {
        self.world().asks(Actor::Agent(self.id), request)
    }

    pub fn selects(&self, selection: acd::Selection) -> Result<Answer, Refused> {
        self.asks(Request::Select { agent: self.id, channel: acd::Channel::Voice, selection })
    }

    /// Opens the page.
    pub fn signs_in(self) -> Self {
        self.world().session(self.id, true);
        self.asks(Request::SignIn { agent: self.id }).expect("signed in");
        self
    }
}

/// Whoever takes part in a call: the call itself, or a phone with its latest one.
pub trait Party {
    fn latest_call(&self) -> Option<Call>;
}

impl Party for Call {
    fn latest_call(&self) -> Option<Call> {
        Some(self.clone())
    }
}

impl Party for Phone {
    fn latest_call(&self) -> Option<Call> {
        self.all_calls().pop()
    }
}

impl Party for Agent {
    fn latest_call(&self) -> Option<Call> {
        self.all_calls().pop()
    }
}
