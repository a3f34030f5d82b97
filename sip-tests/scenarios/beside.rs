//! Phones of one user on one host, which differ in their port alone: several that live, or one that restarted?

use strowger::{engine::Input, sip::Transport};

use crate::sim::{Phone, World, millis, secs};

fn registered(phone: &Phone) {
    phone.registers();
    phone.world().within(3, "registered", |_| phone.registered() == Some(200));
}

/// A user with a phone, one who calls her, and the world of both.
fn ana_and_rui(seed: u64) -> (World, Phone, Phone) {
    let world = World::seed(seed);
    let (ana, rui) = (world.phone("ana"), world.phone("rui"));
    registered(&ana);
    registered(&rui);
    (world, ana, rui)
}

/// The contacts that Ana's devices are listed with.
fn ports(world: &World, ana: &Phone) -> Vec<u16> {
    let ours = format!("sip:ana@{}:", ana.address().ip());
    let devices = world.devices();
    devices.iter().filter_map(|device| device.contact.strip_prefix(&ours)?.parse().ok()).collect()
}

/// SW-01: two phones on one host live side by side: both ring, refreshing by turns they are asked no more, and one that
/// leaves takes only itself away.
#[test]
fn sw_01_two_phones_on_one_host_both_ring() {
    let (world, ana, rui) = ana_and_rui(1_500);
    let beside = world.phone_beside(&ana, 5_064);
    registered(&beside);
    world.run_for(secs(2_000));
    assert_eq!(ports(&world, &ana), [5_060, 5_064]);
    assert_eq!((ana.requests_of("OPTIONS"), beside.requests_of("OPTIONS")), (1, 0), "asked once");
    beside.answers_after(secs(2));
    let call = rui.calls("ana");
    world.within(2, "both ring", |_| ana.is_ringing() && beside.is_ringing());
    world.within(5, "they talk", |world| world.hear_each_other(&call, &beside));
    assert!(!ana.is_ringing());
    call.hangs_up();
    world.run_for(secs(2));
    beside.unregisters();
    world.run_for(secs(1));
    assert_eq!(ports(&world, &ana), [5_060]);
    ana.answers_after(secs(1));
    let call = rui.calls("ana");
    world.within(5, "the other one has it", |world| world.hear_each_other(&call, &ana));
    call.hangs_up();
    world.settle();
    assert_eq!(beside.requests_of("INVITE"), 1);
}

/// SW-01: what a phone left behind when it restarted is gone in three seconds, or as soon as its port refuses; who calls
/// in between reaches the phone that lives.
#[test]
fn sw_01_a_phone_that_restarted_behind_another_port_replaces_itself() {
    for refuses in [false, true] {
        let (world, ana, rui) = ana_and_rui(1_501);
        ana.dies();
        let again = world.phone_beside(&ana, 5_064);
        again.answers_after(secs(1));
        registered(&again);
        let call = rui.calls("ana");
        if refuses {
            world.feeds(Input::Unreachable { transport: Transport::Udp, remote: ana.address() });
            assert_eq!(ports(&world, &ana), [5_064]);
        } else {
            assert_eq!(ports(&world, &ana), [5_060, 5_064], "it is asked");
        }
        world.within(3, "they talk", |world| world.hear_each_other(&call, &again));
        world.within(2, "the old one is gone", |world| ports(world, &ana) == [5_064]);
        call.hangs_up();
        world.run_for(secs(60));
        assert_eq!(ports(&world, &ana), [5_064]);
        world.settle();
    }
}

/// SW-01: a phone that rings is there, though it says nothing to OPTIONS.
#[test]
fn sw_01_a_phone_that_rings_is_another_one() {
    let (world, ana, rui) = ana_and_rui(1_502);
    world.loses(|_, text| text.starts_with("OPTIONS"));
    let beside = world.phone_beside(&ana, 5_064);
    registered(&beside);
    let call = rui.calls("ana");
    world.run_for(secs(5));
    assert!(ana.is_ringing() && beside.is_ringing());
    assert_eq!(ports(&world, &ana), [5_060, 5_064]);
    call.hangs_up();
    world.settle();
}

/// SW-01, OP-01: whichever way the process dies while the older one is asked, the next process knows whom to ask.
#[test]
fn sw_01_the_next_process_asks_too() {
    for (lives, torn) in [(true, false), (false, false), (true, true), (false, true)] {
        let (world, ana, rui) = ana_and_rui(1_503);
        world.loses(|_, text| text.starts_with("OPTIONS"));
        let beside = world.phone_beside(&ana, 5_064);
        if !lives {
            ana.dies();
        }
        if torn {
            beside.registers();
            world.run_for(millis(60));
            world.crashes_torn();
        } else {
            registered(&beside);
            world.crashes();
        }
        world.loses_nothing();
        world.starts();
        world.run_for(secs(10));
        let left = if lives { vec![5_060, 5_064] } else { vec![5_064] };
        assert_eq!(ports(&world, &ana), left, "lives: {lives}, torn: {torn}");
        beside.answers_after(secs(1));
        let call = rui.calls("ana");
        world.within(5, "they talk", |world| world.hear_each_other(&call, &beside));
        assert_eq!(ana.requests_of("INVITE"), usize::from(lives));
        call.hangs_up();
        world.settle();
    }
}
