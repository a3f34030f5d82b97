use super::*;

fn hex<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text.replace(' ', "")).expect("hex").try_into().expect("its length")
}

fn security(suite: Suite, ours: u8, theirs: u8) -> Security {
    let key = |octet| Private::new([octet; KEY_BYTES]);
    Security { suite, ours: key(ours), theirs: key(theirs), mki: 0 }
}

fn pair(suite: Suite) -> (Secure, Secure) {
    (Secure::new(security(suite, 1, 2)), Secure::new(security(suite, 2, 1)))
}

fn packet(sequence: u16, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0; 12];
    Header::new(0, sequence, 160 * u32::from(sequence), ssrc, 0).write(&mut packet);
    packet.extend(b"a word that nobody else shall hear");
    packet
}

fn protected(secure: &mut Secure, plain: &[u8]) -> Vec<u8> {
    let mut packet = plain.to_vec();
    packet.resize(plain.len() + TAIL_MAX, 0);
    let len = secure.protect(&mut packet, plain.len()).expect("room");
    packet.truncate(len);
    packet
}

fn heard(secure: &mut Secure, packet: &[u8]) -> Option<Vec<u8>> {
    let mut packet = packet.to_vec();
    let len = secure.unprotect(&mut packet)?;
    packet.truncate(len);
    Some(packet)
}

/// SW-09: what one protects the other hears, and nothing of it is in the clear; each suite.
#[test]
fn sw_09_there_and_back() {
    for (suite, tag) in [(Suite::Long, 10), (Suite::Short, 4), (Suite::Sealed, 16)] {
        let (mut ana, mut rui) = pair(suite);
        for sequence in [65_534, 65_535, 0, 1, 3, 2] {
            let plain = packet(sequence, 7);
            let wire = protected(&mut ana, &plain);
            assert_eq!((wire.len(), &wire[..12]), (plain.len() + tag, &plain[..12]));
            assert!(!wire.windows(6).any(|six| six == b"nobody"));
            assert_eq!(heard(&mut rui, &wire).as_deref(), Some(plain.as_slice()), "{suite:?} {sequence}");
        }
        let rolled = rui.heard[0].rtp.expect("heard").highest >> 16;
        assert_eq!(rolled, 1, "the rollover is counted");
    }
}

/// SW-09: replays, forgeries, other keys and torn packets are nothing, and the next good packet is heard.
#[test]
fn sw_09_only_the_authentic_once() {
    for suite in [Suite::Long, Suite::Sealed] {
        only_the_authentic_once(suite);
    }
}

fn only_the_authentic_once(suite: Suite) {
    let (mut ana, mut rui) = pair(suite);
    let wires: Vec<Vec<u8>> = (1..=300).map(|sequence| protected(&mut ana, &packet(sequence, 7))).collect();
    assert!(heard(&mut rui, &wires[10]).is_some());
    assert!(heard(&mut rui, &wires[10]).is_none(), "the same again");
    assert!(heard(&mut rui, &wires[5]).is_some() && heard(&mut rui, &wires[5]).is_none(), "late, but once");
    assert!(heard(&mut rui, &wires[299]).is_some());
    assert!(heard(&mut rui, &wires[20]).is_none(), "older than can be told");
    for at in 0..wires[200].len() {
        let mut torn = wires[200].clone();
        torn[at] ^= 0x40;
        assert!(heard(&mut rui, &torn).is_none(), "octet {at}");
        assert!(heard(&mut rui, &wires[200][..at]).is_none());
    }
    let mut stranger = Secure::new(security(suite, 9, 9));
    assert!(heard(&mut rui, &protected(&mut stranger, &packet(301, 7))).is_none());
    assert_eq!(rui.heard.len(), 1, "a forged SSRC leaves nothing behind");
    assert!(heard(&mut rui, &wires[200]).is_some());
    for ssrc in 10..30 {
        assert!(heard(&mut rui, &protected(&mut Secure::new(security(suite, 1, 2)), &packet(1, ssrc))).is_some());
        assert!(rui.heard.len() <= SSRCS_MAX);
    }
}

/// SW-09: RTCP too.
#[test]
fn sw_09_reports_are_protected() {
    for (suite, tail) in [(Suite::Short, 14), (Suite::Sealed, 20)] {
        reports_are_protected(suite, tail);
    }
}

fn reports_are_protected(suite: Suite, tail: usize) {
    let (mut ana, mut rui) = pair(suite);
    let plain = hex::<8>("80C90001 00000007");
    let mut first = Vec::new();
    for round in 0..3 {
        let mut packet = [plain.as_slice(), b"some more of it", &[0; TAIL_MAX]].concat();
        let len = ana.protect_rtcp(&mut packet, 23).expect("room");
        assert_eq!(len, 23 + tail);
        let wire = packet[..len].to_vec();
        let got = rui.unprotect_rtcp(&mut packet[..len]).expect("authentic");
        assert_eq!(&packet[8..got], b"some more of it", "{round}");
        if round == 0 {
            first = wire;
        }
    }
    assert!(rui.unprotect_rtcp(&mut first).is_none(), "the same again");
    for len in 0..40 {
        assert!(rui.unprotect_rtcp(&mut vec![0x80; len]).is_none());
    }
}

/// SW-09: a key identifier stands in front of the tag, or behind AES-GCM's seal; it is passed over, and only as long as was
/// agreed.
#[test]
fn sw_09_a_key_identifier_is_passed_over() {
    for (suite, tag, tag_rtcp) in [(Suite::Long, 10, 10), (Suite::Short, 4, 10), (Suite::Sealed, 0, 0)] {
        let (mut ana, _) = pair(suite);
        let mut rui = Secure::new(Security { mki: 3, ..security(suite, 2, 1) });
        let identified = |wire: &[u8], behind: usize| {
            let (head, tail) = wire.split_at(wire.len() - behind);
            [head, &[0, 0, 1], tail].concat()
        };
        let (plain, without) = (packet(1, 7), protected(&mut ana, &packet(2, 7)));
        let wire = identified(&protected(&mut ana, &plain), tag);
        assert_eq!(heard(&mut rui, &wire).as_deref(), Some(plain.as_slice()), "{suite:?}");
        assert!(heard(&mut rui, &without).is_none(), "{suite:?}: none where one was agreed");
        let mut report = [hex::<8>("80C90001 00000007").as_slice(), b"more of it", &[0; TAIL_MAX]].concat();
        let len = ana.protect_rtcp(&mut report, 18).expect("room");
        let mut wire = identified(&report[..len], tag_rtcp);
        assert_eq!(rui.unprotect_rtcp(&mut wire), Some(18), "{suite:?}");
        assert_eq!(&wire[8..18], b"more of it");
        for len in 0..40 {
            assert!(
                rui.unprotect(&mut vec![0x80; len]).is_none() && rui.unprotect_rtcp(&mut vec![0x80; len]).is_none()
            );
        }
    }
}

/// SW-09: a direction whose key stays goes on where it was, the other begins anew.
#[test]
fn sw_09_new_keys() {
    let (mut ana, mut rui) = pair(Suite::Long);
    let old = protected(&mut ana, &packet(65_535, 7));
    assert!(heard(&mut rui, &old).is_some());
    rui.rekey(security(Suite::Long, 3, 1));
    assert!(heard(&mut rui, &old).is_none(), "their key is the same: so is what was heard");
    assert!(heard(&mut rui, &protected(&mut ana, &packet(0, 7))).is_some(), "and the rollover");
    ana.rekey(security(Suite::Long, 1, 3));
    assert!(heard(&mut ana, &protected(&mut rui, &packet(1, 8))).is_some());
    assert_eq!(
        format!("{:?} {ana:?}", ana.agreed),
        "Security(AES_CM_128_HMAC_SHA1_80) Secure(AES_CM_128_HMAC_SHA1_80)"
    );
}
