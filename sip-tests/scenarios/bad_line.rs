//! What one phone does with another's call, over a line that loses, doubles and disorders: it ends as over a good one.

use super::{
    pickup::{people, replaces},
    transfers::{Talk, consults, talk},
};
use crate::sim::{Call, Habit, HoldForm, Link, World, millis, secs};

/// One message in ten lost, one in twenty doubled or late.
fn bad() -> Link {
    Link { loss: 0.10, duplicates: 0.05, reordered: 0.05, delay: millis(5), jitter: millis(15) }
}

fn make_each_other_out(world: &World, one: &Call, two: &Call) -> bool {
    world.makes_out(one, two) && world.makes_out(two, one)
}

/// The line is bad until all that was asked for is done, and everything is given back.
fn ends(world: &World, by: &Call) {
    by.hangs_up();
    world.run_for(secs(90));
    world.set_link(Link::default());
    world.settle();
}

/// CH-12, SW-13: a blind transfer; the REFER, its NOTIFYs and the new call all get through.
#[test]
fn sw_13_a_bad_line_spoils_no_transfer() {
    for seed in 1_100..1_108 {
        println!("seed {seed}");
        let Talk { world, rui, eva, call } = talk(seed);
        world.set_link(bad());
        eva.answers_after(secs(1));
        call.refers("eva");
        world.within(40, "Rui and Eva talk", |world| {
            eva.all_calls().last().is_some_and(|taken| make_each_other_out(world, &rui.call(), taken))
        });
        world.within(40, "Ana is let go", |_| call.is_over());
        assert_eq!(call.referred(), vec![202], "asked once, whatever was doubled");
        ends(&world, &eva.call());
        assert!(rui.call().is_over());
    }
}

/// CH-12, SW-13: an attended one.
#[test]
fn sw_13_a_bad_line_spoils_no_attended_transfer() {
    for seed in 1_110..1_118 {
        println!("seed {seed}");
        let Talk { world, rui, eva, call } = talk(seed);
        let consult = consults(&world, &call, &eva);
        world.set_link(bad());
        call.refers_to(&consult, "eva");
        world.within(40, "Rui and Eva talk", |world| make_each_other_out(world, &rui.call(), &eva.call()));
        world.within(40, "both legs of Ana end", |_| call.is_over() && consult.is_over());
        ends(&world, &eva.call());
        assert!(rui.call().is_over());
    }
}

/// SW-13: a colleague picks up what rings; the first phone is told once that somebody else has it.
#[test]
fn sw_13_a_bad_line_spoils_no_pickup() {
    for seed in 1_120..1_128 {
        println!("seed {seed}");
        let (world, [ana, rui, eva, _]) = people(seed);
        rui.does(Habit::Rings);
        let call = ana.calls("rui");
        world.within(5, "it rings", |_| rui.is_ringing());
        let line = replaces(&rui.call());
        world.set_link(bad());
        let picked = eva.calls_with("rui", false, &line);
        world.within(40, "Ana and Eva talk", |world| make_each_other_out(world, &call, &picked));
        world.within(40, "Rui's phone is quiet", |_| !rui.is_ringing());
        ends(&world, &picked);
        assert!(call.is_over());
    }
}

/// SW-06: hold and resume, several times over.
#[test]
fn sw_06_a_bad_line_spoils_no_hold() {
    for seed in 1_130..1_138 {
        println!("seed {seed}");
        let Talk { world, rui, call, .. } = talk(seed);
        world.set_link(bad());
        for form in [HoldForm::SendOnly, HoldForm::Inactive, HoldForm::NoAddress] {
            call.holds(form);
            world.within(40, "held", |world| !world.makes_out(&rui.call(), &call));
            world.run_for(secs(40));
            call.resumes();
            world.within(40, "they talk again", |world| make_each_other_out(world, &call, &rui.call()));
            world.run_for(secs(40));
        }
        ends(&world, &call);
        assert!(rui.call().is_over());
    }
}

/// BYE against re-INVITE, from the same side and from the other, at any distance: the call ends once, for both.
#[test]
fn sw_05_a_bye_meets_a_reinvite() {
    for (lead, same_side) in (0..6).flat_map(|lead| [(lead, true), (lead, false)]) {
        let Talk { world, rui, call, .. } = talk(1_140 + lead);
        let (holder, ender) = if same_side { (call.clone(), call.clone()) } else { (call.clone(), rui.call()) };
        holder.holds(HoldForm::SendOnly);
        world.run_for(millis(lead));
        ender.hangs_up();
        world.within(5, "both are over", |_| call.is_over() && rui.call().is_over());
        world.settle();
        assert_eq!(world.records().len(), 1, "lead {lead}, same side {same_side}");
    }
}
