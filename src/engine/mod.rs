//! Composes sip, switch and acd: one owner, driven from outside by inputs, drained by outputs.

mod asking;
mod calls;
mod certified;
mod clips;
mod consults;
mod contests;
mod decisions;
mod deserted;
mod devices;
mod dial_plan;
mod directory;
mod drive;
mod facts;
pub mod flight;
mod forwarded;
mod forwarding;
mod forwards;
mod holders;
mod holds;
mod homes;
mod identity;
mod invariants;
mod io;
mod journal;
mod keep;
mod keep_alive;
mod last_used;
mod live;
mod menus;
mod messages;
mod note;
mod offers;
mod options;
mod order;
mod outgoing;
mod pages;
mod pickup;
mod queue_calls;
mod record;
mod recordings;
mod register;
mod requests;
mod restore;
mod servers;
mod settings;
mod sip_in;
mod snapshot;
mod thirds;
mod told;
mod transfers;
mod trunks;
mod views;
mod wall;
mod watch;
mod watching;
mod ways;

use register::{ALLOW, SUPPORTED};

pub use asking::{ASKS_MAX, Patience, QUESTION_MAX, Question, Responder, Said, ServiceEvent, ServiceTurn, Unsaid};
pub use clips::ClipPlay;
pub use consults::ConsultStep;
pub use drive::Engine;
pub use forwarded::{FORWARDED_MAX, KeptForward};
pub use io::{Alarm, Answer, Emitted, GateOrder, Input, Output, Request, RequestId, TraceFilter};
pub use journal::{Entry, EntryId, JOURNAL_VERSION, KeptBinding};
pub use keep::{LegStanding, RunningCall};
pub use last_used::UsedDevice;
pub use live::{Event, Happened, OfferView};
pub use menus::{
    COURSE_MAX, Collect, KeptMenu, LINES_MAX, Line, MENUS_MAX, Menu, MenuEnd, MenuStep, STEPS_MAX, TYPED_MAX, Way,
    menus_round, reached,
};
pub use pages::{PAGE_LEGS_MAX, PAGE_SDP_MAX, PAGES_MAX, PAGES_PER_USER_MAX, PageLeg, PageSays, PageTold};
pub use queue_calls::outcome_name;
pub use record::{CallRecord, Direction, QueueRecord, Record, STORY_MAX, StoryEvent, StoryStep};
pub use recordings::{
    HoldKind, Pause, PauseKind, RECORDING_RULES_MAX, RecordingRule, RecordingSettings, RecordingView, Reported,
    SegmentFile, SegmentRecord, SegmentReport,
};
pub use settings::{
    AgentLost, BlindFailed, Centre, Clip, Devices, EngineSettings, Limits, QueueVoice, Spoken, ToQueue, WaitingSound,
};
pub use snapshot::{CallStage, CallView, Counts, DeviceKind, DeviceView, LegView, MenuView, Snapshot};
pub use thirds::Supervision;
pub use trunks::TrunkView;
pub use watching::{
    DndShown, KeptPublication, KeptWatch, Medium, Shown, WATCHED_BY_ONE_MAX, WatchSettings, WatchView, Watchers,
    shown_while,
};

pub use crate::{
    acd::{Actor, Refused},
    media::{
        AnswerSettings, Gain,
        tape::{Format as RecordingFormat, Span},
        upload::UPLOAD_BYTES_MAX,
    },
    switch::{Listener, Times},
};

#[cfg(test)]
mod tests;
