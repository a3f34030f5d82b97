//! `strowger why CALL`: what a call's record says about who was asked, in words.

use std::{fmt::Write as _, path::Path};

use super::{Failed, environment};
use crate::{
    acd::{Actor, Decided, EngagementSummary, Factor, Onward, Strategy, Undecided, Why},
    base::{AgentId, CallId, QueueId, Wall},
    engine::{CallRecord, Centre, MenuEnd, MenuStep, StoryEvent, StoryStep},
    server::{database_url, read_files},
    settings::Loaded,
    store::{Database, DatabaseError},
};

pub fn why(file: &Path, call: &str) -> Result<(), Failed> {
    let number = call.strip_prefix("call-").unwrap_or(call).parse().map(CallId);
    let call = number.map_err(|_| format!("{call}: expected the number of a call, as records and logs give it"))?;
    let Loaded { server, files, .. } = read_files(file, &environment())?;
    let url = database_url(&server);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (record, parts) = runtime.block_on(async {
        let database = Database::open(&url)?;
        Ok::<_, DatabaseError>((database.record(call).await?, database.engagements(&[call]).await?))
    })?;
    let record = record.ok_or_else(|| format!("{call}: no record; of a call that is live the page knows"))?;
    print!("{}{}", told(&record, &files.centre), parts_told(&parts, &record, &files.centre));
    Ok(())
}

/// Each agent's part, and how it ended.
fn parts_told(parts: &[EngagementSummary], record: &CallRecord, centre: &Centre) -> String {
    parts.iter().fold(String::new(), |mut text, part| {
        let at = seconds(since(record.began, part.accepted));
        let (agent, talk, wrap_up) = (agent_of(centre, part.agent), seconds(part.talk_ms), seconds(part.wrap_up_ms));
        let end = part.end.map_or_else(String::new, |end| format!(", ended: {}", words(end)));
        let _ = writeln!(text, "{at:>8} s  {agent} talked {talk} s{end}; wrap-up {wrap_up} s");
        text
    })
}

/// The whole story.
fn told(record: &CallRecord, centre: &Centre) -> String {
    let mut text = String::new();
    for step in &record.menus {
        let at = seconds(since(record.began, step.at));
        let _ = writeln!(text, "{at:>8} s  menu {}: {}", step.menu, menu_told(step));
    }
    let Some(queue) = &record.queue else {
        let _ = writeln!(text, "{} went through no queue", record.call);
        return text;
    };
    let agent = queue.agent.map_or_else(String::new, |agent| format!(" by {}", agent_of(centre, agent)));
    let (key, secs) = (queue_of(centre, queue.queue), seconds(queue.waited_ms));
    let _ = writeln!(
        text,
        "{} in {key}: {}{agent} after {secs} s, {}",
        record.call,
        queue.outcome,
        count(queue.offers, "offer")
    );
    for step in &queue.story {
        let _ = writeln!(text, "{:>8} s  {}", seconds(since(record.began, step.at)), step_told(step, centre));
    }
    text
}

/// How a menu ended, and where it led.
fn menu_told(step: &MenuStep) -> String {
    let Some((end, way)) = &step.end else { return String::from("the call ended, or was answered, in it") };
    let how = match end {
        MenuEnd::Said => String::from("all was said"),
        MenuEnd::Pressed { key } => format!("{key} pressed"),
        MenuEnd::Typed { name, digits } => format!("{name} typed ({digits} digits)"),
        MenuEnd::Silent => String::from("nothing pressed"),
        MenuEnd::Wrong => String::from("nothing right pressed"),
        MenuEnd::Answered { branch: Some(branch) } => format!("the service said \"{branch}\""),
        MenuEnd::Answered { branch: None } => String::from("the service answered"),
        MenuEnd::NobodyAnswered => String::from("nobody answered where it led"),
        MenuEnd::Unanswered { why } => format!("the service gave no answer: {why}"),
    };
    format!("{how}, on to {way}")
}

fn step_told(step: &StoryStep, centre: &Centre) -> String {
    let queue = queue_of(centre, step.queue);
    match &step.what {
        StoryEvent::Nobody(why) => {
            let waits = if why.delayed { "; the queue waits before it offers" } else { "" };
            let vetoed = if why.vetoed > 0 { format!(", {} by veto", why.vetoed) } else { String::new() };
            format!("{queue}: nobody could be asked: {}{vetoed}{waits}", excluded(&why.excluded, why.unfit))
        }
        StoryEvent::Decided(decided) => format!("{queue}: {}", decision(decided, centre)),
        StoryEvent::Offered { why, end, ring_ms, .. } => {
            let end =
                end.map_or_else(|| "not over".into(), |end| format!("{} after {} s", words(end), seconds(*ring_ms)));
            format!("{queue}: {}: {end}", reason(why, centre))
        }
        StoryEvent::AgentLost { agent } => {
            format!("{queue}: the telephone of {} was gone; back to the head of the queue", agent_of(centre, *agent))
        }
        StoryEvent::Left { outcome, onward, waited_ms } => {
            let onward = onward.as_ref().map_or_else(String::new, |to: &Onward| format!(", on to {to}"));
            format!("{queue}: {outcome} after {} s{onward}", seconds(*waited_ms))
        }
    }
}

/// What a program elsewhere said of who gets it.
fn decision(decided: &Decided, centre: &Centre) -> String {
    let (service, secs) = (&decided.service, format!("{:.2}", decided.took_ms as f64 / 1_000.0));
    if let Some(why) = decided.undecided {
        let why = match why {
            Undecided::Rests => return format!("{service} was not asked: it had given no answers lately"),
            Undecided::Late => "gave no answer in time",
            Undecided::Away => "was not reached",
            Undecided::Garbled => "gave an answer that means nothing here",
            Undecided::Over => "was asked, and no answer was needed any more",
        };
        return format!("{service} {why} ({secs} s)");
    }
    let named = decided.agent.map(|agent| format!("named {}", agent_of(centre, agent)));
    let veto: Vec<String> = decided.veto.iter().map(|agent| agent_of(centre, *agent)).collect();
    let veto = (!veto.is_empty()).then(|| format!("ruled out {}", veto.join(", ")));
    let said: Vec<String> = named.into_iter().chain(veto).collect();
    let said = if said.is_empty() { String::from("had no wish") } else { said.join(" and ") };
    format!("{service} {said} ({secs} s)")
}

fn reason(why: &Why, centre: &Centre) -> String {
    let agent = agent_of(centre, why.agent);
    if let Some(actor) = why.assigned {
        return format!("{agent} was given it by {}", actor_of(centre, actor));
    }
    let others: Vec<String> = why
        .first
        .iter()
        .map(|one| {
            let measure =
                one.measure.map_or_else(String::new, |measure| format!(" {}", measured(why.strategy, measure)));
            format!("{}{measure}", agent_of(centre, one.agent))
        })
        .collect();
    let (rank, all, strategy) = (why.rank, why.candidates, why.strategy);
    let held = excluded(&why.excluded, why.unfit);
    let by = match &why.decided {
        Some(decided) if decided.agent == Some(why.agent) => {
            format!("{} as {} named him", words(strategy), decided.service)
        }
        Some(_) | None => words(strategy),
    };
    format!("{agent} asked, {rank} of {all} by {by} ({}); not asked: {held}", others.join(", "))
}

/// What the strategy compared, with its unit.
fn measured(strategy: Strategy, measure: i64) -> String {
    match strategy {
        Strategy::LongestIdle => format!("idle {} s", seconds(measure.unsigned_abs())),
        Strategy::LeastTalk => format!("talked {} s", seconds(measure.unsigned_abs())),
        Strategy::FewestCalls => count(u32::try_from(measure).unwrap_or(u32::MAX), "call"),
        Strategy::LeastOccupied => format!("occupied {measure}"),
        Strategy::SkillsBest => format!("score {measure}"),
        Strategy::RoundRobin
        | Strategy::OrderedRoundRobin
        | Strategy::Random
        | Strategy::WeightedRandom
        | Strategy::Linear
        | Strategy::RingAll
        | Strategy::RingProgressive => measure.to_string(),
    }
}

/// The name that settings and the API use, as words: `longest idle`.
fn words(name: impl serde::Serialize) -> String {
    match serde_json::to_value(name) {
        Ok(serde_json::Value::String(name)) => name.replace('_', " "),
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

fn count(count: u32, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn excluded(excluded: &[(Factor, u32)], unfit: u32) -> String {
    let mut parts: Vec<String> = excluded.iter().map(|(factor, count)| format!("{count} {}", words(factor))).collect();
    if unfit > 0 {
        parts.push(format!("{unfit} without the skill or tier, or unfit by rule"));
    }
    if parts.is_empty() { String::from("none") } else { parts.join(", ") }
}

fn actor_of(centre: &Centre, actor: Actor) -> String {
    let user = |id| {
        let user = centre.users.iter().find(|user| user.id == id);
        user.map_or_else(|| format!("{id}"), |user| user.name.to_string())
    };
    match actor {
        Actor::Agent(agent) => agent_of(centre, agent),
        Actor::Supervisor(id) | Actor::Admin(id) => user(id),
        Actor::System => String::from("a rule"),
        Actor::Api => String::from("the API"),
    }
}

fn agent_of(centre: &Centre, agent: AgentId) -> String {
    centre.acd.agents.get(&agent).map_or_else(|| agent.to_string(), |settings| settings.key.clone())
}

fn queue_of(centre: &Centre, queue: QueueId) -> String {
    centre.acd.queues.get(&queue).map_or_else(|| queue.to_string(), |settings| settings.key.clone())
}

fn since(began: Wall, at: Wall) -> u64 {
    u64::try_from(at.since(began).as_millis()).unwrap_or(u64::MAX)
}

fn seconds(ms: u64) -> String {
    format!("{:.1}", ms as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        acd::{AgentSettings, Candidate, InteractionKind, OfferEnd, PartEnd, WhyNobody, Work},
        base::{EngagementId, InteractionId, OfferId, Private},
        engine::{Direction, QueueRecord, Way},
        switch::{Cause, EndedBy},
    };

    /// RT-03: what `skills_best` compared is a score.
    #[test]
    fn rt_03_a_score_is_called_one() {
        assert_eq!(measured(Strategy::SkillsBest, 16), "score 16");
    }

    /// The command's words: when, which queue, who, by what, against whom, and how it ended.
    #[test]
    fn a_story_in_words() {
        let mut centre = Centre::default();
        for (id, key) in [(1, "ana"), (2, "rui")] {
            centre.acd.agents.insert(AgentId(id), AgentSettings { key: key.into(), ..AgentSettings::default() });
        }
        let candidate = |agent, measure| Candidate { agent: AgentId(agent), tier: 0, measure: Some(measure) };
        let why = Why {
            strategy: Strategy::LongestIdle,
            agent: AgentId(1),
            rank: 1,
            candidates: 2,
            first: vec![candidate(1, 9_000), candidate(2, 4_000)],
            excluded: vec![(Factor::Paused, 3)],
            unfit: 1,
            assigned: None,
            decided: None,
        };
        let step = |at, what| StoryStep { at: Wall(at), queue: QueueId(1), what };
        let nobody = WhyNobody { excluded: vec![(Factor::InUse, 2)], unfit: 0, vetoed: 0, delayed: false };
        let why = Arc::new(why);
        let end = Some(OfferEnd::Accepted);
        let offered = StoryEvent::Offered { offer: OfferId(7), why: Arc::clone(&why), end, ring_ms: 2_500 };
        let queue = QueueRecord {
            queue: QueueId(1),
            interaction: InteractionId(2),
            outcome: "answered".into(),
            waited_ms: 8_000,
            agent: Some(AgentId(1)),
            offers: 1,
            why: Some(why),
            story: vec![step(1_000, StoryEvent::Nobody(nobody)), step(6_500, offered)],
        };
        let record = CallRecord {
            call: CallId(5),
            direction: Direction::Inbound,
            trunk: None,
            caller: Private::default(),
            dialled: Private::default(),
            began: Wall(1_000),
            answered: None,
            connected: None,
            ended: Wall(9_000),
            cause: Cause::NORMAL,
            ended_by: EndedBy::Peer,
            queue: Some(queue),
            menus: Vec::new(),
            legs: Vec::new(),
        };
        let end = Some((MenuEnd::Pressed { key: '1' }, Way::Out(Onward::Queue("support".into()))));
        let mut by_menu = record.clone();
        by_menu.menus = vec![MenuStep { at: Wall(1_500), menu: "main".into(), end }];
        assert!(told(&by_menu, &centre).starts_with("     0.5 s  menu main: 1 pressed, on to queue:support\ncall-5"));
        assert_eq!(
            told(&record, &centre),
            "call-5 in queue-1: answered by ana after 8.0 s, 1 offer\n\
             \x20    0.0 s  queue-1: nobody could be asked: 2 in use\n\
             \x20    5.5 s  queue-1: ana asked, 1 of 2 by longest idle (ana idle 9.0 s, rui idle 4.0 s); not asked: 3 \
             paused, 1 without the skill or tier, or unfit by rule: accepted after 2.5 s\n"
        );
        assert_eq!(
            parts_told(&[part()], &record, &centre),
            "     3.0 s  ana talked 3.0 s, ended: taken over; wrap-up 2.0 s\n"
        );
    }

    fn part() -> EngagementSummary {
        EngagementSummary {
            engagement: EngagementId(9),
            agent: AgentId(1),
            interaction: InteractionId(2),
            call: Some(CallId(5)),
            queue: Some(QueueId(1)),
            kind: InteractionKind::Inbound,
            accepted: Wall(4_000),
            ended: Wall(9_000),
            talk_ms: 3_000,
            wrap_up_ms: 2_000,
            extended: 0,
            end: Some(PartEnd::TakenOver),
            work: Work::default(),
            actor: Actor::System,
        }
    }
}
