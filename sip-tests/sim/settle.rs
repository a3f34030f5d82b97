//! What must be true when nothing happens any more: everything that was taken has been given back.

use strowger::acd::Activity;

use super::{World, centre::secs};

impl World {
    /// Lets the last transactions run out (64*T1) and asserts that every leg, dialog, port, stream, offer and agent is
    /// released, on the switch's side and on the phones'.
    pub fn settle(&self) {
        let then = self.clock() + secs(41);
        self.sim.borrow_mut().uas.iter_mut().for_each(|ua| ua.renews_not_before(then));
        self.run_for(secs(40));
        self.is_released();
    }

    /// The same of a world that has run long enough.
    pub fn is_released(&self) {
        let snapshot = self.snapshot();
        let counts = &snapshot.counts;
        assert!(snapshot.calls.is_empty(), "calls left: {:#?}", snapshot.calls);
        assert_eq!((counts.calls, counts.legs, counts.dialogs), (0, 0, 0), "left: {counts:?}");
        // A phone that fell silent is asked now and then whether it is back.
        let dead = self.sim.borrow().uas.iter().filter(|ua| ua.is_dead).count() as u64;
        assert!(counts.transactions <= dead, "transactions left: {counts:?}");
        assert_eq!(counts.ports_used, 0, "ports left: {counts:?}");
        assert_eq!((counts.invariants_broken, counts.acd_repairs), (0, 0), "{counts:?}");
        for agent in &snapshot.acd.agents {
            let is_free = matches!(agent.activity, Activity::Idle | Activity::WrapUp);
            assert!(is_free && agent.offers.is_empty(), "{} is left {agent:#?}", agent.key);
        }
        for queue in &snapshot.acd.queues {
            assert!(queue.waiting.is_empty(), "{} still holds {:?}", queue.key, queue.waiting);
        }
        let sim = self.sim.borrow();
        sim.judge();
        assert_eq!(sim.plane.streams(), 0, "streams are left open in the plane");
        for ua in &sim.uas {
            assert!(ua.is_quiet() || ua.is_dead, "{} still repeats itself", ua.name);
            for call in &ua.calls {
                assert!(call.is_over() || ua.is_dead, "{}: a call is left {:?}", ua.name, call.state);
            }
        }
    }
}
