//! Who comes before whom: the members of a group, and the trunks of one. A call that is taken on and one that is only
//! forwarded ask here alike.

use super::Engine;
use crate::{
    base::{GroupId, TrunkGroupId, TrunkId, in_weighted_order},
    switch::{Group, GroupStrategy, TrunkMember},
};

impl Engine {
    /// A group with its members as they are rung this time.
    pub(super) fn group_in_order(&mut self, group: GroupId) -> Option<Group> {
        let mut group = self.directory.groups.get(&group).cloned()?;
        match group.strategy {
            GroupStrategy::Simultaneous | GroupStrategy::Sequential => {}
            GroupStrategy::Random => {
                for at in (1..group.members.len()).rev() {
                    let other = self.switch.chance().below(at as u64 + 1);
                    group.members.swap(at, usize::try_from(other).unwrap_or(0));
                }
            }
        }
        Some(group)
    }

    /// The trunks of a group as they are tried this time: by priority, drawn by weight. `None`: there is no such group.
    pub(super) fn trunks_in_order(&mut self, group: TrunkGroupId) -> Option<Vec<TrunkId>> {
        let members = self.directory.trunk_groups.get(&group)?.members.clone();
        let rank = |member: &TrunkMember| (u32::from(member.priority), member.weight);
        let order = in_weighted_order(members, rank, self.switch.chance());
        Some(order.into_iter().map(|member| member.trunk).collect())
    }
}

/// What each member of a group is rung by, as phases: together, or one after the other.
pub(super) fn phases_of<T>(strategy: GroupStrategy, members: Vec<Vec<T>>) -> Vec<Vec<T>> {
    let there: Vec<Vec<T>> = members.into_iter().filter(|targets| !targets.is_empty()).collect();
    match strategy {
        GroupStrategy::Simultaneous if there.is_empty() => Vec::new(),
        GroupStrategy::Simultaneous => vec![there.into_iter().flatten().collect()],
        GroupStrategy::Sequential | GroupStrategy::Random => there,
    }
}
