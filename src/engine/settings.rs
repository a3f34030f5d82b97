//! What the engine is given: at birth, and whenever the domain settings change.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Menu, RecordingSettings, Responder, WatchSettings};
use crate::{
    acd,
    base::{ClipId, Number, QueueId, UserId},
    media::spoken::Language,
    sip::{TimerSettings, registrar::RegistrarSettings},
    switch::{DialPlan, Group, HeaderRules, Listener, Route, Times, Trunk, TrunkGroup, User},
};

/// What does not change while the process runs. The domain settings come as [`Centre`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EngineSettings {
    /// Digest realm and the domain of our addresses-of-record. Changing it invalidates every `ha1`.
    pub realm: String,
    /// Further host names and addresses that mean this switch in a Request-URI.
    pub domains: Vec<String>,
    pub listeners: Vec<Listener>,
    /// Who is called over TLS or secure WebSocket is offered secure sound, and nothing else.
    pub secures_tls: bool,
    pub user_agent: String,
    /// Answers to datagrams go to the port that they came from even where no `rport` asks for that (RFC 3581).
    #[serde(default)]
    pub force_rport: bool,
    pub limits: Limits,
    pub times: Times,
    /// Of SIP transactions.
    pub timers: TimerSettings,
    pub devices: Devices,
}

#[cfg(test)]
impl EngineSettings {
    /// For the realm `test`, hearing nowhere, all else as it is by default.
    pub fn plain() -> Self {
        Self {
            realm: "test".into(),
            domains: Vec::new(),
            listeners: Vec::new(),
            secures_tls: false,
            user_agent: "strowger".into(),
            force_rport: false,
            limits: Limits::default(),
            times: Times::default(),
            timers: TimerSettings::default(),
            devices: Devices::default(),
        }
    }
}

/// How devices register, and whether they are asked for signs of life.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Devices {
    pub registration: RegistrarSettings,
    /// How often every device is asked whether it is there; zero: never.
    pub keep_alive: Duration,
    /// They are asked to cover the bodies of their requests in what proves them.
    #[serde(default)]
    pub sign_bodies: bool,
}

/// Bounds; what is beyond them is refused with 503 and counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    pub calls_max: usize,
    pub bindings_max: usize,
    /// Wrong credentials in a row before a source is not heard as that user; five times as many for different users, and
    /// it is not heard at all.
    pub guesses_max: u32,
    /// How long that lasts; zero: no bans. Also how long a guess is remembered.
    pub ban_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        // A call costs about 10 KB of signalling state, a binding about 1 KB: 200 MB and 100 MB.
        Self { calls_max: 20_000, bindings_max: 100_000, guesses_max: 10, ban_time: Duration::from_secs(300) }
    }
}

/// The domain settings of one centre, whole and validated. They replace the earlier ones at once: what is gone ends
/// gently, what is new appears, no call notices.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Centre {
    pub users: Vec<User>,
    pub groups: Vec<Group>,
    pub trunks: Vec<Trunk>,
    #[serde(default)]
    pub trunk_groups: Vec<TrunkGroup>,
    pub routes: Vec<Route>,
    #[serde(default)]
    pub dial_plan: DialPlan,
    #[serde(default)]
    pub blind_failed: BlindFailed,
    #[serde(default)]
    pub agent_lost: AgentLost,
    #[serde(default)]
    pub to_queue: ToQueue,
    /// Which headers pass from leg to leg.
    #[serde(default)]
    pub headers: HeaderRules,
    pub clips: Vec<Clip>,
    /// What a waiting or held caller hears when his queue names nothing else. `None`: a comfort tone.
    pub hold_music: Option<ClipId>,
    /// Agents, queues, memberships, reasons, policies. An agent's devices are the bindings of the user it names.
    pub acd: acd::Settings,
    /// What each queue does beyond distribution; a queue without an entry plays the hold music.
    pub queues: Vec<QueueVoice>,
    /// Who may watch whom, and what they see.
    #[serde(default)]
    pub watching: WatchSettings,
    #[serde(default)]
    pub recording: RecordingSettings,
    /// Programs elsewhere that may be asked.
    #[serde(default)]
    pub services: Vec<Responder>,
    #[serde(default)]
    pub menus: Vec<Menu>,
    /// Supervisors of these queues alone (SV-09); one who is not here supervises all.
    #[serde(default)]
    pub supervised: BTreeMap<UserId, BTreeSet<QueueId>>,
}

/// What becomes of somebody who was passed on without asking, when nobody took him (CH-08).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlindFailed {
    /// He waits again in the queue that he came from, with the place that he had; from no queue, he is given back.
    #[default]
    ToQueueHead,
    /// He talks again to who passed him on; when that one is gone, he waits in the queue that he came from.
    ReturnToAgent,
    HangUp,
}

/// The place of somebody whom an agent passes on to a queue (CH-09).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ToQueue {
    /// Added to his priority.
    pub boost: i32,
    /// He stands by his arrival in the queue that he came from, not by the moment at which he is passed on.
    pub keep_place: bool,
}

/// What becomes of a customer from a queue when the telephone of his agent, page or phone, is gone in mid-call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentLost {
    /// He waits again in the queue that he came from, with the place that he had.
    #[default]
    ToQueueHead,
    HangUp,
}

/// A piece of sound; its samples go to the media workers, never through the engine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Clip {
    pub id: ClipId,
    pub name: String,
}

/// What a queue does beyond distribution.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QueueVoice {
    pub queue: QueueId,
    pub waiting: WaitingSound,
    /// The number that the outside sees when a call leaves from this queue.
    #[serde(default)]
    pub caller_id: Option<Number>,
    #[serde(default)]
    pub spoken: Spoken,
}

/// `[queue.voice]`: what a queue says, and in which language (QE-05). A clip is a key of the centre's, or
/// `built-in:welcome`, which is said in the caller's language.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spoken {
    pub language: Language,
    /// Callers whose number begins so are spoken to in another.
    pub languages: BTreeMap<String, Language>,
    /// Whoever waits hears all this before he is answered, so that waiting is free (QE-16).
    pub early_media: bool,
    /// Heard before the queue takes the call.
    pub welcome: Option<String>,
    /// What the caller hears when an agent has answered, before they are connected.
    pub connecting: Option<String>,
    /// What the agent hears then: whose call it is.
    pub whisper: Option<String>,
    /// And how long the caller has waited.
    pub whisper_wait: bool,
    /// A menu that whoever waits hears over the music, without losing his place (QE-18).
    pub menu: Option<String>,
    /// First after so many seconds, and again so many after he chose to wait on; zero: once.
    pub menu_first_secs: u32,
    pub menu_every_secs: u32,
}

impl Default for Spoken {
    fn default() -> Self {
        Self {
            language: Language::default(),
            languages: BTreeMap::new(),
            early_media: false,
            welcome: None,
            connecting: None,
            whisper: None,
            whisper_wait: false,
            menu: None,
            menu_first_secs: 30,
            menu_every_secs: 60,
        }
    }
}

impl Spoken {
    /// The longest beginning of the caller's number counts.
    pub fn language_for(&self, number: &str) -> Language {
        language_of(&self.languages, self.language, number)
    }
}

pub(super) fn language_of(languages: &BTreeMap<String, Language>, usual: Language, number: &str) -> Language {
    let known = languages.iter().filter(|(prefix, _)| number.starts_with(prefix.as_str()));
    known.max_by_key(|(prefix, _)| prefix.len()).map_or(usual, |(_, language)| *language)
}

/// What a waiting caller hears (QE-04).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitingSound {
    /// The centre's hold music.
    #[default]
    HoldMusic,
    Clip(ClipId),
    /// Ringback tone from the first moment on.
    Ringback,
    /// Hold music, and ringback tone while an agent rings.
    RingbackWhenOffered,
    Silence,
}
