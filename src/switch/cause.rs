//! Why a call ended, said in SIP and in Q.850 (RFC 3326, RFC 3398 7.2.4.1 and 8.2.6.1).

use super::Cause;

impl Cause {
    /// An ordinary hang-up.
    pub const NORMAL: Self = Self { sip: 200, q850: 16 };
    /// The caller gave up.
    pub const CANCELLED: Self = Self { sip: 487, q850: 16 };
    /// Someone else answered.
    pub const ELSEWHERE: Self = Self { sip: 200, q850: 26 };
    pub const NO_ANSWER: Self = Self { sip: 480, q850: 19 };
    pub const BUSY: Self = Self { sip: 486, q850: 17 };
    pub const NOT_FOUND: Self = Self { sip: 404, q850: 1 };
    pub const FORBIDDEN: Self = Self { sip: 403, q850: 21 };
    /// No port, no room in a table.
    pub const NO_ROOM: Self = Self { sip: 503, q850: 34 };
    /// Nothing was heard for too long, or an ACK never came.
    pub const LOST: Self = Self { sip: 408, q850: 102 };
    pub const MEDIA: Self = Self { sip: 488, q850: 65 };
    /// The switch shuts down or repairs itself.
    pub const SWITCH: Self = Self { sip: 500, q850: 41 };

    /// From a final response.
    pub const fn from_status(status: u16) -> Self {
        let q850 = match status {
            200..=299 | 487 => 16,
            401 | 402 | 403 | 407 | 603 | 607 | 608 => 21,
            404 | 485 | 604 => 1,
            405 => 63,
            406 | 415 | 501 => 79,
            408 | 504 => 102,
            410 => 22,
            413 | 414 | 416 | 420 | 421 | 423 | 505 | 513 => 127,
            480 => 18,
            482 | 483 => 25,
            484 => 28,
            486 | 600 => 17,
            488 | 606 => 65,
            502 => 38,
            400 | 481 | 500 | 503 => 41,
            _ => 31,
        };
        Self { sip: status, q850 }
    }

    /// From a Q.850 cause that came in a BYE or CANCEL.
    pub const fn from_q850(q850: u8) -> Self {
        let sip = match q850 {
            // Not in RFC 3398, since an ordinary end is no failure.
            16 | 31 => 200,
            1..=3 | 26 => 404,
            17 => 486,
            18 => 408,
            19 | 20 => 480,
            // From the user himself, whom nobody else speaks for at this end (RFC 3398 7.2.4.1).
            21 => 603,
            22 | 23 => 410,
            25 => 483,
            27 => 502,
            28 => 484,
            29 | 69 | 79 => 501,
            34 | 38 | 41 | 42 | 47 | 58 | 88 => 503,
            55 | 57 | 87 => 403,
            65 | 70 => 488,
            102 => 504,
            _ => 500,
        };
        Self { sip, q850 }
    }

    /// From the value of a Reason header; Q.850 says more than SIP where both stand.
    pub fn from_reason(reason: &str) -> Option<Self> {
        let value_of = |protocol: &str| {
            reason.split(',').find_map(|part| {
                let mut params = part.split(';').map(str::trim);
                params.next().filter(|name| name.eq_ignore_ascii_case(protocol))?;
                params.find_map(|param| {
                    let (name, value) = param.split_once('=')?;
                    name.trim().eq_ignore_ascii_case("cause").then(|| value.trim().parse::<u16>().ok())?
                })
            })
        };
        if let Some(q850) = value_of("Q.850").and_then(|cause| u8::try_from(cause).ok()) {
            return Some(Self::from_q850(q850));
        }
        value_of("SIP").map(Self::from_status)
    }

    /// The value of a Reason header for a BYE or CANCEL of ours.
    pub fn reason(self) -> String {
        match self {
            Self::ELSEWHERE => "SIP;cause=200;text=\"Call completed elsewhere\"".to_owned(),
            Self { sip: 200, q850 } => format!("Q.850;cause={q850}"),
            Self { sip, q850 } => format!("SIP;cause={sip}, Q.850;cause={q850}"),
        }
    }

    /// The final answer to an INVITE that can't be served for this cause.
    pub const fn status(self) -> u16 {
        match self.sip {
            // A challenge or a redirection for us is nothing that the caller could answer.
            401 | 407 => 503,
            300..=399 => 480,
            // What was asked of us there, with headers that mean nothing here (Unsupported, Min-SE, Security-Server).
            420..=423 | 439 | 494 => 502,
            400..=699 => self.sip,
            _ => 480,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SW-17, SW-04: what a carrier asks of us it does not ask of who calls.
    #[test]
    fn sw_17_what_is_between_two_hops_stays_there() {
        for (status, told) in
            [(407, 503), (302, 480), (420, 502), (422, 502), (494, 502), (404, 404), (486, 486), (603, 603)]
        {
            assert_eq!(Cause::from_status(status).status(), told, "{status}");
        }
    }

    /// SW-17: the table of RFC 3398, row by row, in both directions.
    #[test]
    fn sw_17_causes_follow_rfc_3398() {
        let of_status = "400=41 401=21 402=21 403=21 404=1 405=63 406=79 407=21 408=102 410=22 413=127 414=127 415=79 \
                         416=127 420=127 421=127 423=127 480=18 481=41 482=25 483=25 484=28 485=1 486=17 487=16 488=65 \
                         500=41 501=79 502=38 503=41 504=102 505=127 513=127 600=17 603=21 604=1 606=65";
        let of_cause = "1=404 2=404 3=404 16=200 17=486 18=408 19=480 20=480 21=603 22=410 23=410 26=404 27=502 28=484 \
                        29=501 34=503 38=503 41=503 42=503 47=503 55=403 57=403 58=503 65=488 70=488 79=501 87=403 \
                        88=503 102=504 111=500 127=500";
        let rows = |table: &str| -> Vec<(u16, u16)> {
            let number = |text: &str| text.parse().unwrap();
            table
                .split(' ')
                .filter_map(|row| row.split_once('='))
                .map(|(from, to)| (number(from), number(to)))
                .collect()
        };
        for (status, q850) in rows(of_status) {
            assert_eq!(u16::from(Cause::from_status(status).q850), q850, "{status}");
        }
        for (q850, status) in rows(of_cause) {
            let cause = Cause::from_q850(u8::try_from(q850).unwrap());
            assert_eq!(cause.sip, status, "{q850}");
            // What is told onward is the cause that came, not one that was guessed from our own status.
            assert_eq!(Cause::from_reason(&cause.reason()).map(|read| u16::from(read.q850)), Some(q850));
        }
    }

    /// SW-17: a carrier's Q.850 cause reaches the other leg and the record.
    #[test]
    fn sw_17_causes_go_both_ways() {
        let cause = Cause::from_reason("SIP;cause=486;text=\"Busy\", Q.850 ; cause = 34").unwrap();
        assert_eq!(cause, Cause { sip: 503, q850: 34 });
        assert_eq!(Cause::from_reason("SIP;cause=200;text=\"Call completed elsewhere\"").unwrap().sip, 200);
        assert_eq!(Cause::from_reason("X.400;cause=16"), None);
        assert_eq!(Cause::from_reason("Q.850;cause=99999"), None);
        assert_eq!(Cause::from_status(404).q850, 1);
        assert_eq!(Cause::from_status(401).status(), 503);
        assert!(Cause::ELSEWHERE.reason().contains("SIP;cause=200"));
        for status in 100..=699 {
            assert!((400..=699).contains(&Cause::from_status(status).status()), "{status}");
        }
    }
}
