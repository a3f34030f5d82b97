//! Pure media: G.711, tones, clips, players, the relay, telephone events, the source rule, RTCP; and what the engine says
//! to the media plane ([`Command`]) and hears from it ([`Event`]).
//!
//! Enters: commands, packets as bytes, time as [`base::Instant`](crate::base::Instant). Never: sockets, clocks, threads.
//! Uses base and wire.

mod beside;
pub mod built_in;
pub mod codec;
mod command;
mod core;
mod cut;
mod digits;
mod ear;
mod egress;
pub mod g711;
pub mod ice;
mod ingress;
pub mod link;
mod listener;
mod matrix;
pub mod ogg;
mod pace;
mod past;
mod player;
mod ports;
mod quality;
mod reports;
mod sound;
mod source;
pub mod spoken;
mod srtp;
mod standing;
pub mod tape;
mod tones;
pub mod upload;
mod voice;
pub mod wav;
mod wheel;

pub use codec::Wishes;
pub use command::{
    Codec, Command, End, Event, Foreign, Form, PayloadTypes, Play, Port, Remote, SEQUENCE_CLIPS_MAX, Source, Stats,
    Tone,
};
pub use core::{CLIPS_MAX, Core, Outgoing, Stream, Verdict};
pub use digits::{DIGITS_WAITING_MAX, code_of, digit_of};
pub use ear::{Answer, AnswerSettings, Because};
pub use listener::{LISTENER_SAMPLES_MAX, Listener, longest_quiet_ms, loudness, tone_peak, tone_snr_db};
pub use matrix::{Gain, MIX_LEGS_MAX, Matrix, Seat};
pub use player::Player;
pub use ports::{PORT_REST, PORT_REST_PRESSED, PortPool, port_pairs, port_pairs_min};
pub use sound::{SAMPLE_RATE, SOUND_SAMPLES_MAX, Sound};
pub use source::{RELEARN, SourceRule, Speaker};
pub use srtp::{KEY_BYTES, Secure, Security, Suite, TAIL_MAX as PROTECTION_BYTES_MAX};
pub use standing::{STANDING_PACKETS, Standing};
pub use tones::{Country, Tones, dtmf, tone};

/// The longest digit that we send or believe, in milliseconds.
pub const DTMF_MILLIS_MAX: u32 = 10_000;
