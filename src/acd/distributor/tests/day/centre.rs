//! The centre of these days: eleven queues, each with other rules, over thirty agents.

use std::collections::BTreeMap;

use super::super::room::centre;
use crate::{
    acd::*,
    base::{Chance, QueueId},
};

pub(super) const AGENTS: u64 = 30;
pub(super) const QUEUES: u64 = 13;

pub(super) fn settings() -> Settings {
    let mut settings = centre(AGENTS, QUEUES);
    settings.policies.inactive_secs = 40;
    settings.policies.inactive_prompt_secs = 15;
    settings.policies.direct_acw_secs = 4;
    settings.policies.direct_acw_types = [DirectKind::Inbound, DirectKind::Outbound, DirectKind::Consult].into();
    settings.policies.acw_for_unanswered_out = true;
    for agent in settings.agents.values_mut() {
        let level = (agent.key.len() as u8 + agent.key.as_bytes()[agent.key.len() - 1]) % 10 + 1;
        agent.skills.insert("pt".into(), level);
        if !level.is_multiple_of(3) {
            agent.skills.insert("es".into(), level % 4 + 1);
        }
    }
    for ((id, queue), n) in settings.queues.iter_mut().zip(0..) {
        queue.strategy = Strategy::ALL[n % Strategy::ALL.len()];
        if queue.strategy == Strategy::SkillsBest {
            queue.prefer = prefers(2);
        }
        if n % 3 == 1 {
            queue.fits = fits();
        }
        queue.weight = (id.0 % 3) as u32;
        queue.weight_ageing_secs = [0, 0, 10, 0][n % 4];
        queue.acw_secs = [0, 3, 7][n % 3];
        queue.acw_extend = [Extend::OFF, Extend::by(4, 2)][n % 2];
        queue.after_service_limit = n != 4;
        queue.not_ready_ends_acw = n % 5 == 1;
        queue.next_status = if n % 6 == 5 { NextStatus::Manual } else { NextStatus::Previous };
        queue.ban_secs = BanTime::Secs([0, 4][n % 2]);
        queue.reject_secs = if n == 8 { BanTime::UNTIL_MANUAL } else { BanTime::Secs(5) };
        queue.reject_counts = n % 4 == 1;
        queue.ring_secs = 6 + n as u32;
        queue.max_wait_secs = [0, 25, 40][n % 3];
        queue.timeout_priority = [TimeoutPriority::App, TimeoutPriority::Conf][n % 2];
        queue.missed_max = [0, 2, 3][n % 3];
        // Each queue has its own two thirds of the agents, in its own tiers.
        let mut place = 0;
        queue.members.retain(|_| {
            place += 1;
            (place + n) % 3 != 0
        });
        for (member, place) in queue.members.iter_mut().zip(0..) {
            member.tier = if n % 2 == 0 { 0 } else { (place / 7) as u16 };
            member.device =
                [DeviceChoice::LastActive, DeviceChoice::All, DeviceChoice::Web][(place + n) % 7 % 3].clone();
        }
        // Who waits here waits for skills that come and go; in some queues not for long.
        let then = match n {
            1 | 4 | 7 => UnfitRule::Leave,
            10 => UnfitRule::Relax,
            _ => UnfitRule::Wait,
        };
        queue.unfit = Unfit { then, secs: 8 };
        if [0, 2, 7, 9, 10].contains(&n) {
            queue.decision = Some(asks_elsewhere());
        }
        queue.no_agent_no_wait = n != 3;
        if n % 4 == 3 {
            has_rings(queue, n);
        }
    }
    settings
}

fn has_rings(queue: &mut QueueSettings, n: usize) {
    queue.rings = vec![
        // In one, the tiers below it until then.
        Ring { after_secs: if n == 7 { 2 } else { 0 }, tier: Some(1), ..Ring::default() },
        Ring { after_secs: 5, tier: None, drop_skills: ["pt".into()].into() },
    ];
    if n == 11 {
        // So few in the lowest tiers that now and then none of them is there.
        queue.members.iter_mut().zip(0..).for_each(|(member, place)| member.tier = [0, 1, 1][place.min(2)]);
        queue.members.iter_mut().skip(3).for_each(|member| member.tier = 2);
        queue.rings.insert(0, Ring { after_secs: 0, tier: Some(0), ..Ring::default() });
        queue.rings[1].after_secs = 3;
    }
}

fn prefers(n: u64) -> BTreeMap<String, u32> {
    let weights: [&[(&str, u32)]; 3] = [&[], &[("es", 3)], &[("es", 2), ("pt", 5)]];
    weights[(n % 3) as usize].iter().map(|(skill, weight)| ((*skill).to_owned(), *weight)).collect()
}

/// What the model knows by heart.
fn fits() -> String {
    "priority >= 3 or kind == \"callback\" and not agent == \"a3\" or skill.es >= 2".into()
}

fn asks_elsewhere() -> DecisionSettings {
    DecisionSettings { service: "crm".into(), answer_ms: 900, veto_secs: 4 }
}

/// An administrator changes one thing.
pub(super) fn change(settings: &mut Settings, chance: &mut Chance) {
    let presence = &mut settings.policies.device_presence;
    // A phone is not enough for a while, which is not long.
    if *presence == DevicePresence::Off {
        *presence = DevicePresence::Ready;
    }
    let Some(queue) = settings.queues.get_mut(&QueueId(chance.below(QUEUES) + 1)) else { return };
    match chance.below(10) {
        4 => *presence = DevicePresence::Off,
        9 => queue.no_agent_no_wait = !queue.no_agent_no_wait,
        8 => queue.fits = if queue.fits.is_empty() { fits() } else { String::new() },
        7 => (queue.strategy, queue.prefer) = (Strategy::SkillsBest, prefers(chance.below(3))),
        0 => {
            queue.strategy = Strategy::ALL[chance.below(Strategy::ALL.len() as u64) as usize];
            queue.prefer.clear();
        }
        6 => queue.decision = queue.decision.is_none().then(asks_elsewhere),
        1 => queue.weight = chance.below(4) as u32,
        2 => {
            settings.policies.wait_order = [WaitOrder::Priority, WaitOrder::Score]
                [usize::from(settings.policies.wait_order == WaitOrder::Priority)];
        }
        3 => {
            let mode = &mut settings.policies.not_ready_mode;
            *mode = [NotReadyMode::Pending, NotReadyMode::Immediate][usize::from(*mode == NotReadyMode::Pending)];
        }
        _ => {
            let key = format!("a{}", chance.below(AGENTS) + 1);
            let known = queue.members.iter().position(|member| member.agent == key);
            match known {
                Some(at) => drop(queue.members.remove(at)),
                None => {
                    let device = pins()[chance.below(2) as usize].clone();
                    let tier = chance.below(3) as u16;
                    queue.members.push(MemberSettings { tier, device, ..MemberSettings::new(key) });
                }
            }
        }
    }
}

/// What is pinned there.
pub(super) fn pins() -> [DeviceChoice; 2] {
    [DeviceChoice::Web, DeviceChoice::Named("desk".into())]
}
