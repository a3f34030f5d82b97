//! Calls that leave by a group of trunks (TK-05): which is tried first, and when the next one is.

use std::{collections::VecDeque, time::Duration};

use super::{Engine, trunks::OUT_OF_ORDER};
use crate::{
    base::{CallId, Chance, Now, TrunkGroupId, TrunkId},
    switch::{Cause, LegSide, Lost, Trunk, TrunkMember},
};

/// A trunk of a group that has said nothing at all to an INVITE for so long is passed over, while there is another.
const RESPONSE_TIME: Duration = Duration::from_secs(3);

/// The trunks that have not been tried yet for a call.
pub(super) struct Attempts {
    rest: VecDeque<TrunkId>,
    number: String,
}

impl Engine {
    pub(super) fn ring_trunks(&mut self, now: Now, call: CallId, group: TrunkGroupId, number: String) {
        let Some(group) = self.directory.trunk_groups.get(&group) else {
            return self.refuse_call(now, call, Cause::NOT_FOUND);
        };
        let rest = order(&group.members, self.switch.chance());
        if let Some(note) = self.notes.get_mut(&call) {
            note.attempts = Some(Attempts { rest, number });
        }
        if !self.try_next_trunk(now, call) {
            self.refuse_call(now, call, OUT_OF_ORDER);
        }
    }

    /// The next trunk that may be tried. False when none is left.
    fn try_next_trunk(&mut self, now: Now, call: CallId) -> bool {
        loop {
            let Some(attempts) = self.notes.get_mut(&call).and_then(|note| note.attempts.as_mut()) else {
                return false;
            };
            let Some(trunk) = attempts.rest.pop_front() else { return false };
            let (last, number) = (attempts.rest.is_empty(), attempts.number.clone());
            let Ok(mut target) = self.trunk_target(now, trunk, number, call) else { continue };
            if !last {
                target.dead_time = target.dead_time.min(RESPONSE_TIME);
            }
            self.ring_target(now, call, trunk, target);
            return true;
        }
    }

    /// A trunk did not take a call: another one of its group may. What the called number itself says is not asked twice.
    pub(super) fn try_another_trunk(&mut self, now: Now, call: CallId, lost: Lost, cause: Cause) -> bool {
        let is_the_trunks = lost == Lost::Unreachable && matches!(cause.sip, 408 | 500..=599);
        is_the_trunks && self.try_next_trunk(now, call)
    }

    /// Whether a trunk may carry one more call that way (TK-09).
    pub(super) fn has_line(&self, now: Now, trunk: &Trunk, side: LegSide) -> bool {
        self.trunk_load.has_room(now.mono, trunk, side)
    }
}

/// The lowest priority number first; among equals by chance, as their weights want it.
fn order(members: &[TrunkMember], chance: &mut Chance) -> VecDeque<TrunkId> {
    let mut left: Vec<&TrunkMember> = members.iter().collect();
    left.sort_by_key(|member| member.priority);
    let mut order = VecDeque::with_capacity(left.len());
    while let Some(first) = left.first().map(|member| member.priority) {
        let equal = left.iter().take_while(|member| member.priority == first);
        let total: u64 = equal.clone().map(|member| u64::from(member.weight.max(1))).sum();
        let mut drawn = chance.below(total);
        let mut at = 0;
        for (place, member) in equal.enumerate() {
            let weight = u64::from(member.weight.max(1));
            if drawn < weight {
                at = place;
                break;
            }
            drawn -= weight;
        }
        order.push_back(left.remove(at).trunk);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TK-05: priorities are strict, weights are shares.
    #[test]
    fn tk_05_weights_share_the_calls() {
        let member = |trunk, priority, weight| TrunkMember { trunk: TrunkId(trunk), priority, weight };
        let members = [member(1, 2, 100), member(2, 1, 30), member(3, 1, 70)];
        let mut chance = Chance::from_number(5);
        let firsts: Vec<u64> = (0..1_000)
            .map(|_| {
                let order = order(&members, &mut chance);
                assert_eq!((order.len(), order.back()), (3, Some(&TrunkId(1))));
                order[0].0
            })
            .collect();
        let share = firsts.iter().filter(|first| **first == 3).count();
        assert!((650..750).contains(&share), "{share}");
    }
}
