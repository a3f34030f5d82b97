//! Server transactions: the tables of RFC 3261 figures 7 and 8, with RFC 6026 and RFC 4320.

use super::Kind;

/// What a server transaction waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::sip) enum ServerState {
    /// For our answer; none has been sent ("Trying").
    Asked,
    /// For our final answer; a provisional one has been sent.
    Proceeding,
    /// For the ACK to our 2xx, which is repeated meanwhile (13.3.1.4).
    Accepted,
    /// The ACK came; repeated INVITEs are absorbed (timer L).
    Acked,
    /// INVITE: for the ACK to our 300-699, repeated over UDP (timers G, H). Others: for the end of repetitions (J).
    Completed,
    /// The ACK came; repeated ones are absorbed (timer I).
    Confirmed,
    Over,
}

/// What happens to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::sip) enum ServerFact {
    /// The same request again.
    Request,
    Ack,
    Provisional,
    Success,
    Failure,
    /// Timer G, the repetition of a 2xx, or the 200 ms after which 100 is due, by state.
    Resend,
    /// Timers H, I, J, L, and the wait for us, by state.
    Deadline,
}

/// What it does then, besides changing its state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::sip) enum ServerEffect {
    /// Send the last response (again).
    Send,
    /// Send 100: they ask again, or have waited 200 ms, and have heard nothing (17.2.1).
    SendTrying,
    /// Repeat the response until told otherwise; timer G stays quiet on reliable transports.
    Repeat,
    /// Repeat the 2xx on any transport: the hops behind the next may be unreliable.
    RepeatAlways,
    /// The next repetition in twice the time, at most T2.
    Slower,
    /// No more repetition.
    Quiet,
    /// 64*T1 from now: H, L, J.
    Linger,
    /// T4 from now: I.
    LingerShort,
    /// Hand up that no ACK came to our 2xx.
    TellNoAck,
}

use ServerEffect::{Linger, LingerShort, Quiet, Repeat, RepeatAlways, Send, SendTrying, Slower, TellNoAck};
use ServerFact as F;
use ServerState as S;

pub(in crate::sip) fn step(kind: Kind, state: S, fact: F) -> (S, &'static [ServerEffect]) {
    match kind {
        Kind::Invite => invite(state, fact),
        Kind::Other => other(state, fact),
    }
}

fn invite(state: S, fact: F) -> (S, &'static [ServerEffect]) {
    match (state, fact) {
        (S::Asked, F::Request | F::Resend) => (S::Proceeding, &[Quiet, SendTrying]),
        (S::Asked | S::Proceeding, F::Provisional) => (S::Proceeding, &[Quiet, Send]),
        (S::Asked | S::Proceeding, F::Success) => (S::Accepted, &[Send, RepeatAlways, Linger]),
        (S::Asked | S::Proceeding, F::Failure) => (S::Completed, &[Send, Repeat, Linger]),
        (S::Asked | S::Proceeding, F::Ack | F::Deadline) | (S::Proceeding, F::Resend) => (state, &[]),
        (S::Proceeding, F::Request) => (S::Proceeding, &[Send]),
        (S::Accepted, F::Ack) => (S::Acked, &[Quiet, Linger]),
        (S::Accepted, F::Resend) => (S::Accepted, &[Send, Slower]),
        (S::Accepted, F::Deadline) => (S::Over, &[TellNoAck]),
        (S::Accepted, F::Request | F::Provisional | F::Success | F::Failure) => (S::Accepted, &[]),
        (S::Acked, F::Deadline) => (S::Over, &[]),
        (S::Acked, F::Request | F::Ack | F::Provisional | F::Success | F::Failure | F::Resend) => (S::Acked, &[]),
        (S::Completed, F::Request) => (S::Completed, &[Send]),
        (S::Completed, F::Resend) => (S::Completed, &[Send, Slower]),
        (S::Completed, F::Ack) => (S::Confirmed, &[Quiet, LingerShort]),
        (S::Completed, F::Deadline) => (S::Over, &[]),
        (S::Completed, F::Provisional | F::Success | F::Failure) => (S::Completed, &[]),
        (S::Confirmed, F::Deadline) => (S::Over, &[]),
        (S::Confirmed, F::Request | F::Ack | F::Provisional | F::Success | F::Failure | F::Resend) => {
            (S::Confirmed, &[])
        }
        (S::Over, F::Request | F::Ack | F::Provisional | F::Success | F::Failure | F::Resend | F::Deadline) => {
            (S::Over, &[])
        }
    }
}

fn other(state: S, fact: F) -> (S, &'static [ServerEffect]) {
    match (state, fact) {
        (S::Asked | S::Proceeding, F::Provisional) => (S::Proceeding, &[Send]),
        (S::Asked | S::Proceeding, F::Success | F::Failure) => (S::Completed, &[Send, Linger]),
        // Nobody answered in time: the client has given up too, and 408 would only add to the storm (RFC 4320 4.2).
        (S::Asked | S::Proceeding, F::Deadline) => (S::Over, &[]),
        (S::Asked, F::Request) | (S::Asked | S::Proceeding, F::Ack | F::Resend) => (state, &[]),
        (S::Proceeding | S::Completed, F::Request) => (state, &[Send]),
        (S::Completed, F::Deadline) => (S::Over, &[]),
        (S::Completed, F::Ack | F::Provisional | F::Success | F::Failure | F::Resend) => (S::Completed, &[]),
        (
            S::Accepted | S::Acked | S::Confirmed | S::Over,
            F::Request | F::Ack | F::Provisional | F::Success | F::Failure | F::Resend | F::Deadline,
        ) => (S::Over, &[]),
    }
}
