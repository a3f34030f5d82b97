//! Who gets an interaction, decided elsewhere (RT-06): the distributor's question in words, and the answer read. Asking and
//! the time for it are `asking`'s; what becomes of the answer is the distributor's.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Engine, Said, StoryEvent, Unsaid, asking::Asker};
use crate::{
    acd::{Decided, Dilemma, Undecided, VETOES_MAX, Verdict},
    base::{AgentId, DecisionId, InteractionId, Now, QueueId},
};

/// What may come back. Whatever else is in it makes it none: a slip must not pass for a wish.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wish {
    agent: Option<String>,
    veto: Vec<String>,
}

impl Engine {
    /// The distributor wants to know who gets an interaction.
    pub(super) fn on_dilemma(&mut self, now: Now, dilemma: &Dilemma) {
        let question = self.put_in_words(dilemma);
        let (interaction, decision) = (dilemma.interaction, dilemma.decision);
        let service = self.directory.service_of(&dilemma.service).ok_or(Unsaid::NoService);
        let asker = (Asker::Decision(interaction, decision), Some(dilemma.until));
        if let Err(why) = service.and_then(|service| self.ask_service(now, service, &question, asker)) {
            self.on_decision_said(now, interaction, decision, Err(why));
        }
    }

    fn put_in_words(&self, dilemma: &Dilemma) -> Value {
        let key = |agent: &AgentId| self.directory.agent_keys.get(agent).map(|key| &**key);
        let candidates =
            dilemma.candidates.iter().zip(1..).map(
                |(it, rank)| json!({ "agent": key(&it.agent), "rank": rank, "tier": it.tier, "measure": it.measure }),
            );
        let excluded = dilemma.excluded.iter().filter_map(|(factor, count)| {
            let Ok(Value::String(factor)) = serde_json::to_value(factor) else { return None };
            Some((factor, Value::from(*count)))
        });
        let skills = dilemma.skills.iter().map(|it| (it.skill.clone(), Value::from(it.level)));
        let sight = dilemma.call.and_then(|call| self.switch.call(call));
        json!({
            "interaction": dilemma.interaction,
            "call": dilemma.call,
            "queue": self.directory.queue_key(dilemma.queue),
            "channel": dilemma.channel,
            "kind": dilemma.kind,
            "caller": dilemma.caller.reveal(),
            "name": sight.as_ref().map(|sight| sight.shown()).filter(|it| !it.hidden).and_then(|it| it.name()),
            "dialled": sight.as_ref().map(|sight| sight.dialled().to_string()),
            "priority": dilemma.priority,
            "position": dilemma.position,
            "waited_ms": dilemma.waited_ms,
            "skills": skills.collect::<Map<_, _>>(),
            "strategy": dilemma.strategy,
            "candidates": candidates.collect::<Vec<_>>(),
            "candidates_total": dilemma.candidates_total,
            "excluded": excluded.collect::<Map<_, _>>(),
            "unfit": dilemma.unfit,
            "tried": dilemma.tried.iter().filter_map(key).collect::<Vec<_>>(),
        })
    }

    /// The service has answered, or has not.
    pub(super) fn on_decision_said(
        &mut self,
        now: Now,
        interaction: InteractionId,
        decision: DecisionId,
        said: Result<Said, Unsaid>,
    ) {
        let verdict = match said {
            Ok(said) => self.verdict(said).unwrap_or(Verdict::Nothing(Undecided::Garbled)),
            Err(Unsaid::TooLate) => Verdict::Nothing(Undecided::Late),
            Err(Unsaid::Garbled) => Verdict::Nothing(Undecided::Garbled),
            Err(Unsaid::Rests) => Verdict::Nothing(Undecided::Rests),
            Err(Unsaid::Away | Unsaid::TooMany | Unsaid::NoService | Unsaid::TooLong) => {
                Verdict::Nothing(Undecided::Away)
            }
        };
        self.acd.handle_decided(now, interaction, decision, verdict);
    }

    /// `None`: it means nothing. Nothing at all is an answer too: no wish.
    fn verdict(&self, said: Said) -> Option<Verdict> {
        if !(200..300).contains(&said.status) {
            return None;
        }
        let wish: Wish = match said.json {
            Value::Null => Wish::default(),
            wish @ Value::Object(_) => serde_json::from_value(wish).ok()?,
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => return None,
        };
        let agent_of = |key: &String| self.directory.agents_by_key.get(key.as_str()).copied();
        let agent = match &wish.agent {
            Some(key) => Some(agent_of(key)?),
            None => None,
        };
        if wish.veto.len() > VETOES_MAX {
            return None;
        }
        let veto = wish.veto.iter().map(agent_of).collect::<Option<Vec<_>>>()?;
        Some(Verdict::Said { agent, veto })
    }

    /// What became of a question, into the call's story.
    pub(super) fn on_decided(&mut self, now: Now, interaction: InteractionId, queue: QueueId, decided: Decided) {
        self.tell_story(now, interaction, queue, StoryEvent::Decided(decided));
    }
}
