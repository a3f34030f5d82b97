//! Questions to programs elsewhere. The engine says what is asked ([`Output::Ask`]) and goes on when the answer comes
//! ([`Input::Answered`]) or its time is over, whichever is first; it never waits. Who asked is an [`Asker`], and what an
//! answer means is that room's affair: nothing here knows it. A service that does not answer rests ([`breaker`]).
//!
//! To ask for something new: a variant of [`Asker`], [`Engine::ask_service`], and an arm in `on_said`.

mod breaker;

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(super) use breaker::Breaker;
pub use breaker::Patience;
use breaker::{Leave, Turn};

use super::{Alarm, Answer, Engine, Happened, Output, Refused, RequestId, drive::Timer};
use crate::base::{AskId, CallId, DecisionId, Endpoint, Instant, InteractionId, Now, Private, ServiceId};

/// Questions without an answer yet. At two seconds each this is 250 calls a second; one more is not asked, and whoever
/// wanted to ask goes on as if nothing had been said.
pub const ASKS_MAX: usize = 512;

/// Octets of a question. What is longer is not asked: it is a fault of whoever wrote it.
pub const QUESTION_MAX: usize = 16 * 1024;

/// A program elsewhere that the settings let us ask: `[[service]]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Responder {
    pub id: ServiceId,
    pub name: String,
    pub endpoint: Endpoint,
    /// Signs what is asked.
    pub secret: Option<Private<String>>,
    /// An answer that takes longer is none.
    pub answer_time: Duration,
    /// When it is not asked for a while.
    #[serde(default)]
    pub patience: Patience,
}

/// One question, as JSON.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    pub ask: AskId,
    pub service: ServiceId,
    pub json: Vec<u8>,
    /// The engine goes on without an answer then.
    pub until: Instant,
}

/// An answer: any status, and what was in its body if that was JSON.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Said {
    pub status: u16,
    pub json: Value,
}

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unsaid {
    /// Not reached.
    Away,
    TooLate,
    /// Not HTTP, too long, or not JSON.
    Garbled,
    /// Too many questions have no answer yet.
    TooMany,
    /// The settings know no such service any more.
    NoService,
    /// The question is longer than [`QUESTION_MAX`].
    TooLong,
    /// It has given no answers lately, and is not asked for a while.
    Rests,
}

impl fmt::Display for Unsaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Away => "it was not reached",
            Self::TooLate => "it did not answer in time",
            Self::Garbled => "its answer is not JSON over HTTP, or too long",
            Self::TooMany => "too many questions have no answer yet",
            Self::NoService => "the settings have no such service",
            Self::TooLong => "the question is too long",
            Self::Rests => "it has given no answers lately, and is not asked for a while",
        })
    }
}

/// Who goes on with an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asker {
    /// An administrator who tries a service.
    Trial(RequestId),
    /// A menu that looks its caller up.
    Menu(CallId),
    /// The distributor, which wants to know who gets an interaction.
    Decision(InteractionId, DecisionId),
    /// Nobody any more, or nobody from the beginning: whether an answer comes still says something of the service.
    Nobody,
}

/// Questions without an answer yet, and the services that they went to.
#[derive(Default)]
pub(super) struct Asks {
    open: BTreeMap<AskId, Asked>,
    breakers: BTreeMap<ServiceId, Breaker>,
}

#[derive(Clone, Copy)]
struct Asked {
    asker: Asker,
    service: ServiceId,
    /// Of its service; none for a trial, whose failure says nothing.
    era: Option<u32>,
}

/// A service rests, or is asked again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ServiceEvent {
    pub service: String,
    #[serde(flatten)]
    pub turn: ServiceTurn,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "now")]
pub enum ServiceTurn {
    /// So many questions in a row had no answer: nobody waits for one until it is back.
    Rests { unanswered: u32, why: String, seconds: u64 },
    /// So many had no answer, and so many more were not waited for.
    AskedAgain { unanswered: u32, spared: u32, seconds: u64 },
}

impl Engine {
    /// Asks a service; what it says comes to the asker, in another turn. `within`: how long he has, if that is less than
    /// the service has. `Err`: he goes on without it.
    pub(super) fn ask_service(
        &mut self,
        now: Now,
        service: ServiceId,
        question: &impl Serialize,
        (asker, within): (Asker, Option<Instant>),
    ) -> Result<AskId, Unsaid> {
        let answer_time = self.directory.services.get(&service).ok_or(Unsaid::NoService)?.answer_time;
        let json = serde_json::to_vec(question).unwrap_or_default();
        if json.len() > QUESTION_MAX {
            return Err(Unsaid::TooLong);
        }
        if self.asks.open.len() >= ASKS_MAX {
            self.alarm(now, Alarm::TableFull("questions to services"));
            return Err(Unsaid::TooMany);
        }
        let (asker, era) = match asker {
            // Whoever tries it wants to see what it says now.
            Asker::Trial(_) => (asker, None),
            Asker::Menu(_) | Asker::Decision(..) | Asker::Nobody => {
                match self.asks.breakers.entry(service).or_default().ask(now) {
                    Leave::Ask { era } => (asker, Some(era)),
                    Leave::Probe { era } => (Asker::Nobody, Some(era)),
                    Leave::Spare => {
                        self.totals.questions_spared += 1;
                        return Err(Unsaid::Rests);
                    }
                }
            }
        };
        let until = within.into_iter().fold(now.mono + answer_time, Instant::min);
        let ask = AskId(self.switch.ids().next_ask());
        self.asks.open.insert(ask, Asked { asker, service, era });
        self.timers.set(Timer::AnswerLate(ask), until);
        self.emit(Output::Ask(Question { ask, service, json, until }));
        if matches!(asker, Asker::Nobody) {
            self.totals.questions_spared += 1;
            return Err(Unsaid::Rests);
        }
        Ok(ask)
    }

    /// Nobody wants the answer any more.
    pub(super) fn forget_ask(&mut self, ask: AskId) {
        if let Some(asked) = self.asks.open.get_mut(&ask) {
            asked.asker = Asker::Nobody;
        }
    }

    /// The first word on a question counts; what comes behind it is for nobody.
    pub(super) fn on_answered(&mut self, now: Now, ask: AskId, said: Result<Said, Unsaid>) {
        let Some(Asked { asker, service, era }) = self.asks.open.remove(&ask) else { return };
        self.timers.cancel(Timer::AnswerLate(ask));
        self.note_answer(now, service, era, &said);
        self.on_said(now, asker, said);
    }

    /// What came of a question, or of a trial if it has no era, says whether the service is there.
    fn note_answer(&mut self, now: Now, service: ServiceId, era: Option<u32>, said: &Result<Said, Unsaid>) {
        let (Some(settings), Some(breaker)) =
            (self.directory.services.get(&service), self.asks.breakers.get_mut(&service))
        else {
            return;
        };
        let silent = match said {
            Ok(said) => (said.status >= 500).then(|| format!("it answered {}", said.status)),
            // Our own table was full.
            Err(Unsaid::TooMany) => return,
            Err(why) => Some(why.to_string()),
        };
        let turn = match era {
            Some(era) => breaker.heard(now, era, silent.is_none(), settings.patience),
            None if silent.is_none() => breaker.trust_again(),
            None => None,
        };
        if let Some(turn) = turn {
            let name = settings.name.clone();
            self.tell_turn(now, name, turn, silent.unwrap_or_default());
        }
    }

    fn tell_turn(&mut self, now: Now, service: String, turn: Turn, why: String) {
        let turn = match turn {
            Turn::Rests { unanswered, length } => ServiceTurn::Rests { unanswered, why, seconds: length.as_secs() },
            Turn::AskedAgain { unanswered, spared, since } => {
                ServiceTurn::AskedAgain { unanswered, spared, seconds: now.mono.since(since).as_secs() }
            }
        };
        let event = ServiceEvent { service, turn };
        self.emit(Output::Alarm(Alarm::Service(event.clone())));
        self.live(now, Happened::Service(event));
    }

    /// New settings are coming: a service that will be another is asked again.
    pub(super) fn review_services(&mut self, now: Now, new: &[Responder]) {
        let changed: Vec<_> = self.directory.services.values().filter(|old| !new.contains(old)).cloned().collect();
        for Responder { id, name, .. } in changed {
            let Some(mut breaker) = self.asks.breakers.remove(&id) else { continue };
            if let Some(turn) = breaker.trust_again() {
                self.tell_turn(now, name, turn, String::new());
            }
            if new.iter().any(|service| service.id == id) {
                self.asks.breakers.insert(id, breaker);
            }
        }
    }

    /// Which services rest, for another engine that goes on as this one.
    pub(super) fn breakers(&self) -> BTreeMap<ServiceId, Breaker> {
        self.asks.breakers.clone()
    }

    pub(super) fn set_breakers(&mut self, mut breakers: BTreeMap<ServiceId, Breaker>) {
        // What was under way is not.
        breakers.values_mut().for_each(Breaker::forget_probe);
        self.asks.breakers = breakers;
    }

    fn on_said(&mut self, now: Now, asker: Asker, said: Result<Said, Unsaid>) {
        match asker {
            Asker::Trial(id) => {
                let result = said.map(Answer::Said).map_err(unsaid);
                self.emit(Output::Reply { id, result });
            }
            Asker::Menu(call) => self.on_looked_up(now, call, said),
            Asker::Decision(interaction, decision) => self.on_decision_said(now, interaction, decision, said),
            Asker::Nobody => {}
        }
    }

    /// An administrator sees what a service says. `None`: the reply comes with the answer.
    pub(super) fn try_service(
        &mut self,
        now: Now,
        id: RequestId,
        service: ServiceId,
        question: &Value,
    ) -> Option<Refused> {
        self.ask_service(now, service, question, (Asker::Trial(id), None)).err().map(unsaid)
    }
}

fn unsaid(why: Unsaid) -> Refused {
    let (status, code) = match why {
        Unsaid::Away => (502, "service_away"),
        Unsaid::Garbled => (502, "service_garbled"),
        Unsaid::TooLate => (504, "service_late"),
        Unsaid::TooMany => (503, "busy"),
        Unsaid::NoService => (404, "no_service"),
        Unsaid::TooLong => (413, "question_too_long"),
        Unsaid::Rests => (503, "service_rests"),
    };
    Refused { status, code, detail: why.to_string() }
}
