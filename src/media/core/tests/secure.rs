//! Phones with SRTP.

use super::{
    super::*,
    world::{World, form, music},
};
use crate::{
    base::Private,
    media::{Codec, KEY_BYTES, Security, Suite, srtp::Secure},
};

fn security(suite: Suite, ours: u8, theirs: u8) -> Security {
    let key = |octet| Private::new([octet; KEY_BYTES]);
    Security { suite, ours: key(ours), theirs: key(theirs) }
}

/// A phone's leg is protected from now on; keys 1 are the switch's, 2 the phone's.
pub fn protect(world: &mut World, place: usize, suite: Suite) {
    let form = form(world.phones[place].codec);
    world.update(place, Form { security: Some(security(suite, 1, 2)), ..form });
    world.phones[place].guard = Some(Secure::new(security(suite, 2, 1)));
}

/// Phone 0 is secure.
fn secure_call(suite: Suite, codecs: [Codec; 2]) -> World {
    let mut world = World::call(codecs);
    protect(&mut world, 0, suite);
    world
}

/// SW-09: a secure phone and a plain one hear each other, relayed or transcoded, with music between; reports are protected
/// too.
#[test]
fn sw_09_a_secure_phone_talks_with_a_plain_one() {
    for (suite, codecs) in [(Suite::Long, [Codec::Pcmu, Codec::Pcma]), (Suite::Short, [Codec::Pcma, Codec::G722])] {
        let mut world = secure_call(suite, codecs);
        world.tell(Command::LoadClip { clip: ClipId(1), sound: music(1_000.0, 400) });
        world.run(2_500);
        assert!(world.phones[0].hears_db(700.0) > 25.0 && world.phones[1].hears_db(400.0) > 25.0, "{suite:?}");
        world.play(0, 1, Source::Clip(ClipId(1)), true);
        world.run(2_000);
        assert!(world.phones[0].hears_db(1_000.0) > 25.0, "{suite:?}");
        world.run(8_000);
        assert!(world.reports.iter().any(|(place, _)| *place == 0), "{suite:?}: a report, opened by its keys");
        world.phones[0].assert_continuous();
    }
}

/// SW-09: what is not protected, or by other keys, is not heard, and no packet leaves in the clear.
#[test]
fn sw_09_nothing_in_the_clear() {
    for keys in [None, Some(9)] {
        let mut world = secure_call(Suite::Long, [Codec::Pcmu, Codec::Pcmu]);
        world.phones[0].guard = keys.map(|key| Secure::new(security(Suite::Long, key, key)));
        world.phones[1].speaks = false;
        world.run(1_000);
        assert_eq!(world.phones[1].heard.len(), 0, "{keys:?}");
        // A clear re-offer that slipped through would not open the leg either.
        world.phones[0].guard = Some(Secure::new(security(Suite::Long, 2, 1)));
        world.update(0, form(Codec::Pcmu));
        world.phones[1].speaks = true;
        world.run(500);
        assert!(world.phones[1].heard.len() > 20 && world.phones[0].heard.len() > 20);
        assert!(world.close(0).malformed >= 49);
    }
}
