//! Circles of agents that widen: by time, and where nobody is there.

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, QueueId},
};

/// One agent in each tier, and a minute from each ring to the next.
fn in_rings(settings: &mut Settings) -> &mut QueueSettings {
    let queue = first_queue(settings);
    queue.members.iter_mut().zip(0..).for_each(|(member, tier)| member.tier = tier);
    let ring = |after_secs, tier| Ring { after_secs, tier, ..Ring::default() };
    (queue.device_dead_secs, queue.ring_secs) = (0, 300);
    queue.rings = vec![ring(0, Some(0)), ring(60, Some(1)), ring(120, None)];
    queue
}

fn leaves(room: &mut Room, agent: u64) {
    let (id, me) = (AgentId(agent), Actor::Agent(AgentId(agent)));
    room.ask(|acd, now| acd.logout(now, id, Some(QueueId(1)), LogoutWhen::Now, me)).unwrap();
}

fn comes(room: &mut Room, agent: u64) {
    let (id, me) = (AgentId(agent), Actor::Agent(AgentId(agent)));
    room.ask(|acd, now| acd.login(now, id, QueueId(1), me)).unwrap();
}

/// RT-04 (SEMANTICS 3.3, `no_agent_no_wait`): a ring in whose tiers nobody is logged in is not waited for: neither by who
/// comes then, nor by who waits when the last of them goes. Where it is off, time alone opens.
#[test]
fn rt_04_a_tier_without_anybody_is_not_waited_for() {
    for no_wait in [true, false] {
        let mut room = Room::with(3, |settings| in_rings(settings).no_agent_no_wait = no_wait);
        room.direct(1, 5);
        let first = room.call();
        assert!(room.ringing().is_empty(), "the first of them is there, and talks");
        leaves(&mut room, 1);
        assert_eq!(room.rings_at(), if no_wait { vec![2] } else { vec![] });
        let second = room.call();
        assert_eq!(room.ringing().len(), usize::from(no_wait), "the third one's tier is not open: the second is there");
        leaves(&mut room, 2);
        let asked = |room: &Room| room.ringing().into_iter().map(|(_, agent, id)| (agent.0, id)).collect::<Vec<_>>();
        assert_eq!(asked(&room), if no_wait { vec![(3, first)] } else { vec![] });
        room.hang_up(first);
        assert_eq!(asked(&room), if no_wait { vec![(3, second)] } else { vec![] });
        room.pass_ms(119_999);
        assert_eq!(room.ringing().len(), usize::from(no_wait));
    }
}

/// RT-04: what opened for want of agents stays open for whoever waited then, over a restart too, and not for who comes
/// later; other rings of the settings begin anew. A queue in which nobody is at all opens nothing.
#[test]
fn rt_04_what_is_open_is_not_closed_again() {
    let mut room = Room::with(3, |settings| _ = in_rings(settings));
    (1..=3).for_each(|agent| leaves(&mut room, agent));
    let first = room.call();
    comes(&mut room, 2);
    comes(&mut room, 3);
    assert_eq!(room.rings_at(), [2], "nobody of the first tier was there");
    room.select(2, Selection::not_ready("break")).unwrap();
    assert!(room.ringing().is_empty());
    comes(&mut room, 1);
    room.select(1, Selection::not_ready("break")).unwrap();
    room.select(2, Selection::Ready).unwrap();
    assert_eq!(room.the_ring().2, first, "open to her still, though the first tier is back");
    room.restart(1, &[first], false);
    (1..=3).for_each(|agent| room.ask(|acd, now| acd.handle_device(now, AgentId(agent), true)));
    room.select(1, Selection::not_ready("break")).unwrap();
    assert_eq!((room.the_ring().1, room.the_ring().2), (AgentId(2), first));
    room.hang_up(first);
    let second = room.call();
    assert!(room.ringing().is_empty(), "the first tier is there");
    let explained = room.acd.explain(room.now, second).unwrap();
    let closed: Vec<_> = explained.members.iter().map(|it| (it.agent.0, it.tier_not_open, it.unfit)).collect();
    assert_eq!(closed, [(1, false, false), (2, true, false), (3, true, false)]);
    leaves(&mut room, 1);
    assert_eq!(room.the_ring().2, second);
    comes(&mut room, 1);
    room.select(1, Selection::not_ready("break")).unwrap();
    room.select(2, Selection::not_ready("break")).unwrap();
    let mut settings = room.settings.clone();
    first_queue(&mut settings).rings[1].after_secs = 90;
    room.ask(|acd, now| acd.settings(now, settings));
    room.select(2, Selection::Ready).unwrap();
    assert!(room.ringing().is_empty(), "under other rings only their time counts");
}

/// QE-09: a newcomer is not refused for a tier that is open for want of agents.
#[test]
fn qe_09_a_tier_that_opens_at_once_refuses_nobody() {
    let mut room = Room::with(2, |settings| {
        in_rings(settings).join_unless = [Factor::Tier, Factor::LoggedOut].into();
    });
    leaves(&mut room, 1);
    room.call();
    assert_eq!(room.rings_at(), [2]);
}

/// RT-04: before the first ring's time those below its tier are asked, whether or not the settings say so.
#[test]
fn rt_04_before_the_first_ring_the_tiers_below_it() {
    for explicit in [false, true] {
        let mut room = Room::with(3, |settings| {
            let queue = first_queue(settings);
            queue.members.iter_mut().zip(0..).for_each(|(member, tier)| member.tier = tier);
            let late = [(3, Some(1)), (6, None)];
            let all = explicit.then_some((0, Some(0))).into_iter().chain(late);
            queue.rings = all.map(|(after_secs, tier)| Ring { after_secs, tier, ..Ring::default() }).collect();
        });
        room.direct(1, 5);
        room.call();
        room.pass_ms(2_999);
        assert!(room.ringing().is_empty(), "{explicit}");
        room.pass_ms(1);
        assert_eq!(room.rings_at(), [2]);
        room.hang_up(room.the_ring().2);
        room.direct(2, 6);
        room.call();
        room.pass_ms(5_999);
        assert!(room.ringing().is_empty(), "{explicit}");
        room.pass_ms(1);
        assert_eq!(room.rings_at(), [3]);
    }
}

/// RT-01, RT-04, I4: where all ring at once, a tier that opens joins those who ring; and without rings the next tier rings too
/// once nobody in the lower one took the call.
#[test]
fn rt_04_higher_tiers_join_where_all_ring() {
    for rings in [true, false] {
        let mut room = Room::with(3, |settings| {
            let queue = first_queue(settings);
            (queue.strategy, queue.ring_secs, queue.missed_max) = (Strategy::RingAll, 10, 0);
            queue.members.iter_mut().zip([0, 0, 1]).for_each(|(member, tier)| member.tier = tier);
            if rings {
                let ring = |(after_secs, tier)| Ring { after_secs, tier, ..Ring::default() };
                queue.rings = [(4, Some(1))].map(ring).into();
            }
        });
        room.call();
        room.progress();
        assert_eq!(room.rings_at(), [1, 2]);
        room.pass(4);
        let joined = if rings { vec![1, 2, 3] } else { vec![1, 2] };
        assert_eq!(room.rings_at(), joined);
        room.progress();
        room.pass(8);
        assert!(room.rings_at().contains(&3), "{rings}: {:?}", room.rings_at());
    }
}
