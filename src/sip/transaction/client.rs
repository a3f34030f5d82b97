//! Client transactions: the tables of RFC 3261 figures 5 and 6, with RFC 6026.

use super::Kind;

/// What a client transaction waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::sip) enum ClientState {
    /// Nothing has come back ("Trying" for non-INVITE).
    Calling,
    /// A provisional answer came.
    Proceeding,
    /// A 2xx came to our INVITE; more may, from other branches of a fork (timer M).
    Accepted,
    /// A final answer came; what is still in the network is absorbed (timers D and K).
    Completed,
    Over,
}

/// What happens to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::sip) enum ClientFact {
    Provisional,
    Success,
    /// 300-699.
    Failure,
    /// Timers A and E.
    Resend,
    /// Timers B, D, F, K, M, and the wait after CANCEL (9.1), by state.
    Deadline,
    /// The network said that nobody is there.
    Unreachable,
    /// The connection it was sent on ended.
    FlowClosed,
}

/// What it does then, besides changing its state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::sip) enum ClientEffect {
    /// Hand the response up.
    Tell,
    /// Hand up that nothing came in time.
    TellSilence,
    /// Hand up that it could not be delivered.
    TellUnreachable,
    SendRequest,
    /// ACK for 300-699 (17.1.1.3).
    SendAck,
    /// No more resending.
    Quiet,
    /// No more waiting for an end (an INVITE may ring for ever).
    Patient,
    /// Stay for stragglers, then go: D, K or M.
    Linger,
}

use ClientEffect::{Linger, Patient, Quiet, SendAck, SendRequest, Tell, TellSilence, TellUnreachable};
use ClientFact as F;
use ClientState as S;

pub(in crate::sip) fn step(kind: Kind, state: S, fact: F) -> (S, &'static [ClientEffect]) {
    match kind {
        Kind::Invite => invite(state, fact),
        Kind::Other => other(state, fact),
    }
}

fn invite(state: S, fact: F) -> (S, &'static [ClientEffect]) {
    match (state, fact) {
        (S::Calling, F::Provisional) => (S::Proceeding, &[Quiet, Patient, Tell]),
        (S::Calling | S::Proceeding, F::Success) => (S::Accepted, &[Quiet, Linger, Tell]),
        (S::Calling | S::Proceeding, F::Failure) => (S::Completed, &[Quiet, SendAck, Linger, Tell]),
        (S::Calling, F::Resend) => (S::Calling, &[SendRequest]),
        (S::Calling | S::Proceeding, F::Deadline) => (S::Over, &[TellSilence]),
        (S::Calling, F::Unreachable | F::FlowClosed) => (S::Over, &[TellUnreachable]),
        (S::Proceeding, F::Provisional) => (S::Proceeding, &[Tell]),
        (S::Proceeding, F::FlowClosed) => (S::Over, &[TellUnreachable]),
        (S::Proceeding, F::Resend | F::Unreachable) => (S::Proceeding, &[]),
        (S::Accepted, F::Success) => (S::Accepted, &[Tell]),
        (S::Accepted, F::Deadline) => (S::Over, &[]),
        (S::Accepted, F::Provisional | F::Failure | F::Resend | F::Unreachable | F::FlowClosed) => (S::Accepted, &[]),
        (S::Completed, F::Failure) => (S::Completed, &[SendAck]),
        (S::Completed, F::Deadline) => (S::Over, &[]),
        (S::Completed, F::Provisional | F::Success | F::Resend | F::Unreachable | F::FlowClosed) => (S::Completed, &[]),
        (
            S::Over,
            F::Provisional | F::Success | F::Failure | F::Resend | F::Deadline | F::Unreachable | F::FlowClosed,
        ) => (S::Over, &[]),
    }
}

fn other(state: S, fact: F) -> (S, &'static [ClientEffect]) {
    match (state, fact) {
        (S::Calling | S::Proceeding, F::Provisional) => (S::Proceeding, &[Tell]),
        (S::Calling | S::Proceeding, F::Success | F::Failure) => (S::Completed, &[Quiet, Linger, Tell]),
        (S::Calling | S::Proceeding, F::Resend) => (state, &[SendRequest]),
        (S::Calling | S::Proceeding, F::Deadline) => (S::Over, &[TellSilence]),
        (S::Calling | S::Proceeding, F::Unreachable | F::FlowClosed) => (S::Over, &[TellUnreachable]),
        (S::Completed, F::Deadline) => (S::Over, &[]),
        (S::Completed, F::Provisional | F::Success | F::Failure | F::Resend | F::Unreachable | F::FlowClosed) => {
            (S::Completed, &[])
        }
        (
            S::Accepted | S::Over,
            F::Provisional | F::Success | F::Failure | F::Resend | F::Deadline | F::Unreachable | F::FlowClosed,
        ) => (S::Over, &[]),
    }
}
