//! A phone or a carrier's gateway: a user agent of our own, plain and independent of the switch's machines, so that the
//! switch is judged by a second reading of the same RFCs.

mod answer;
mod call;
mod early;
mod fax;
mod keys;
mod request;
mod sdp;
mod voice;

use std::{cell::Cell, net::SocketAddr, rc::Rc, time::Duration};

use strowger::{
    base::{Chance, Instant},
    wire::sip::Message,
};

pub use call::{Call, End, State};
pub use fax::FaxHabit;
pub use sdp::{Abilities, Described, Flow, HoldForm};
pub use voice::{Media, Talk};

use super::sound::Voice;
use request::Client;

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
/// 64*T1: a transaction that lasted so long is over.
const GIVE_UP: Duration = Duration::from_secs(32);

/// What a phone does when it is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Habit {
    /// Rings, and answers after so long.
    Answers(Duration),
    /// Answers without having rung.
    AnswersAtOnce,
    /// Rings until the other gives up.
    Rings,
    /// Says 100 and nothing more.
    Tries,
    /// Refuses at once with this status.
    Refuses(u16),
    /// Rings so long, then refuses.
    RingsThenRefuses(Duration, u16),
    /// Rings, answers, and hangs up so long after.
    AnswersThenLeaves(Duration, Duration),
}

/// What a phone means to do later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Intent {
    Answer(usize),
    Refuse(usize, u16),
    HangUp(usize),
    Register,
    /// Try a re-INVITE again that met another.
    Again(usize, Flow, bool),
    Fax(usize),
}

/// An INVITE or another request that we answer: the last response, to be said again when asked again.
#[derive(Debug)]
struct Served {
    branch: String,
    method: String,
    call_id: String,
    cseq: u32,
    response: Option<Vec<u8>>,
    to: SocketAddr,
    /// A final response to an INVITE is repeated until its ACK.
    again: Option<(Instant, Duration)>,
    until: Instant,
    call: Option<usize>,
}

#[derive(Debug)]
pub struct Ua {
    pub name: String,
    pub sip: SocketAddr,
    pub switch: SocketAddr,
    pub password: Option<String>,
    /// What it calls itself.
    pub user_agent: String,
    pub habit: Habit,
    pub talk: Talk,
    pub abilities: Abilities,
    pub fax: FaxHabit,
    /// The next call is fax from its first word.
    faxes_at_once: bool,
    /// An offer of fax that it has not answered.
    ponders: Option<(String, Message)>,
    /// The last answer to an offer of fax.
    pub answered: Option<String>,
    /// Neither hears nor speaks: no battery, no network.
    pub is_dead: bool,
    /// Rings reliably, and requires the same of those whom it calls (RFC 3262); otherwise it has never heard of that.
    pub is_reliable: bool,
    /// Its sound goes under keys of its own (SDES), or not at all.
    pub is_secure: bool,
    /// Seconds that a registration is asked for; renewed at half of it.
    pub expires: Option<u32>,
    /// Status of the last answer to a REGISTER.
    pub registered: Option<u16>,
    /// Every request that came, for stories about what was asked of a phone.
    pub requests: Vec<Message>,
    /// Tells the dialogs' users apart.
    pub calls: Vec<Call>,
    chance: Chance,
    clients: Vec<Client>,
    served: Vec<Served>,
    intents: Vec<(Instant, Intent)>,
    out: Vec<(SocketAddr, Vec<u8>)>,
    register_cseq: u32,
    register_call_id: String,
    /// Counts the voices given out, over all phones.
    voices: Rc<Cell<u64>>,
}

impl Ua {
    pub fn new(name: &str, sip: SocketAddr, switch: SocketAddr, voices: Rc<Cell<u64>>, mut chance: Chance) -> Self {
        Self {
            name: name.to_owned(),
            sip,
            switch,
            password: None,
            user_agent: "sim".to_owned(),
            habit: Habit::Rings,
            talk: Talk::Always,
            abilities: Abilities::default(),
            fax: FaxHabit::default(),
            faxes_at_once: false,
            ponders: None,
            answered: None,
            is_dead: false,
            is_reliable: false,
            is_secure: false,
            expires: None,
            registered: None,
            requests: Vec::new(),
            calls: Vec::new(),
            clients: Vec::new(),
            served: Vec::new(),
            intents: Vec::new(),
            out: Vec::new(),
            register_cseq: 0,
            register_call_id: chance.token(),
            voices,
            chance,
        }
    }

    /// Call after everything that may have moved it; empty when drained.
    pub fn take_sent(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        let sent = std::mem::take(&mut self.out);
        if self.is_dead { Vec::new() } else { sent }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let clients = self.clients.iter().map(|client| client.next.min(client.until));
        let served = self.served.iter().filter_map(|served| served.again.map(|(next, _)| next));
        clients.chain(served).chain(self.intents.iter().map(|(at, _)| *at)).min()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.repeat_requests(now);
        self.repeat_responses(now);
        while let Some(due) = self.intents.iter().position(|(at, _)| *at <= now) {
            let (_, intent) = self.intents.swap_remove(due);
            match intent {
                Intent::Answer(call) => self.answer(now, call),
                Intent::Refuse(call, status) => self.refuse(now, call, status),
                Intent::HangUp(call) => self.hang_up(now, call),
                Intent::Register => self.register(now),
                Intent::Fax(call) => self.ask_fax(now, call),
                Intent::Again(call, flow, no_address) => self.reinvite(now, call, flow, no_address),
            }
        }
    }

    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        if self.is_dead {
            return;
        }
        let Ok(message) = Message::parse(bytes.to_vec().into()) else {
            panic!("{}: the switch sent what is not SIP:\n{}", self.name, String::from_utf8_lossy(bytes));
        };
        if message.is_request() {
            self.requests.push(message.clone());
            self.on_request(now, from, &message);
        } else {
            self.on_response(now, &message);
        }
    }

    /// Puts off what it would renew before then.
    pub fn renews_not_before(&mut self, then: Instant) {
        for (at, intent) in &mut self.intents {
            if *intent == Intent::Register {
                *at = then.max(*at);
            }
        }
    }

    /// The latest call, whichever way it went.
    pub fn latest(&self) -> Option<usize> {
        self.calls.len().checked_sub(1)
    }

    /// Nothing more will be sent unless something comes or is asked for.
    pub fn is_quiet(&self) -> bool {
        self.clients.is_empty() && self.served.iter().all(|served| served.again.is_none())
    }

    fn intend(&mut self, at: Instant, intent: Intent) {
        self.intents.push((at, intent));
    }

    pub fn media(&mut self) -> Media {
        let turn = self.voices.get();
        self.voices.set(turn + 1);
        // Ports are used again after a thousand calls, as phones do; each phone of a host has its own.
        let own = self.sip.port().saturating_sub(5_060) % 20 * 2_000;
        let port = 20_000 + own + 2 * u16::try_from(self.calls.len() % 1_000).unwrap();
        Media::new(SocketAddr::new(self.sip.ip(), port), Voice::nth(turn), self.talk, self.chance.word())
    }

    fn call_of(&self, message: &Message) -> Option<usize> {
        let (ours, theirs) = if message.is_request() {
            (message.to_tag(), message.from_tag())
        } else {
            (message.from_tag(), message.to_tag())
        };
        self.calls.iter().rposition(|call| {
            call.call_id == message.call_id()
                && ours == Some(call.local_tag.as_str())
                && call.remote_tag.as_deref().is_none_or(|known| theirs.is_none_or(|tag| tag == known))
        })
    }
}
