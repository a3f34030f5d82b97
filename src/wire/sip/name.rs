//! Header names: one table, recognised whole, compact or in any case.

use std::fmt;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident $text:literal $(| $compact:literal)?),+ $(,)?) => {
        /// A header's name (RFC 3261 §20 and the IANA registry). `Other` is any that this table does not hold.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Name { $($(#[$doc])* $name,)+ Other }

        const KNOWN: &[(Name, &str)] = &[$((Name::$name, $text), $((Name::$name, $compact),)?)+];

        impl Name {
            pub(super) const COUNT: usize = Name::Other as usize + 1;

            /// As it is written on the wire; empty for `Other`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                    Self::Other => "",
                }
            }
        }
    };
}

names! {
    Via "Via" | "v", From "From" | "f", To "To" | "t", CallId "Call-ID" | "i", CSeq "CSeq",
    Contact "Contact" | "m", MaxForwards "Max-Forwards", Route "Route", RecordRoute "Record-Route",
    ContentType "Content-Type" | "c", ContentLength "Content-Length" | "l", ContentEncoding "Content-Encoding" | "e",
    ContentDisposition "Content-Disposition", ContentLanguage "Content-Language", ContentId "Content-ID",
    MimeVersion "MIME-Version",
    Expires "Expires", MinExpires "Min-Expires",
    Authorization "Authorization", ProxyAuthorization "Proxy-Authorization",
    WwwAuthenticate "WWW-Authenticate", ProxyAuthenticate "Proxy-Authenticate",
    AuthenticationInfo "Authentication-Info",
    Require "Require", ProxyRequire "Proxy-Require", Supported "Supported" | "k", Unsupported "Unsupported",
    Allow "Allow", AllowEvents "Allow-Events" | "u",
    Accept "Accept", AcceptEncoding "Accept-Encoding", AcceptLanguage "Accept-Language",
    AcceptContact "Accept-Contact" | "a", RejectContact "Reject-Contact" | "j",
    RequestDisposition "Request-Disposition" | "d",
    UserAgent "User-Agent", Server "Server", Organization "Organization",
    Reason "Reason", SessionExpires "Session-Expires" | "x", MinSe "Min-SE", RSeq "RSeq", RAck "RAck",
    ReferTo "Refer-To" | "r", ReferredBy "Referred-By" | "b", ReferSub "Refer-Sub",
    Replaces "Replaces", Join "Join", TargetDialog "Target-Dialog",
    PAssertedIdentity "P-Asserted-Identity", PPreferredIdentity "P-Preferred-Identity",
    RemotePartyId "Remote-Party-ID", Privacy "Privacy", Identity "Identity" | "y",
    RetryAfter "Retry-After", AlertInfo "Alert-Info", CallInfo "Call-Info", ErrorInfo "Error-Info",
    Subject "Subject" | "s", Date "Date", Priority "Priority", Timestamp "Timestamp", InReplyTo "In-Reply-To",
    ReplyTo "Reply-To", AnswerMode "Answer-Mode", UserToUser "User-to-User", SessionId "Session-ID",
    Event "Event" | "o", SubscriptionState "Subscription-State", SipEtag "SIP-ETag", SipIfMatch "SIP-If-Match",
    Warning "Warning", Diversion "Diversion", HistoryInfo "History-Info",
    Path "Path", ServiceRoute "Service-Route", FlowTimer "Flow-Timer",
}

/// Places in the table of names; a power of two well above their number, so that a miss is found at once.
const SLOTS: usize = 512;

/// Places of [`KNOWN`] plus one, by hash; 0 is empty.
const TABLE: [u8; SLOTS] = table();

const fn table() -> [u8; SLOTS] {
    let mut table = [0; SLOTS];
    let mut at = 0;
    while at < KNOWN.len() {
        let text = KNOWN[at].1.as_bytes();
        let mut slot = slot(text[0], text[text.len() / 2], text[text.len() - 1], text.len());
        while table[slot] != 0 {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = at as u8 + 1;
        at += 1;
    }
    table
}

const fn slot(first: u8, middle: u8, last: u8, len: usize) -> usize {
    let (first, middle, last) = (first as usize | 0x20, middle as usize | 0x20, last as usize | 0x20);
    (first * 31 + middle * 7 + last * 3 + len * 67) % SLOTS
}

impl Name {
    /// The name written in `label`, in full or compact form and any case.
    pub fn of(label: &[u8]) -> Self {
        let (Some(first), Some(middle), Some(last)) = (label.first(), label.get(label.len() / 2), label.last()) else {
            return Self::Other;
        };
        let mut at = slot(*first, *middle, *last, label.len());
        while let Some((name, text)) = usize::from(TABLE[at]).checked_sub(1).and_then(|known| KNOWN.get(known)) {
            if text.as_bytes() == label || text.as_bytes().eq_ignore_ascii_case(label) {
                return *name;
            }
            at = (at + 1) % SLOTS;
        }
        Self::Other
    }

    /// May stand only once in a message; a second one makes it ambiguous (RFC 4475 §3.3.8).
    pub const fn is_single(self) -> bool {
        matches!(
            self,
            Self::From
                | Self::To
                | Self::CallId
                | Self::CSeq
                | Self::MaxForwards
                | Self::ContentLength
                | Self::ContentType
                | Self::Expires
                | Self::MinExpires
                | Self::Event
                | Self::ReferTo
                | Self::ReferredBy
                | Self::Replaces
                | Self::RSeq
                | Self::RAck
                | Self::SessionExpires
                | Self::MinSe
                | Self::SubscriptionState
        )
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_in_any_case() {
        for (name, text) in KNOWN {
            assert_eq!(Name::of(text.as_bytes()), *name);
            assert_eq!(Name::of(text.to_ascii_uppercase().as_bytes()), *name);
            assert_eq!(Name::of(text.to_ascii_lowercase().as_bytes()), *name);
        }
        for unknown in ["", "X-Foo", "Vi", "z", "Content-Lengths", "Max_Forwards"] {
            assert_eq!(Name::of(unknown.as_bytes()), Name::Other, "{unknown}");
        }
    }
}
