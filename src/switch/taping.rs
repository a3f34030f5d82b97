//! Recording, as far as the switch has a part in it: which leg's stream is taped.

use super::{Fact, Switch};
use crate::{
    base::{LegId, StreamId},
    media::{Command, tape::Taping},
};

impl Switch {
    /// Begins, rests or ends the recording of what a leg says and hears. It ends with the leg.
    pub fn record(&mut self, leg: LegId, taping: Taping) {
        let Some(media) = self.legs.get(&leg).map(|leg| &leg.media) else { return };
        let (worker, stream) = (media.port.worker, media.stream);
        self.command(worker, Command::Record { stream, taping });
    }

    /// Whether what a leg says and hears can be made sound of.
    pub fn can_record(&self, leg: LegId) -> bool {
        let agreed = self.legs.get(&leg).and_then(|leg| leg.media.agreed.as_ref());
        agreed.is_some_and(|agreed| agreed.codec.is_ours())
    }

    pub(super) fn on_untaped(&mut self, stream: StreamId) {
        if let Some(leg) = self.streams.get(&stream).copied() {
            self.fact(Fact::Untaped { leg });
        }
    }
}
