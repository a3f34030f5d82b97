//! The live page: a snapshot, then numbered patches, over one WebSocket.
//!
//! One task, the hub, hears the engine's live events. At a bounded rate, and only while somebody looks, it takes a
//! snapshot of the engine, turns it into what pages show and compares it with what they have; the difference is the
//! next patch. So a page can never drift from the truth, whatever an event said or left out, and a thousand pages cost
//! the engine no more than one.

mod alert;
mod calls;
mod frame;
mod hub;
mod notice;
mod phone;
mod sight;
mod socket;
mod view;

pub use alert::AlertView;
pub use calls::CallView;
use frame::Frame;
pub use hub::Hub;
pub use notice::NoticeView;
pub use sight::Sight;
pub use socket::{Presence, open};
pub use view::{Me, View};

use view::{AgentView, QueueView, QueueWithCallers};

/// An agent as this kind of reader may see him.
pub fn agent_json(agent: &AgentView, sight: &Sight) -> serde_json::Value {
    let json = if sight.agent(agent) { serde_json::to_value(Me::from(agent)) } else { serde_json::to_value(agent) };
    json.unwrap_or_default()
}

/// A queue as this kind of reader may see it.
pub fn queue_json(queue: &QueueView, sight: &Sight) -> serde_json::Value {
    let json = if sight.queue(queue) {
        serde_json::to_value(QueueWithCallers::from(queue))
    } else {
        serde_json::to_value(queue)
    };
    json.unwrap_or_default()
}
