//! Those who wait for somebody who is not there: nobody logged in has the skill, or stands in a tier that may have them.
//! Who is there and can't come just now, paused or busy, may still come. It is looked at when somebody who has nobody
//! begins to wait, and when others are logged in than before, so that time counts from when it began.

use std::{collections::BTreeSet, time::Duration};

use super::{
    super::{Fits, Notice, Outcome, Output, UnfitRule, WithdrawCause},
    Acd, Timer,
    queue::{Need, PoolId, Queue, WaitPhase},
    seconds,
};
use crate::base::{Instant, InteractionId, Now, QueueId};

/// How often it is looked at besides while anybody waits. It costs a look at each member for each kind of need.
const LOOK_EVERY: Duration = Duration::from_secs(5);

impl Acd {
    /// Somebody waits in a queue.
    pub(super) fn watch_unfit(&mut self, now: Now, queue: QueueId) {
        if self.timers.deadline(&Timer::Unfit(queue)).is_none() {
            self.timers.set(Timer::Unfit(queue), now.mono + LOOK_EVERY);
        }
    }

    /// One who waits needs something else than before, or is offered to nobody any more.
    pub(super) fn watch_whether_served(&mut self, id: InteractionId) {
        let Some(it) = self.waiting.get(&id) else { return };
        let Some(queue) = self.queues.get(&it.queue) else { return };
        if !self.is_anybody_there(queue, it.pool) {
            self.turn.others.insert(it.queue);
        } else if let Some(it) = self.waiting.get_mut(&id) {
            it.unfit_since = None;
        }
    }

    /// Others are logged in to these queues than before. True: somebody may have left, or needs less.
    pub(super) fn look_at_others(&mut self, now: Now) -> bool {
        let queues = std::mem::take(&mut self.turn.others);
        for queue in &queues {
            self.release_kept(now, *queue);
            self.on_unfit_look(now, *queue);
        }
        !queues.is_empty()
    }

    pub(super) fn on_unfit_look(&mut self, now: Now, id: QueueId) {
        let Some(queue) = self.queues.get(&id).filter(|queue| !queue.line.is_empty()) else { return };
        let unserved: BTreeSet<PoolId> = queue
            .line
            .iter()
            .filter_map(|key| self.waiting.get(&key.interaction))
            .filter(|it| it.offers.is_empty() && !matches!(it.phase, WaitPhase::Connecting(_)))
            .map(|it| it.pool)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter(|pool| !self.is_anybody_there(queue, *pool))
            .collect();
        self.tell_unserved(id, &unserved);
        let first_over = self.judge_unserved(now, id, &unserved);
        if self.queues.get(&id).is_some_and(|queue| !queue.line.is_empty()) {
            let next = now.mono + LOOK_EVERY;
            self.timers.set(Timer::Unfit(id), first_over.map_or(next, |over| over.min(next)));
        }
    }

    /// Whether somebody is logged in who may have the interactions of a pool, at the latest when all rings are open.
    fn is_anybody_there(&self, queue: &Queue, pool: PoolId) -> bool {
        let Some(need) = queue.pools.get(&pool).map(|pool| queue.at_last(&pool.need)) else { return true };
        if need.is_plain() {
            return queue.logged_in() > 0;
        }
        queue.members.iter().filter_map(|agent| self.agents.get(agent)).any(|agent| {
            let member = agent.members.get(&queue.id);
            member.is_some_and(|member| agent.online && member.is_in() && need.admits(agent, member.tier))
        })
    }

    /// An alert, once for each kind of need for which it begins to be so.
    fn tell_unserved(&mut self, id: QueueId, unserved: &BTreeSet<PoolId>) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let waits = |pool: &PoolId| self.waiting.values().filter(|it| it.queue == id && it.pool == *pool).count();
        for pool in unserved.difference(&queue.unserved) {
            let need = queue.pools.get(pool).map(|pool| queue.at_last(&pool.need)).unwrap_or_default();
            let (skills, by_rule) = (need.skills, need.fits != Fits::Always);
            let waiting = u32::try_from(waits(pool)).unwrap_or(u32::MAX);
            self.outputs.push_back(Output::Notice(Notice::Unserved { queue: id, skills, by_rule, waiting }));
        }
        queue.unserved.clone_from(unserved);
    }

    /// Whose time is over leaves, or needs less, as the queue wants it. Whoever waits for anybody at all is not meant:
    /// for him there is `leave_when`. Tells when the next one's time is over.
    fn judge_unserved(&mut self, now: Now, id: QueueId, unserved: &BTreeSet<PoolId>) -> Option<Instant> {
        let queue = self.queues.get(&id)?;
        let rule = queue.rules.unfit;
        let mut first_over = None;
        let line: Vec<InteractionId> = queue.line.iter().map(|key| key.interaction).collect();
        for interaction in line {
            let Some(it) = self.waiting.get_mut(&interaction) else { continue };
            let special = self.queues.get(&id).and_then(|queue| queue.pools.get(&it.pool));
            let special = special.is_some_and(|pool| !pool.need.is_plain());
            let asked = !it.offers.is_empty() || matches!(it.phase, WaitPhase::Connecting(_));
            if !unserved.contains(&it.pool) || !special || asked {
                it.unfit_since = None;
                continue;
            }
            let over = *it.unfit_since.get_or_insert(now.mono) + seconds(rule.secs);
            match rule.then {
                UnfitRule::Leave | UnfitRule::Relax if now.mono < over => {
                    first_over = Some(first_over.map_or(over, |first: Instant| first.min(over)));
                }
                UnfitRule::Leave => self.let_go(now, interaction, Outcome::NoAgents, WithdrawCause::Withdrawn),
                UnfitRule::Relax => {
                    it.unfit_since = None;
                    self.needs_no_skill(now, interaction);
                }
                UnfitRule::Wait => {}
            }
        }
        first_over
    }
}

impl Queue {
    /// What remains of a need when the last ring is open.
    fn at_last(&self, need: &Need) -> Need {
        let dropped = |skill: &str| self.rules.rings.iter().any(|ring| ring.drop_skills.contains(skill));
        let skills = need.skills.iter().filter(|need| !dropped(&need.skill)).cloned().collect();
        // Whom it is kept for is only asked first.
        Need {
            skills,
            fits: need.fits.clone(),
            tier_max: self.rules.rings.last().and_then(|ring| ring.tier),
            only: None,
        }
    }
}
