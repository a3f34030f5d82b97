//! Questions to programs elsewhere. The engine says what is asked ([`Output::Ask`]) and goes on when the answer comes
//! ([`Input::Answered`]) or its time is over, whichever is first; it never waits. Who asked is an [`Asker`], and what an
//! answer means is that room's affair: nothing here knows it.
//!
//! To ask for something new: a variant of [`Asker`], [`Engine::ask_service`], and an arm in `on_said`.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Alarm, Answer, Engine, Output, Refused, RequestId, drive::Timer};
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
}

/// Questions without an answer yet.
#[derive(Default)]
pub(super) struct Asks {
    open: BTreeMap<AskId, Asker>,
}

impl Engine {
    /// Asks a service; what it says comes to the asker, in another turn. `Err`: it is not even asked.
    pub(super) fn ask_service(
        &mut self,
        now: Now,
        service: ServiceId,
        question: &impl Serialize,
        asker: Asker,
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
        let (ask, until) = (AskId(self.switch.ids().next_ask()), now.mono + answer_time);
        self.asks.open.insert(ask, asker);
        self.timers.set(Timer::AnswerLate(ask), until);
        self.emit(Output::Ask(Question { ask, service, json, until }));
        Ok(ask)
    }

    /// Nobody wants the answer any more.
    pub(super) fn forget_ask(&mut self, ask: AskId) {
        self.asks.open.remove(&ask);
        self.timers.cancel(Timer::AnswerLate(ask));
    }

    /// The first word on a question counts; what comes behind it is for nobody.
    pub(super) fn on_answered(&mut self, now: Now, ask: AskId, said: Result<Said, Unsaid>) {
        let Some(asker) = self.asks.open.remove(&ask) else { return };
        self.timers.cancel(Timer::AnswerLate(ask));
        self.on_said(now, asker, said);
    }

    fn on_said(&mut self, now: Now, asker: Asker, said: Result<Said, Unsaid>) {
        match asker {
            Asker::Trial(id) => {
                let result = said.map(Answer::Said).map_err(unsaid);
                self.emit(Output::Reply { id, result });
            }
            Asker::Menu(call) => self.on_looked_up(now, call, said),
            Asker::Decision(interaction, decision) => self.on_decision_said(now, interaction, decision, said),
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
        self.ask_service(now, service, question, Asker::Trial(id)).err().map(unsaid)
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
    };
    Refused { status, code, detail: why.to_string() }
}
