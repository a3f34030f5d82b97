//! `strowger replay FILE`: goes through a flight recording again, says what happened, and where it comes out otherwise.

use std::{fs, path::PathBuf};

use clap::Args;

use super::Failed;
use crate::{
    base::{Now, Wall},
    engine::{
        Emitted, Input, Output,
        flight::{Digest, Play, Played, Step, digest, replay},
    },
    net::masked,
    server::{FLIGHT_KEY_FILE, FlightHeader, FlightKey, unseal_flight},
};

/// What is shown when nothing else is wanted.
const SHOWN_LAST: u64 = 20;

#[derive(Args)]
pub struct Replay {
    /// A recording, as data/flight has them
    file: PathBuf,
    /// The key of the data folder that it comes from; else flight.key beside the recording's folder
    #[arg(long)]
    key: Option<PathBuf>,
    /// Show everything
    #[arg(long, conflicts_with = "last")]
    all: bool,
    /// Show so many inputs before the end
    #[arg(long)]
    last: Option<u64>,
    /// Show only messages of this Call-ID
    #[arg(long)]
    call: Option<String>,
    /// Show messages whole, secrets masked
    #[arg(long)]
    full: bool,
    /// Leave this input out; may be given several times
    #[arg(long)]
    skip: Vec<u64>,
}

pub fn run(wanted: &Replay) -> Result<(), Failed> {
    let (header, recording) = read(wanted)?;
    print!("{}", about(&header));
    // Once in silence: how many inputs there are, and whether one of them ends it all.
    let counted = replay(recording.clone(), Play { skip: &wanted.skip }, on_panic())?;
    let from = match wanted.last {
        _ if wanted.all || wanted.call.is_some() => 0,
        last => counted.inputs.saturating_sub(last.unwrap_or(SHOWN_LAST)),
    };
    let mut shown = Shown { wanted, from, first: counted.first, is_on: false, began: None };
    replay(recording, Play { skip: &wanted.skip }, |step| shown.step(&step))?;
    println!("\n{}", outcome(&counted));
    if counted.differ > 0 && counted.whole && wanted.skip.is_empty() && header.version == env!("CARGO_PKG_VERSION") {
        return Err("the same inputs made other outputs".into());
    }
    Ok(())
}

fn read(wanted: &Replay) -> Result<(FlightHeader, bytes::Bytes), Failed> {
    let mut file = fs::File::open(&wanted.file).map_err(|error| format!("{}: {error}", wanted.file.display()))?;
    let beside = || Some(wanted.file.parent()?.parent()?.join(FLIGHT_KEY_FILE));
    let path = wanted.key.clone().or_else(beside).unwrap_or_else(|| PathBuf::from(FLIGHT_KEY_FILE));
    let key =
        FlightKey::read(&path).map_err(|error| format!("key {}: {error} (--key names another)", path.display()))?;
    unseal_flight(&mut file, &key).map_err(|error| format!("{}: {error}", wanted.file.display()).into())
}

fn about(header: &FlightHeader) -> String {
    let mut text = format!("saved {} by strowger {}: {}\n", clock(header.at), header.version, header.why);
    if header.version != env!("CARGO_PKG_VERSION") {
        text.push_str("this program is another version: what it does otherwise may be meant\n");
    }
    if !header.whole {
        text.push_str("begins in the middle of the switch's life: calls that were there go on as after a restart\n");
    }
    text
}

fn outcome(played: &Played) -> String {
    let Played { inputs, outputs, differ, first, .. } = played;
    match first {
        None => format!("{inputs} inputs, {outputs} outputs, all as they were recorded"),
        Some(first) => {
            format!("{inputs} inputs, {outputs} outputs; {differ} inputs came out otherwise, first #{first}")
        }
    }
}

/// Says which input it was that the engine does not survive.
fn on_panic() -> impl FnMut(Step<'_>) {
    let at = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let told = std::sync::Arc::clone(&at);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if let Ok(line) = told.try_lock() {
            eprintln!("the engine does not survive this input (--skip leaves it out):\n{line}");
        }
        before(panic);
    }));
    move |step| {
        if let Step::Begins { number, now, input } = step
            && let Ok(mut line) = at.lock()
        {
            *line = line_of(number, now, input, true);
        }
    }
}

struct Shown<'a> {
    wanted: &'a Replay,
    /// Inputs after this one.
    from: u64,
    first: Option<u64>,
    /// The present input is shown.
    is_on: bool,
    began: Option<Now>,
}

impl Shown<'_> {
    fn step(&mut self, step: &Step<'_>) {
        match step {
            Step::Begins { number, now, input } => {
                self.began.get_or_insert(*now);
                self.is_on = self.is_wanted(*number, input);
                if self.is_on {
                    print!("{}", line_of(*number, *now, input, self.wanted.full));
                }
            }
            Step::Skipped { number } => println!("#{number} is left out"),
            Step::Done { number, outputs, recorded } if self.is_on => {
                outputs.iter().for_each(|output| print!("{}", self.told(output)));
                if !outputs.iter().map(digest).eq(recorded.iter().copied()) {
                    println!("{}", difference(*number, outputs, recorded));
                }
            }
            Step::Done { .. } => {}
        }
    }

    fn is_wanted(&self, number: u64, input: &Input) -> bool {
        match (&self.wanted.call, input) {
            (Some(call), Input::Sip { message, .. }) => message.call_id() == call,
            (Some(_), _) => false,
            (None, _) => number > self.from || self.first == Some(number),
        }
    }

    fn told(&self, emitted: &Emitted) -> String {
        let text = match &emitted.output {
            Output::Send { path, bytes } if self.wanted.full => format!("{path}\n{}", text_of(bytes)),
            Output::Send { path, bytes } => format!("{} to {}", first_line(bytes), path.remote),
            Output::Media { worker, command } => {
                let name = format!("{command:?}");
                let name = name.split([' ', '{', '(']).next().unwrap_or_default();
                let stream = command.stream().map(|stream| stream.to_string()).unwrap_or_default();
                format!("media worker {worker}: {name} {stream}")
            }
            Output::Journal { id, .. } => format!("journal entry {}", id.0),
            Output::Record(_) => String::from("record"),
            Output::Live(event) => {
                let name = serde_json::to_value(&event.what).ok();
                let name = name.as_ref().and_then(|value| value.get("event")?.as_str()).unwrap_or("event");
                format!("live {}: {name}", event.sequence)
            }
            Output::Reply { id, result } => match result {
                Ok(_) => format!("reply {}: done", id.0),
                Err(refused) => format!("reply {}: {} {}", id.0, refused.status, refused.code),
            },
            Output::Resolve { lookup, .. } => format!("look up {}", lookup.host),
            Output::Page { page, told } => format!("to {page}: {}", word_of(&format!("{told:?}"))),
            Output::Mend { segment, .. } => format!("finish the file of {segment}"),
            Output::Ask(question) => format!("{} to {}", question.ask, question.service),
            Output::Gate(order) => format!("gate: {}", word_of(&format!("{order:?}"))),
            Output::Alarm(alarm) => format!("alarm: {alarm:?}"),
            Output::Drained => String::from("drained"),
        };
        format!("      -> {text}\n")
    }
}

/// Of a value that is printed for debugging: its name alone.
fn word_of(text: &str) -> &str {
    text.split([' ', '{', '(']).next().unwrap_or_default()
}

fn line_of(number: u64, now: Now, input: &Input, full: bool) -> String {
    let what = match input {
        Input::Sip { path, message } if full => format!("{path}\n{}", text_of(message.bytes())),
        Input::Sip { path, message } => {
            format!("{} from {} ({})", first_line(message.bytes()), path.remote, message.call_id())
        }
        Input::Request { id, actor, request } => {
            let name = serde_json::to_value(request).ok();
            let name = name.as_ref().and_then(|value| value.get("do")?.as_str()).unwrap_or("request");
            format!("request {} by {actor:?}: {name}", id.0)
        }
        Input::Media(event) => format!("media: {event:?}"),
        Input::Segment(report) => format!("recording: {report:?}"),
        Input::Certified { flow, domains, .. } => format!("connection {} is of {}", flow.0, domains.join(", ")),
        Input::FlowClosed(flow) => format!("connection {} is gone", flow.0),
        Input::Unreachable { remote, .. } => format!("nobody listens at {remote}"),
        Input::Ports(ports) => format!("{} RTP ports", ports.len()),
        Input::Restore(entries) => format!("{} journal entries", entries.len()),
        Input::Session { agent, open } => format!("page of {agent} {}", if *open { "opened" } else { "closed" }),
        Input::Page { page, says, .. } => format!("{page} says {}", word_of(&format!("{says:?}"))),
        Input::Resolved { lookup, servers, .. } => format!("{} has {} servers", lookup.host, servers.len()),
        Input::Answered { ask, said: Ok(said) } => format!("{ask} is answered: {}", said.status),
        Input::Answered { ask, said: Err(why) } => format!("{ask} is not answered: {why}"),
        Input::Doors(_) => String::from("ports for browsers"),
        Input::Settings(_) => String::from("settings"),
        Input::Listeners(listeners) => format!("{} listeners", listeners.len()),
        Input::Restored => String::from("the journal has been read"),
        Input::Seed(_) => String::from("fresh randomness"),
        Input::Drain => String::from("drain"),
        Input::Tick => String::from("time"),
    };
    format!("#{number} {} {what}\n", clock(now.wall))
}

fn difference(number: u64, outputs: &[Emitted], recorded: &[Digest]) -> String {
    let same = outputs.iter().map(digest).zip(recorded).take_while(|(one, other)| one == *other).count();
    format!(
        "      !! #{number} made {} outputs when it was recorded and {} now; the first {same} are the same",
        recorded.len(),
        outputs.len()
    )
}

fn first_line(bytes: &[u8]) -> String {
    let line = bytes.split(|octet| matches!(octet, b'\r' | b'\n')).next().unwrap_or_default();
    String::from_utf8_lossy(line).trim_end_matches(" SIP/2.0").to_owned()
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&masked(bytes)).replace('\r', "")
}

/// Time of day, UTC, with milliseconds.
fn clock(at: Wall) -> String {
    let stamp = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    stamp.strftime("%F %T.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_and_a_time_is_read() {
        assert_eq!(first_line(b"INVITE sip:800@10.0.0.1 SIP/2.0\r\nVia: x\r\n"), "INVITE sip:800@10.0.0.1");
        assert_eq!(first_line(b"SIP/2.0 200 OK\r\n"), "SIP/2.0 200 OK");
        assert_eq!(clock(Wall(1_795_000_000_123)), "2026-11-18 11:06:40.123Z");
    }
}
