//! From a host's name to the servers behind it (RFC 3263 4): which questions are put to the DNS, and what the answers
//! amount to. The questions themselves are asked outside.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
};

use serde::{Deserialize, Serialize};

use super::Transport;

/// Questions for one name. NAPTR, three kinds of SRV and their hosts need a dozen; more is a trap.
pub const QUESTIONS_MAX: usize = 24;

/// Servers kept of one name.
pub const SERVERS_MAX: usize = 16;

/// A name to look up. Never one of a stranger: only configured ones come here.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Lookup {
    pub host: String,
    /// A port that is given forbids SRV.
    pub port: Option<u16>,
    /// A transport that is given forbids NAPTR.
    pub transport: Option<Transport>,
}

/// One server of a name: the lowest priority first, among equals by weight (RFC 2782).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Server {
    pub transport: Transport,
    pub address: SocketAddr,
    pub priority: u32,
    pub weight: u16,
}

/// What is asked of the DNS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    Naptr(String),
    Srv(String),
    /// A and AAAA.
    Addresses(String),
}

/// What came back; empty when there is nothing, whatever the reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Naptr(Vec<Naptr>),
    Srv(Vec<Srv>),
    Addresses(Vec<IpAddr>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Naptr {
    pub order: u16,
    pub preference: u16,
    pub flags: String,
    pub service: String,
    pub replacement: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Srv {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    pub target: String,
}

/// One look-up on its way. After each answer ask for the next question; when there is none, the servers are found.
pub struct Locator {
    lookup: Lookup,
    /// Transports that we can send on.
    able: Vec<Transport>,
    asked: VecDeque<Asked>,
    count: usize,
    servers: Vec<Server>,
    step: Step,
}

/// What is tried when nothing has been found so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Naptr,
    Srv,
    Plain,
    Over,
}

/// A question and what its answer will be part of.
struct Asked {
    question: Question,
    transport: Transport,
    port: Option<u16>,
    priority: u32,
    weight: u16,
}

impl Locator {
    pub fn new(lookup: Lookup, able: &[Transport]) -> Self {
        let step = match (lookup.port, lookup.transport) {
            (Some(_), _) => Step::Plain,
            (None, Some(_)) => Step::Srv,
            (None, None) => Step::Naptr,
        };
        let able = able.iter().copied().filter(|transport| service_of(*transport).is_some()).collect();
        Self { lookup, able, asked: VecDeque::new(), count: 0, servers: Vec::new(), step }
    }

    /// The next question; `None` when all is known.
    pub fn poll_question(&mut self) -> Option<Question> {
        while self.asked.is_empty() && self.servers.is_empty() && self.step != Step::Over {
            self.begin_step();
        }
        if self.count >= QUESTIONS_MAX {
            return None;
        }
        self.asked.front().map(|asked| asked.question.clone())
    }

    /// The answer to the question that was polled last.
    pub fn handle_answer(&mut self, answer: Answer) {
        let Some(asked) = self.asked.pop_front() else { return };
        self.count += 1;
        match answer {
            Answer::Naptr(records) => self.on_naptr(records),
            Answer::Srv(records) => self.on_srv(&asked, records),
            Answer::Addresses(addresses) => {
                let port = asked.port.unwrap_or(asked.transport.default_port());
                let (transport, priority, weight) = (asked.transport, asked.priority, asked.weight);
                let server = |ip| Server { transport, address: SocketAddr::new(ip, port), priority, weight };
                let room = SERVERS_MAX.saturating_sub(self.servers.len());
                self.servers.extend(addresses.into_iter().map(server).take(room));
            }
        }
    }

    /// The servers found, the most wanted first; those of one priority are still to be drawn by weight.
    pub fn servers(mut self) -> Vec<Server> {
        self.servers.sort_by_key(|server| server.priority);
        self.servers
    }

    fn ask(&mut self, question: Question, transport: Transport, port: Option<u16>, rank: (u32, u16)) {
        let (priority, weight) = rank;
        self.asked.push_back(Asked { question, transport, port, priority, weight });
    }

    fn begin_step(&mut self) {
        let host = self.lookup.host.clone();
        match self.step {
            Step::Naptr => {
                self.step = Step::Srv;
                self.ask(Question::Naptr(host), Transport::Udp, None, (0, 0));
            }
            Step::Srv => {
                self.step = Step::Plain;
                let able = self.able.clone();
                let wanted = able.into_iter().filter(|able| self.lookup.transport.is_none_or(|only| only == *able));
                for (rank, transport) in (0_u32..).zip(wanted.collect::<Vec<_>>()) {
                    let Some((_, prefix)) = service_of(transport) else { continue };
                    self.ask(Question::Srv(format!("{prefix}.{host}")), transport, None, (rank << 16, 0));
                }
            }
            Step::Plain => {
                self.step = Step::Over;
                let transport = self.lookup.transport.unwrap_or(Transport::Udp);
                self.ask(Question::Addresses(host), transport, self.lookup.port, (0, 1));
            }
            Step::Over => {}
        }
    }

    /// By order, then by preference, those that we can use (RFC 3263 4.1).
    fn on_naptr(&mut self, mut records: Vec<Naptr>) {
        records.sort_by_key(|record| (record.order, record.preference));
        let mut rank = 0_u32;
        for record in records {
            let fits = |able: &&Transport| {
                service_of(**able).is_some_and(|(service, _)| service.eq_ignore_ascii_case(&record.service))
            };
            let Some(transport) = self.able.iter().find(fits).copied() else { continue };
            let question = match record.flags.to_ascii_lowercase().as_str() {
                "s" => Question::Srv(record.replacement),
                "a" => Question::Addresses(record.replacement),
                _ => continue,
            };
            self.ask(question, transport, None, (rank << 16, 1));
            rank += 1;
        }
    }

    fn on_srv(&mut self, asked: &Asked, records: Vec<Srv>) {
        for record in records.into_iter().take(SERVERS_MAX) {
            // "." says that there is no such service.
            if record.port == 0 || record.target.trim_end_matches('.').is_empty() {
                continue;
            }
            let rank = (asked.priority + u32::from(record.priority), record.weight);
            self.ask(Question::Addresses(record.target), asked.transport, Some(record.port), rank);
        }
    }
}

/// NAPTR service and SRV prefix of a transport; `None`: nobody connects that way to a server.
fn service_of(transport: Transport) -> Option<(&'static str, &'static str)> {
    match transport {
        Transport::Udp => Some(("SIP+D2U", "_sip._udp")),
        Transport::Tcp => Some(("SIP+D2T", "_sip._tcp")),
        Transport::Tls => Some(("SIPS+D2T", "_sips._tcp")),
        Transport::Ws | Transport::Wss => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];

    fn lookup(host: &str, port: Option<u16>, transport: Option<Transport>) -> Lookup {
        Lookup { host: host.to_owned(), port, transport }
    }

    /// Runs a look-up against a zone; the questions in order, and what was found.
    fn run(lookup: Lookup, able: &[Transport], zone: impl Fn(&Question) -> Answer) -> (Vec<Question>, Vec<String>) {
        let mut locator = Locator::new(lookup, able);
        let mut questions = Vec::new();
        while let Some(question) = locator.poll_question() {
            locator.handle_answer(zone(&question));
            questions.push(question);
        }
        let show = |server: Server| format!("{} {} {}", server.transport.via_name(), server.address, server.weight);
        (questions, locator.servers().into_iter().map(show).collect())
    }

    fn nothing(question: &Question) -> Answer {
        match question {
            Question::Naptr(_) => Answer::Naptr(Vec::new()),
            Question::Srv(_) => Answer::Srv(Vec::new()),
            Question::Addresses(_) => Answer::Addresses(Vec::new()),
        }
    }

    fn zone(question: &Question) -> Answer {
        let srv = |priority, weight, port, target: &str| Srv { priority, weight, port, target: target.into() };
        let naptr = |order, service: &str, replacement: &str| Naptr {
            order,
            preference: 1,
            flags: "s".into(),
            service: service.into(),
            replacement: replacement.into(),
        };
        match question {
            Question::Naptr(name) if name == "carrier.example" => Answer::Naptr(vec![
                naptr(50, "SIP+D2U", "_sip._udp.carrier.example"),
                naptr(10, "SIPS+D2T", "_sips._tcp.carrier.example"),
                naptr(5, "E2U+sip", "elsewhere.example"),
            ]),
            Question::Srv(name) if name == "_sips._tcp.carrier.example" => {
                Answer::Srv(vec![srv(20, 5, 5061, "b.example"), srv(10, 7, 5071, "a.example")])
            }
            Question::Srv(name) if name == "_sip._udp.carrier.example" => {
                Answer::Srv(vec![srv(1, 1, 5060, "a.example")])
            }
            Question::Srv(name) if name == "_sip._tcp.closed.example" => Answer::Srv(vec![srv(0, 0, 5060, ".")]),
            Question::Addresses(name) if name == "a.example" => Answer::Addresses(vec!["192.0.2.1".parse().unwrap()]),
            Question::Addresses(name) if name == "b.example" => {
                Answer::Addresses(vec!["192.0.2.2".parse().unwrap(), "2001:db8::2".parse().unwrap()])
            }
            other @ (Question::Naptr(_) | Question::Srv(_) | Question::Addresses(_)) => nothing(other),
        }
    }

    /// TK-05: the domain's own wish (NAPTR) comes first, then the priorities of its servers (SRV), then their addresses.
    #[test]
    fn tk_05_a_domain_says_which_servers_it_wants_used() {
        let (_, found) = run(lookup("carrier.example", None, None), &ALL, zone);
        let wanted =
            ["TLS 192.0.2.1:5071 7", "TLS 192.0.2.2:5061 5", "TLS [2001:db8::2]:5061 5", "UDP 192.0.2.1:5060 1"];
        assert_eq!(found, wanted);
        // What we can't do is passed over.
        let (_, found) = run(lookup("carrier.example", None, None), &[Transport::Udp], zone);
        assert_eq!(found, ["UDP 192.0.2.1:5060 1"]);
    }

    /// TK-05: a given transport asks for no NAPTR, a given port for no SRV; without records the host's own address serves.
    #[test]
    fn tk_05_what_is_given_is_not_asked_for() {
        let (asked, found) = run(lookup("a.example", Some(5099), Some(Transport::Tcp)), &ALL, zone);
        assert_eq!(asked, [Question::Addresses("a.example".into())]);
        assert_eq!(found, ["TCP 192.0.2.1:5099 1"]);
        let (asked, found) = run(lookup("a.example", None, Some(Transport::Tls)), &ALL, zone);
        assert_eq!(asked[0], Question::Srv("_sips._tcp.a.example".into()));
        assert_eq!(found, ["TLS 192.0.2.1:5061 1"]);
        let (asked, found) = run(lookup("a.example", None, None), &ALL, zone);
        assert_eq!((asked.len(), found.len()), (5, 1));
        assert_eq!(found, ["UDP 192.0.2.1:5060 1"]);
        let (_, found) = run(lookup("closed.example", None, Some(Transport::Tcp)), &ALL, zone);
        assert!(found.is_empty());
    }

    /// TK-05: a name that answers without end is left at some point.
    #[test]
    fn tk_05_a_name_can_ask_for_no_end() {
        let endless = |question: &Question| match question {
            Question::Naptr(_) => Answer::Naptr(Vec::new()),
            Question::Srv(_) => Answer::Srv(
                (1..200).map(|port| Srv { priority: 1, weight: 1, port, target: "more.example".into() }).collect(),
            ),
            Question::Addresses(_) => Answer::Addresses(vec!["192.0.2.9".parse().unwrap(); 100]),
        };
        let (asked, found) = run(lookup("trap.example", None, None), &ALL, endless);
        assert!(asked.len() <= QUESTIONS_MAX && found.len() <= SERVERS_MAX, "{} {}", asked.len(), found.len());
    }
}
