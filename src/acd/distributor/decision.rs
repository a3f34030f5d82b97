//! Asking elsewhere who gets an interaction (RT-06), without anybody waiting for it but that interaction.
//!
//! It keeps its place while it is asked about, and wants nobody; nobody is kept free for it either, so that those behind
//! it go on. A pool asks about no more interactions than it has agents who could be asked. An answer counts for the
//! next offer, whenever that can be made: so whoever was passed over while he was asked about is asked about no second
//! time, and comes next. It is a wish, and the strategy decides where it can't be fulfilled or none came.

use smallvec::SmallVec;

use super::{
    super::{Candidate, DECISION_CANDIDATES_MAX, Decided, Dilemma, Output, Undecided, VETOES_MAX, Verdict},
    Acd, Timer,
    lists::pool_key,
    matching::{Turnstile, candidate, turnstile, unfit},
    millis,
    queue::{AgentKey, Pool, PoolId, Queue, Waiting},
    seconds,
};
use crate::base::{AgentId, DecisionId, Instant, InteractionId, Now, QueueId, Wall};

/// What is known from elsewhere of who shall get one interaction.
#[derive(Debug, Default)]
pub(super) struct Deciding {
    pub stage: Stage,
    /// Not asked for it, for the time being: somebody elsewhere said so, or they can't have it.
    pub vetoed: SmallVec<[AgentId; 2]>,
    /// The time of the vetoes was over while it rang: they hold until it rings no more, since nobody joins those who ring of
    /// whom nobody elsewhere has been asked anew.
    outlived: bool,
}

#[derive(Debug, Default)]
pub(super) enum Stage {
    /// To be asked before the next offer, where the queue wants that.
    #[default]
    Due,
    Asked {
        decision: DecisionId,
        service: String,
        since: Instant,
    },
    /// Holds for the next offer.
    Given(Box<Decided>),
}

impl Deciding {
    pub fn is_asked(&self) -> bool {
        matches!(self.stage, Stage::Asked { .. })
    }

    /// It rings no more.
    pub fn rings_no_more(&mut self) {
        if std::mem::take(&mut self.outlived) {
            self.vetoed.clear();
        }
    }

    /// Whom the answer names.
    pub fn named(&self) -> Option<AgentId> {
        match &self.stage {
            Stage::Given(decided) => decided.agent,
            Stage::Due | Stage::Asked { .. } => None,
        }
    }

    /// The answer, which is used up with that.
    pub fn take(&mut self) -> Option<Decided> {
        match std::mem::take(&mut self.stage) {
            Stage::Given(decided) => Some(*decided),
            other @ (Stage::Due | Stage::Asked { .. }) => {
                self.stage = other;
                None
            }
        }
    }
}

impl Acd {
    /// Whether somebody elsewhere must be asked before an interaction is offered.
    pub(super) fn must_be_decided(&self, it: &Waiting) -> bool {
        it.offers.is_empty()
            && matches!(it.deciding.stage, Stage::Due)
            && self.queues.get(&it.queue).is_some_and(|queue| queue.rules.decision.is_some())
    }

    /// Whether one more of a pool may be asked about. Where nobody elsewhere is asked this costs nothing.
    pub(super) fn may_ask(&self, queue: &Queue, pool: PoolId) -> bool {
        self.asking(queue, pool) < queue.pools.get(&pool).map_or(0, |pool| pool.routable.len())
    }

    fn asking(&self, queue: &Queue, pool: PoolId) -> usize {
        let asking = queue.asking.iter().filter_map(|id| self.waiting.get(id));
        asking.filter(|it| it.pool == pool).count()
    }

    /// Asks elsewhere. False: nobody could be asked to take it anyhow.
    pub(super) fn put_dilemma(&mut self, now: Now, id: InteractionId) -> bool {
        let Some(dilemma) = self.dilemma(now, id) else { return false };
        let (decision, until, queue) = (dilemma.decision, dilemma.until, dilemma.queue);
        self.next_id += 1;
        if let Some(it) = self.waiting.get_mut(&id) {
            it.deciding.stage = Stage::Asked { decision, service: dilemma.service.clone(), since: now.mono };
        }
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.asking.insert(id);
        }
        self.timers.set(Timer::Undecided(id), until);
        self.update_wanting(id);
        self.outputs.push_back(Output::Decide(Box::new(dilemma)));
        true
    }

    fn dilemma(&self, now: Now, id: InteractionId) -> Option<Dilemma> {
        let it = self.waiting.get(&id)?;
        let queue = self.queues.get(&it.queue)?;
        let settings = queue.rules.decision.as_ref()?;
        let pool = queue.pools.get(&it.pool)?;
        let vetoed = &it.deciding.vetoed;
        let mut first = queue.first(pool, DECISION_CANDIDATES_MAX, vetoed);
        first.sort_by_key(|key| it.tried.contains(&key.agent));
        if first.is_empty() || !self.may_ask(queue, it.pool) {
            return None;
        }
        let at = self.at(now);
        let candidates: Vec<Candidate> = first.iter().map(|key| candidate(queue.rules.strategy, key, at)).collect();
        let all = u32::try_from(pool.routable.len()).unwrap_or(u32::MAX);
        Some(Dilemma {
            decision: DecisionId(self.next_id),
            service: settings.service.clone(),
            interaction: id,
            queue: queue.id,
            channel: queue.rules.channel,
            kind: it.kind,
            call: it.call,
            caller: it.caller.clone(),
            priority: it.priority,
            position: queue.place(it.key()),
            waited_ms: millis(at.since(it.entered)),
            skills: it.skills.clone(),
            strategy: queue.rules.strategy,
            candidates,
            candidates_total: all.saturating_sub(self.barred(queue, pool, it)),
            excluded: queue.excluded(),
            unfit: unfit(queue, pool),
            tried: it.tried.to_vec(),
            until: now.mono + std::time::Duration::from_millis(settings.answer_ms.into()),
        })
    }

    /// Where an agent stands among those of a pool who could be asked now.
    pub(super) fn key_in(&self, queue: &Queue, pool: &Pool, agent: AgentId) -> Option<AgentKey> {
        let it = self.agents.get(&agent)?;
        let listed = it.members.get(&queue.id)?.listed?;
        let fits = pool.need.admits(it, listed.tier);
        fits.then(|| pool_key(listed, it, &pool.need, &queue.rules))
    }

    /// The answer to a question. One that is late, doubled or to another question is nobody's.
    pub fn handle_decided(&mut self, now: Now, interaction: InteractionId, asked: DecisionId, verdict: Verdict) {
        let stage = self.waiting.get(&interaction).map(|it| &it.deciding.stage);
        if !matches!(stage, Some(Stage::Asked { decision, .. }) if *decision == asked) {
            return;
        }
        self.decided(now, interaction, verdict);
        self.settle(now);
    }

    /// No answer in time: the strategy decides.
    pub(super) fn on_undecided(&mut self, now: Now, interaction: InteractionId) {
        self.decided(now, interaction, Verdict::Nothing(Undecided::Late));
    }

    fn decided(&mut self, now: Now, id: InteractionId, verdict: Verdict) {
        let (agent, mut veto, undecided) = match verdict {
            Verdict::Said { agent, veto } => (agent, veto, None),
            Verdict::Nothing(why) => (None, Vec::new(), Some(why)),
        };
        veto.sort();
        veto.dedup();
        veto.truncate(VETOES_MAX);
        let Some(decided) = self.end_question(now, id, (agent, veto.clone(), undecided)) else { return };
        let Some(it) = self.waiting.get_mut(&id) else { return };
        it.deciding.stage = Stage::Given(Box::new(decided));
        if !veto.is_empty() {
            (it.deciding.vetoed, it.deciding.outlived) = (veto.into(), false);
            let rules = self.queues.get(&it.queue).and_then(|queue| queue.rules.decision.as_ref());
            let secs = rules.map_or(0, |decision| decision.veto_secs);
            self.timers.set(Timer::Vetoed(id), now.mono + seconds(secs));
        }
        self.turn.entered.push(id);
        self.update_wanting(id);
    }

    /// He can't have that one: not asked for it again for so long, and others are.
    pub(super) fn rule_out(&mut self, now: Now, id: InteractionId, agent: AgentId, secs: u32) {
        let Some(it) = self.waiting.get_mut(&id) else { return };
        let vetoed = &mut it.deciding.vetoed;
        if !vetoed.contains(&agent) && vetoed.len() < VETOES_MAX {
            vetoed.push(agent);
        }
        it.deciding.outlived = false;
        self.timers.set(Timer::Vetoed(id), now.mono + seconds(secs));
        self.update_wanting(id);
    }

    /// Nobody needs an answer any more: the interaction is gone, or its queue asks nobody now.
    pub(super) fn forget_question(&mut self, now: Now, id: InteractionId) {
        self.end_question(now, id, (None, Vec::new(), Some(Undecided::Over)));
    }

    /// The one end of a question.
    fn end_question(
        &mut self,
        now: Now,
        id: InteractionId,
        (agent, veto, undecided): (Option<AgentId>, Vec<AgentId>, Option<Undecided>),
    ) -> Option<Decided> {
        let it = self.waiting.get_mut(&id).filter(|it| it.deciding.is_asked())?;
        let queue = it.queue;
        let Stage::Asked { service, since, .. } = std::mem::take(&mut it.deciding.stage) else { return None };
        let took_ms = millis(now.mono.since(since));
        let decided = Decided { service, agent, veto, undecided, took_ms };
        self.timers.cancel(Timer::Undecided(id));
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.asking.remove(&id);
        }
        self.turn.asking.insert(queue);
        self.outputs.push_back(Output::Decided { interaction: id, queue, decided: decided.clone() });
        Some(decided)
    }

    /// The first of a queue's who is due to be asked about and may be: his pool has an agent whom no question is about, and
    /// not all of its agents are ruled out for him.
    pub(super) fn next_due(&self, queue: QueueId, at: Wall) -> Option<(Turnstile, InteractionId)> {
        let queue = self.queues.get(&queue)?;
        let due = queue.pools.iter().filter(|(id, _)| self.may_ask(queue, **id)).filter_map(|(_, pool)| {
            let anybody = |it: &Waiting| pool.routable.iter().any(|key| !it.deciding.vetoed.contains(&key.agent));
            let is_due = |it: &Waiting| self.must_be_decided(it) && anybody(it);
            pool.wanting.iter().find(|key| self.waiting.get(&key.interaction).is_some_and(is_due))
        });
        let first = due.min()?;
        Some((turnstile(queue, *first, at), first.interaction))
    }

    /// Whom somebody elsewhere had ruled out may be asked again, and that one with him.
    pub(super) fn on_veto_over(&mut self, id: InteractionId) {
        let Some(it) = self.waiting.get_mut(&id) else { return };
        let asks = self.queues.get(&it.queue).is_some_and(|queue| queue.rules.decision.is_some());
        if asks && !it.offers.is_empty() {
            it.deciding.outlived = true;
            return;
        }
        it.deciding.vetoed.clear();
        it.deciding.take();
        self.update_wanting(id);
    }

    /// New rules: a queue that asks nobody any more, or somebody else, begins anew.
    pub(super) fn forget_decisions(&mut self, now: Now, queue: QueueId) {
        let Some(line) = self.queues.get(&queue) else { return };
        let line: Vec<_> = line.line.iter().map(|key| key.interaction).collect();
        for id in line {
            self.forget_question(now, id);
            self.timers.cancel(Timer::Vetoed(id));
            if let Some(it) = self.waiting.get_mut(&id) {
                it.deciding = Deciding::default();
            }
        }
    }
}
