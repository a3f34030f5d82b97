use std::net::IpAddr;

use super::{
    nonce::{NONCE_TIME, NONCES_MAX},
    *,
};
use crate::{
    base::{Chance, Instant, Now, Private, Wall},
    sip::Credentials,
};

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7));
const AWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 8));
const TARGET: (&str, &str) = ("REGISTER", "sip:switch.example");

fn at(seconds: u64) -> Now {
    Now { mono: Instant::from_micros(seconds * 1_000_000), wall: Wall(0) }
}

fn credentials(user: &str, password: &str) -> Credentials {
    Credentials { user: user.into(), password: Private::new(password.into()), realm: None, account: None }
}

fn check(verifier: &mut Verifier, now: Now, source: IpAddr, header: &str) -> Verdict {
    check_target(verifier, now, source, TARGET, header)
}

fn check_target(
    verifier: &mut Verifier,
    now: Now,
    source: IpAddr,
    (method, uri): (&str, &str),
    header: &str,
) -> Verdict {
    check_covered(verifier, now, source, Covered { method, uri, body: b"" }, header)
}

fn check_covered(verifier: &mut Verifier, now: Now, source: IpAddr, covered: Covered<'_>, header: &str) -> Verdict {
    let ana = Ha1::new("ana", "home", "secret");
    verifier.verify(now, source, covered, [header].into_iter(), |user| (user == "ana").then_some(&ana))
}

/// A header with a count of its own, as a phone that keeps its nonce sends it.
fn counted(nonce: &str, count: u32) -> String {
    let secret = ha1(Algorithm::Sha256, "ana", "home", "secret");
    let nc = format!("{count:08x}");
    let qop = Qop { nc: &nc, cnonce: "c", body: None };
    let hash = response(Algorithm::Sha256, &secret, nonce, Some(qop), TARGET.0, TARGET.1);
    format!(
        "Digest username=\"ana\", realm=\"home\", nonce=\"{nonce}\", uri=\"{}\", response=\"{}\", algorithm=SHA-256, \
         qop=auth, nc={nc}, cnonce=\"c\"",
        TARGET.1,
        hash.as_str()
    )
}

fn nonce_of(challenge: &str) -> &str {
    challenge.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap()
}

fn verifier() -> (Verifier, Now) {
    (Verifier::new("home", Chance::from_number(5)), at(1000))
}

/// RFC 7616 3.9.1, and RFC 2617 3.5 with and without `qop`.
#[test]
fn the_examples_of_the_rfcs_come_out() {
    let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    let cases = [
        (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
        (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ];
    for (algorithm, expected) in cases {
        let secret = ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life");
        let qop = Qop { nc: "00000001", cnonce, body: None };
        assert_eq!(response(algorithm, &secret, nonce, Some(qop), "GET", "/dir/index.html").as_str(), expected);
    }
    let secret = ha1(Algorithm::Md5, "Mufasa", "testrealm@host.com", "Circle Of Life");
    assert_eq!(secret, "939e7578ed9e3c518a452acee763bce9");
    let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
    let qop = Qop { nc: "00000001", cnonce: "0a4f113b", body: None };
    let with = response(Algorithm::Md5, &secret, nonce, Some(qop), "GET", "/dir/index.html");
    assert_eq!(with.as_str(), "6629fae49393a05397450978507c4ef1");
    let without = response(Algorithm::Md5, &secret, nonce, None, "GET", "/dir/index.html");
    assert_eq!(without.as_str(), "670fd8c2df070c60b045671b8b24ff02");
}

/// SW-01: MD5 and SHA-256; the stronger is offered first and taken by who can.
#[test]
fn the_right_password_passes_with_either_hash() {
    let (mut verifier, now) = verifier();
    let challenges = verifier.challenge(now, HOME, false);
    assert!(challenges[0].contains("algorithm=SHA-256") && challenges[1].contains("algorithm=MD5"));
    let ana = credentials("ana", "secret");
    let both = answer(challenges.iter().map(String::as_str), &ana, TARGET, b"", "c").unwrap();
    assert!(both.contains("algorithm=SHA-256"));
    assert_eq!(check(&mut verifier, now, HOME, &both), Verdict::Ok("ana".into()));
    let challenges = verifier.challenge(now, HOME, false);
    let old = answer([challenges[1].as_str()].into_iter(), &ana, TARGET, b"", "c").unwrap();
    assert_eq!(check(&mut verifier, now, HOME, &old), Verdict::Ok("ana".into()));
}

/// SW-01: nothing tells an unknown user from a wrong password.
#[test]
fn what_is_wrong_is_refused_alike() {
    let (mut verifier, now) = verifier();
    let challenges = verifier.challenge(now, HOME, false);
    let header = |user, password, target| {
        answer(challenges.iter().map(String::as_str), &credentials(user, password), target, b"", "c").unwrap()
    };
    let wrong_password = header("ana", "wrong", TARGET);
    let unknown_user = header("eve", "secret", TARGET);
    let other_method = header("ana", "secret", ("INVITE", TARGET.1));
    for (what, text) in [("password", wrong_password), ("user", unknown_user), ("method", other_method)] {
        assert_eq!(check(&mut verifier, now, HOME, &text), Verdict::Refused, "{what}");
    }
    let right = header("ana", "secret", TARGET);
    let moved = ("REGISTER", "sip:elsewhere");
    assert_eq!(check_target(&mut verifier, now, HOME, moved, &right), Verdict::Misdirected);
    assert_eq!(verifier.remembered(), 0, "only a right answer costs memory");
    assert_eq!(check(&mut verifier, now, HOME, &right), Verdict::Ok("ana".into()));
}

/// SW-01: a phone may write port and parameters of the Request-URI otherwise; made for another address, credentials are
/// not looked at, be they right or wrong.
#[test]
fn sw_01_the_uri_may_be_written_otherwise() {
    let asked = "sip:ana@Switch.example;transport=udp";
    for (claimed, same) in [
        (asked, true),
        ("sip:ana@switch.example:5060", true),
        ("SIP:ana@switch.example", true),
        ("sip:%61na@switch.example;x=y", true),
        ("sips:ana@switch.example", false),
        ("sip:Ana@switch.example", false),
        ("sip:switch.example", false),
        ("sip:ana@switch.example.evil", false),
        ("ana", false),
    ] {
        for password in ["secret", "wrong"] {
            let (mut verifier, now) = verifier();
            let challenges = verifier.challenge(now, HOME, false);
            let ana = credentials("ana", password);
            let header = answer(challenges.iter().map(String::as_str), &ana, ("INVITE", claimed), b"", "c").unwrap();
            let expected = match (same, password) {
                (false, _) => Verdict::Misdirected,
                (true, "secret") => Verdict::Ok("ana".into()),
                (true, _) => Verdict::Refused,
            };
            let verdict = check_target(&mut verifier, now, HOME, ("INVITE", asked), &header);
            assert_eq!(verdict, expected, "{claimed} {password}");
        }
    }
}

/// SW-19: who need not have heard our challenge can't be a guesser, and is not told whether he is right; who has heard it is
/// and is not, however old it is.
#[test]
fn sw_19_a_nonce_of_nobodys_is_no_guess() {
    let (mut verifier, now) = verifier();
    let challenges = verifier.challenge(now, HOME, false);
    let header = |nonce: &str, password| {
        let challenge = challenges[0].replace(nonce_of(&challenges[0]), nonce);
        answer([challenge.as_str()].into_iter(), &credentials("ana", password), TARGET, b"", "c").unwrap()
    };
    let (stale, made_up) = (Verdict::Challenge { stale: true }, "0".repeat(64));
    let own = nonce_of(&challenges[0]);
    for password in ["secret", "wrong"] {
        assert_eq!(check(&mut verifier, now, HOME, &header(&made_up, password)), stale, "{password}");
        assert_eq!(check(&mut verifier, now, AWAY, &header(own, password)), stale, "{password}");
    }
    let late = at(1000 + NONCE_TIME.as_secs() + 1);
    assert_eq!(check(&mut verifier, late, HOME, &header(own, "wrong")), Verdict::Refused);
    assert_eq!(check(&mut verifier, late, HOME, &header(own, "secret")), stale);
    assert_eq!(check(&mut verifier, now, HOME, &header(own, "wrong")), Verdict::Refused);
}

#[test]
fn who_shows_nothing_useful_is_challenged() {
    let (mut verifier, now) = verifier();
    let again = Verdict::Challenge { stale: false };
    let covered = Covered { method: TARGET.0, uri: TARGET.1, body: b"" };
    let none = verifier.verify(now, HOME, covered, std::iter::empty(), |_| None);
    assert_eq!(none, again);
    let junk = [
        "Basic YQ==",
        "Digest",
        "Digest ",
        "Digest realm=\"home",
        "Digest realm=\"other\", username=\"ana\", nonce=\"x\", response=\"y\"",
        "Digest realm=\"home\", username=\"ana\", nonce=\"made-up\", uri=\"sip:switch.example\", response=\"y\"",
        "Digest realm=\"home\", username=\"ana\", algorithm=SHA-512, nonce=\"x\"",
        "Digest realm=\"home\", username=\"ana\", qop=auth-int, nc=00000001, nonce=\"x\"",
        "Digest realm=\"home\", username=\"ana\", qop=auth, nc=0000000g, nonce=\"x\"",
        "Digest realm=\"home\", username=\"ana\", qop=auth, nc=00000000, nonce=\"x\"",
        "Digest ,,,,=,\"=\"",
    ];
    for header in junk {
        assert_eq!(check(&mut verifier, now, HOME, header), again, "{header}");
    }
    let header = "Digest realm=\"home\", username=\"".to_owned() + &"a".repeat(4000) + "\", nonce=\"x\"";
    assert_eq!(check(&mut verifier, now, HOME, &header), again);
}

/// SW-01: a count is good once, in any order within the window.
#[test]
fn a_replayed_answer_is_stale() {
    let (mut verifier, now) = verifier();
    let challenges = verifier.challenge(now, HOME, false);
    let nonce = nonce_of(&challenges[0]);
    let stale = Verdict::Challenge { stale: true };
    let ok = Verdict::Ok("ana".into());
    for (count, expected) in
        [(1, &ok), (1, &stale), (3, &ok), (2, &ok), (2, &stale), (200, &ok), (199, &ok), (100, &stale)]
    {
        assert_eq!(&check(&mut verifier, now, HOME, &counted(nonce, count)), expected, "count {count}");
    }
    assert_eq!(verifier.remembered(), 1);
}

#[test]
fn a_nonce_without_count_is_good_once() {
    let (mut verifier, now) = verifier();
    let challenges = verifier.challenge(now, HOME, false);
    let nonce = nonce_of(&challenges[1]);
    let secret = ha1(Algorithm::Md5, "ana", "home", "secret");
    let hash = response(Algorithm::Md5, &secret, nonce, None, TARGET.0, TARGET.1);
    let header = format!(
        "Digest username=\"ana\",realm=\"home\",nonce=\"{nonce}\",uri=\"{}\",response=\"{}\"",
        TARGET.1,
        hash.as_str()
    );
    assert_eq!(check(&mut verifier, now, HOME, &header), Verdict::Ok("ana".into()));
    assert_eq!(check(&mut verifier, now, HOME, &header), Verdict::Challenge { stale: true });
}

#[test]
fn an_old_or_carried_away_nonce_is_stale() {
    let (mut verifier, now) = verifier();
    let challenges = verifier.challenge(now, HOME, false);
    let header = counted(nonce_of(&challenges[0]), 1);
    let late = at(1000 + NONCE_TIME.as_secs() + 1);
    let stale = Verdict::Challenge { stale: true };
    assert_eq!(check(&mut verifier, late, HOME, &header), stale);
    assert_eq!(check(&mut verifier, now, AWAY, &header), stale);
    let mut restarted = Verifier::new("home", Chance::from_number(6));
    assert_eq!(check(&mut restarted, now, HOME, &header), stale);
    assert_eq!(check(&mut verifier, now, HOME, &header), Verdict::Ok("ana".into()));
    assert!(verifier.challenge(now, HOME, true)[0].contains("stale=true"));
}

/// However many nonces are used, memory is bounded, and one that was forgotten can't be replayed.
#[test]
fn a_flood_of_nonces_forgets_the_oldest_for_good() {
    let (_, now) = verifier();
    let mut nonces = nonce::Nonces::new(&mut Chance::from_number(9));
    let first = nonces.issue(now.mono, HOME);
    let nonce::Standing::Good { serial } = nonces.standing(now.mono, HOME, &first) else { panic!("{first}") };
    assert!(nonces.take(now.mono, serial, 1));
    for serial in 2..=(NONCES_MAX as u64 + 1) {
        assert!(nonces.take(now.mono, serial, 1));
    }
    assert_eq!(nonces.remembered(), NONCES_MAX);
    assert_eq!(nonces.standing(now.mono, HOME, &first), nonce::Standing::Stale);
    assert!(!nonces.take(now.mono, serial, 2));
    let later = now.mono + NONCE_TIME * 2;
    assert!(nonces.take(later, NONCES_MAX as u64 + 5, 1));
    assert_eq!(nonces.remembered(), 1);
}

#[test]
fn only_what_can_be_answered_is_answered() {
    let mut ana = credentials("ana", "secret");
    let ask = |challenge: &str, ana: &Credentials| answer([challenge].into_iter(), ana, TARGET, b"", "c");
    assert!(ask("Digest realm=\"r\", nonce=\"n\"", &ana).is_some_and(|text| !text.contains("qop")));
    assert!(
        ask("Digest realm=\"r\", nonce=\"n\", qop=\"auth-int,auth\", opaque=\"o\"", &ana)
            .is_some_and(|text| text.contains("qop=auth, nc=00000001") && text.contains("opaque=\"o\""))
    );
    assert_eq!(ask("Digest realm=\"r\", nonce=\"n\", qop=\"auth-conf\"", &ana), None);
    assert_eq!(ask("Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256", &ana), None);
    assert_eq!(ask("Digest realm=\"r\"", &ana), None);
    ana.realm = Some("other".into());
    assert_eq!(ask("Digest realm=\"r\", nonce=\"n\"", &ana), None);
}

/// TK-03: a peer that wants the body protected gets it, where it offers nothing else.
#[test]
fn tk_03_auth_int_covers_the_body() {
    use md5::{Digest, Md5};
    let md5 = |text: &str| hex::encode(Md5::digest(text));
    let ask = |qop: &str| {
        let challenge = format!(r#"Digest realm="r", nonce="n", qop="{qop}""#);
        answer([challenge.as_str()].into_iter(), &credentials("ana", "pw"), ("INVITE", "sip:x"), b"v=0", "c")
    };
    let hash =
        md5(&format!("{}:n:00000001:c:auth-int:{}", md5("ana:r:pw"), md5(&format!("INVITE:sip:x:{}", md5("v=0")))));
    let answered = ask("auth-int").expect("answered");
    assert!(answered.contains(&format!("response=\"{hash}\"")) && answered.contains("qop=auth-int,"), "{answered}");
    assert!(ask("auth,auth-int").unwrap().contains("qop=auth,"));
    assert!(ask("something").is_none());
}

/// SW-01, TK-03: who covers the body is believed for that very body alone; it is asked for where the settings want it.
#[test]
fn sw_01_tk_03_a_body_may_be_covered() {
    let (mut verifier, now) = verifier();
    assert!(verifier.challenge(now, HOME, false).iter().all(|challenge| challenge.contains("qop=\"auth\"")));
    verifier.ask_for_bodies(true);
    for which in [0, 1] {
        let challenge = &verifier.challenge(now, HOME, false)[which];
        assert!(challenge.contains("qop=\"auth,auth-int\""), "{challenge}");
        // A phone that covers whatever it can.
        let insists = challenge.replace("auth,auth-int", "auth-int");
        let ana = credentials("ana", "secret");
        let header = answer([insists.as_str()].into_iter(), &ana, TARGET, b"v=0", "c").unwrap();
        assert!(header.contains("qop=auth-int"), "{header}");
        let covered = |body| Covered { method: TARGET.0, uri: TARGET.1, body };
        assert_eq!(check_covered(&mut verifier, now, HOME, covered(b"v=1"), &header), Verdict::Refused);
        assert_eq!(check_covered(&mut verifier, now, HOME, covered(b"v=0"), &header), Verdict::Ok("ana".into()));
    }
}
