//! What the engine knows of a call beyond the switch.

use super::{
    Direction, MenuStep, QueueRecord, menus::Course, outgoing::Attempts, queue_calls::Step, transfers::Transfer,
};
use crate::{
    acd::{NeededSkill, PartEnd},
    base::{EngagementId, Instant, InteractionId, LegId, Number, QueueId, TrunkId, UserId, Wall},
    switch::{EndedBy, Moved},
};

/// What the engine knows of a call beyond the switch.
pub(super) struct Note {
    pub direction: Direction,
    pub trunk: Option<TrunkId>,
    /// The interaction that waits, rings or talks.
    pub interaction: Option<InteractionId>,
    pub engagement: Option<EngagementId>,
    /// Customer and agent have been bridged.
    pub connected: bool,
    /// One side is being passed on to somebody else.
    pub transfer: Option<Transfer>,
    /// A REFER has been taken in it.
    pub referred: bool,
    /// The leg of the supervisor who took it over.
    pub taken_over: Option<LegId>,
    /// Trunks of a group that may still be tried.
    pub attempts: Option<Attempts>,
    /// The number that the route out shows in place of the caller's.
    pub caller_id: Option<Number>,
    /// The caller hides his number otherwise, but not for this call.
    pub shows_number: bool,
    /// A call for help (SW-20).
    pub urgent: bool,
    /// When it was led somewhere last, and how often at that very moment.
    pub led: (Instant, u8),
    /// How often it was forwarded, and who did so last.
    pub forwards: u8,
    /// Where else the last of them leads, should the call not be put through there.
    pub elsewhere: Option<Moved>,
    pub forwarded_by: Option<UserId>,
    pub queue: Option<QueueRecord>,
    /// Its place in the queue that it is welcomed to: priority, and when it came.
    pub approached: Option<(i32, Wall)>,
    /// The step of an overflow chain that it tries.
    pub step: Option<Step>,
    /// The menu that led it where it rings, as far as that one says how it goes on.
    pub behind: Option<Box<Course>>,
    /// The journal says that it runs.
    pub journalled: bool,
    /// Somebody asked at a page for its end.
    pub ended_by: Option<EndedBy>,
    /// And it was an agent at his own.
    pub agent_asked: bool,
    /// How the part of the agent ends who leaves it now to others.
    pub part_end: Option<PartEnd>,
    /// What menus want of queues for it, and which way it went through them.
    pub priority: Option<i32>,
    pub skills: Vec<NeededSkill>,
    /// Whose customer he is, as menus have found out: his agent's key, and for how many seconds he is asked first.
    pub owner: Option<(String, u32)>,
    pub menus: Vec<MenuStep>,
}

impl Note {
    pub fn new(direction: Direction) -> Self {
        Self {
            direction,
            trunk: None,
            interaction: None,
            engagement: None,
            connected: false,
            transfer: None,
            referred: false,
            taken_over: None,
            attempts: None,
            caller_id: None,
            shows_number: false,
            urgent: false,
            led: (Instant::ZERO, 0),
            forwards: 0,
            elsewhere: None,
            forwarded_by: None,
            queue: None,
            approached: None,
            step: None,
            behind: None,
            journalled: false,
            ended_by: None,
            agent_asked: false,
            part_end: None,
            priority: None,
            skills: Vec::new(),
            owner: None,
            menus: Vec::new(),
        }
    }

    /// It has come to somebody, or to another queue.
    pub fn came_through(&mut self) {
        self.behind = None;
        if let Some(step) = &mut self.step {
            step.done = true;
        }
    }

    /// The queue whose chain a call follows.
    pub fn behind_queue(&self) -> Option<QueueId> {
        self.step.as_ref().map(|step| step.queue)
    }
}
