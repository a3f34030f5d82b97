//! Agents whom new settings take out and put back, and devices that count for something from then on. Their phones are
//! registered all the time.

use std::net::SocketAddr;

use super::world::{CARRIER, World, centre};
use crate::{
    acd::{DeviceChoice, DevicePresence, Status},
    base::{AgentId, QueueId},
    engine::{Centre, Input, Request},
    sip::Reply,
};

fn carrier() -> SocketAddr {
    CARRIER.parse().unwrap()
}

fn without_eva() -> Centre {
    let mut centre = centre();
    centre.acd.agents.remove(&AgentId(1));
    let queue = centre.acd.queues.get_mut(&QueueId(1)).unwrap();
    queue.members.retain(|member| member.agent != "eva");
    centre
}

fn with_presence(presence: DevicePresence) -> Centre {
    let mut centre = centre();
    centre.acd.agents.get_mut(&AgentId(1)).unwrap().device_presence = Some(presence);
    centre
}

fn reload(world: &mut World, centre: Centre) {
    assert_eq!(centre.acd.check(), []);
    world.input(Input::Settings(Box::new(centre)));
}

/// Calls the queue; whether that rings at a phone, which then declines.
fn is_rung(world: &mut World, phone: SocketAddr) -> bool {
    let call = world.call(carrier(), "+351210000009", "800");
    let rung = world.incoming(phone).is_some();
    world.bye(carrier(), call);
    rung
}

/// OP-02, rule 1: an agent who is taken out of the settings and put back by two reloads is asked again, whatever he did
/// meanwhile.
#[test]
fn op_02_an_agent_who_comes_back_is_rung() {
    for (seed, during) in (380..).zip(["idle", "rung", "talking", "talking still"]) {
        let mut world = World::new(seed);
        let eva = world.phone("eva", 6003);
        let call = (during != "idle").then(|| world.call(carrier(), "+351210000001", "800"));
        if during == "rung" {
            let (usage, _) = world.incoming(eva).expect("Eva is asked");
            world.respond(eva, usage, Reply::new(180));
        } else if during != "idle" {
            world.answer(eva);
        }
        reload(&mut world, without_eva());
        if let Some(call) = call.filter(|_| during != "talking still") {
            world.bye(carrier(), call);
        }
        reload(&mut world, centre());
        if let Some(call) = call.filter(|_| during == "talking still") {
            assert_eq!(world.status(1), Status::Busy);
            world.bye(carrier(), call);
        }
        assert_eq!(world.status(1), Status::Ready, "{during}");
        assert!(is_rung(&mut world, eva), "{during}");
        world.assert_nothing_left();
    }
}

/// OP-02, QM-10: the same where the queue pins his phone; so it is for one who becomes an agent.
#[test]
fn op_02_qm_10_who_comes_back_is_rung_at_his_pinned_phone() {
    let mut pinned = centre();
    let queue = pinned.acd.queues.get_mut(&QueueId(1)).unwrap();
    queue.members.iter_mut().for_each(|member| member.device = DeviceChoice::Phone);
    let mut world = World::with(385, without_eva());
    let eva = world.phone("eva", 6003);
    for _ in 0..2 {
        reload(&mut world, pinned.clone());
        assert!(is_rung(&mut world, eva));
        reload(&mut world, without_eva());
    }
    world.assert_nothing_left();
}

/// OP-02: who comes back when his phone has gone is not there.
#[test]
fn op_02_who_comes_back_without_his_phone_is_offline() {
    let mut world = World::new(386);
    let eva = world.phone("eva", 6003);
    reload(&mut world, without_eva());
    world.register_with(eva, "eva", &[("Contact", "*".to_owned()), ("Expires", "0".to_owned())]);
    reload(&mut world, centre());
    assert_eq!(world.status(1), Status::Offline);
    world.register(eva, "eva");
    assert_eq!(world.status(1), Status::Ready);
    world.assert_nothing_left();
}

/// AS-05: where a phone is enough from now on, one that is registered already is; who signed out while it was enough
/// stays out.
#[test]
fn as_05_a_reload_lets_registered_phones_count() {
    let mut world = World::with(387, with_presence(DevicePresence::Off));
    let eva = world.phone("eva", 6003);
    assert_eq!(world.status(1), Status::Offline);
    reload(&mut world, with_presence(DevicePresence::Online));
    assert_eq!(world.status(1), Status::NotReady);
    reload(&mut world, with_presence(DevicePresence::Off));
    world.pass(std::time::Duration::from_secs(31));
    assert_eq!(world.status(1), Status::Offline);
    reload(&mut world, with_presence(DevicePresence::Ready));
    assert_eq!(world.status(1), Status::Ready);
    assert!(is_rung(&mut world, eva));
    world.request(Request::SignOut { agent: AgentId(1) }).unwrap();
    reload(&mut world, with_presence(DevicePresence::Ready));
    assert_eq!(world.status(1), Status::Offline);
    world.assert_nothing_left();
}
