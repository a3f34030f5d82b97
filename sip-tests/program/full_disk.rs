//! The disk of the data folder takes nothing more, and then it does again. The kernel refuses the writes by the process's own
//! limit, which costs no disk.

use super::{
    phone::Phone,
    running::{Program, pause},
};

/// OP-01, THREATS (disk full): whoever may not be told that he is registered hears 503 and when to try again; calls are
/// placed and end; and when there is room again all is kept as if nothing had been.
#[test]
fn a_full_disk_is_told_and_calls_go_on() {
    let mut program = Program::demo("full").start();
    let mut agent = Phone::new(program.sip);
    assert_eq!(agent.register("rui", program.password("rui")), 200);
    program.writes_nothing(true);
    assert_eq!(agent.register("rui", program.password("rui")), 503, "it can't be kept");
    assert_eq!(agent.options(), 200);
    let mut carrier = Phone::at(program.sip, program.trunk);
    carrier.talks_to(&mut agent, "202");
    carrier.bye();
    assert_eq!(carrier.next_status_over_100(), 200, "the end of a call is told whatever the disk says");
    agent.expect_request("BYE");
    agent.answer_last(200);

    program.writes_nothing(false);
    let is_kept = (0..1_000).any(|_| {
        pause();
        agent.register("rui", program.password("rui")) == 200
    });
    assert!(is_kept, "there is room again");
    program.kill();
    let program = program.start_again();
    carrier.forgets_what_came();
    carrier.invite("202");
    agent.expect_request("INVITE");
    program.stop();
}
