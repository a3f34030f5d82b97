//! Commands: run the switch, check and compare its files, ring it, ask whether it is well, operate it.

mod check;
mod health;
mod operate;
mod replay;
mod run;
mod simulate;
mod test_call;
mod why;

use std::{env, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand};

/// Where the main file is looked for.
const CONFIG: &str = "config/strowger.toml";

/// A SIP/RTP telephony switch with a built-in automatic call distributor.
#[derive(Parser)]
#[command(
    name = "strowger",
    version,
    max_term_width = 100,
    after_help = "Without a command the switch runs on config/strowger.toml.\n\n\
                  Environment: STROWGER_CONFIG names the main file; STROWGER_ + section + key in capitals comes before \
                  what the\nfile says (STROWGER_SIP_LISTEN, STROWGER_HTTP_LISTEN, STROWGER_RTP_PORTS, STROWGER_DATA_DIR \
                  …); RUST_LOG before\n[log] level.\n\n\
                  Signals: SIGTERM or Ctrl-C takes no new calls, lets the present ones end ([limits] drain_secs) and \
                  stops;\na second one stops at once. SIGHUP reads the \
                  settings again: whole, or not at all when something is wrong with them."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the switch (also without any command)
    Run(Config),
    /// Read the files and say everything that is wrong with them; nothing is started
    Check {
        /// The main file
        #[arg(env = "STROWGER_CONFIG", default_value = CONFIG)]
        file: PathBuf,
    },
    /// Write the centre (users, queues, trunks, numbers …) as one TOML file, passwords as hashes
    Dump(Config),
    /// Say what would change between two main files; nothing is changed
    Diff {
        /// The main file as it is
        old: PathBuf,
        /// The main file as it would be
        new: PathBuf,
    },
    /// Ring the switch, speak, and report what is heard: no carrier and no phone needed
    TestCall(TestCall),
    /// Ask a running switch whether it is well; the exit status tells
    Health(Config),
    /// Show what a running switch does now
    Show {
        what: Shown,
        /// As the API tells it, for programs
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        config: Config,
    },
    /// Change something of a running switch until its next start
    Set {
        #[command(subcommand)]
        what: Setting,
    },
    /// Log the SIP of one number, call or source as it was on the wire, secrets masked, and keep it for a pcap
    Trace {
        #[command(subcommand)]
        what: Tracing,
    },
    /// Have a running switch read its settings again: whole, or not at all when something is wrong with them
    Reload(Config),
    /// Have a running switch take no new calls, let the present ones end, and stop
    Drain(Config),
    /// Play a day on the same distributor: what if there were five more agents?
    Simulate(simulate::Simulate),
    /// Say of an ended call who was asked and who was not, and why
    Why {
        /// The number of the call, as in records
        call: String,
        #[command(flatten)]
        config: Config,
    },
    /// Have a running switch save what went into it lately, for replay
    Flight(Config),
    /// Go through a saved flight recording again: what happened, and where it comes out otherwise
    Replay(replay::Replay),
    /// Make the argon2 hash of a page password, for page_password; reads one line from standard input
    HashPassword,
    /// Decode a sound from standard input; the switch calls itself so
    #[command(hide = true)]
    DecodeClip {
        /// A file that the settings name
        #[arg(long)]
        settings: bool,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Shown {
    Calls,
    Agents,
    Queues,
    Registrations,
    Subscriptions,
    Trunks,
}

#[derive(Subcommand)]
enum Tracing {
    /// Begin; may be given several times
    #[command(group(clap::ArgGroup::new("filter").required(true)))]
    On {
        /// In From, To or the Request-URI
        #[arg(long, group = "filter")]
        number: Option<String>,
        /// A Call-ID
        #[arg(long, group = "filter")]
        call: Option<String>,
        /// The peer's address
        #[arg(long, group = "filter")]
        source: Option<std::net::IpAddr>,
        #[command(flatten)]
        config: Config,
    },
    /// End all traces and forget what was kept
    Off(Config),
    /// Write what was kept to a pcap file
    Save {
        file: PathBuf,
        /// Only this Call-ID
        #[arg(long)]
        call: Option<String>,
        #[command(flatten)]
        config: Config,
    },
}

#[derive(Subcommand)]
enum Setting {
    /// What is logged
    Log {
        /// error, warn, info, debug, trace; finer: info,strowger::net=debug
        level: String,
        #[command(flatten)]
        config: Config,
    },
}

#[derive(Args)]
struct Config {
    /// The main file
    #[arg(long, short, env = "STROWGER_CONFIG", default_value = CONFIG)]
    config: PathBuf,
}

#[derive(Args)]
struct TestCall {
    /// What to dial
    #[arg(default_value = "800")]
    number: String,
    /// Where the switch listens for SIP over UDP; unless given, what its main file and the environment say
    #[arg(long)]
    server: Option<SocketAddr>,
    #[command(flatten)]
    config: Config,
    /// Where to call from: the demo trunk's address
    #[arg(long, default_value = "127.0.0.1:5080")]
    from: SocketAddr,
    /// The number shown to the called side
    #[arg(long, default_value = "+351210000001")]
    caller: String,
    /// Seconds until the caller hangs up by himself
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Write what was heard to this WAV file
    #[arg(long)]
    record: Option<PathBuf>,
}

impl TestCall {
    fn length(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// The whole program. Returns the exit status: 0 done, 1 failed, 2 not understood.
pub fn main(give_back: fn()) -> ExitCode {
    crate::server::threads::set_give_back(give_back);
    let default = Command::Run(Config { config: env::var_os("STROWGER_CONFIG").map_or(CONFIG.into(), PathBuf::from) });
    let command = Cli::parse().command.unwrap_or(default);
    if !matches!(command, Command::Run(_)) {
        end_with_the_reader();
    }
    let done = match command {
        Command::Run(config) => run::run(&config.config),
        Command::Check { file } => check::check(&file),
        Command::Dump(config) => check::dump(&config.config),
        Command::Diff { old, new } => check::diff(&old, &new),
        Command::TestCall(call) => test_call::test_call(&call),
        Command::Health(config) => health::health(&config.config),
        Command::Show { what, json, config } => operate::show(&config.config, what, json),
        Command::Set { what: Setting::Log { level, config } } => operate::set_log(&config.config, &level),
        Command::Trace { what: Tracing::On { number, call, source, config } } => {
            let filter = serde_json::json!({ "number": number, "call": call, "source": source });
            operate::trace(&config.config, filter)
        }
        Command::Trace { what: Tracing::Off(config) } => operate::end_traces(&config.config),
        Command::Trace { what: Tracing::Save { file, call, config } } => {
            operate::save_trace(&config.config, &file, call.as_deref())
        }
        Command::Reload(config) => operate::reload(&config.config),
        Command::Drain(config) => operate::drain(&config.config),
        Command::Simulate(wanted) => simulate::simulate(&wanted),
        Command::Why { call, config } => why::why(&config.config, &call),
        Command::Flight(config) => operate::save_flight(&config.config),
        Command::Replay(wanted) => replay::run(&wanted),
        Command::HashPassword => check::hash_password(),
        Command::DecodeClip { settings } => crate::server::decoding::answer(settings).map_err(Failed::from),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// `strowger show calls | head`: whoever prints ends quietly when nobody reads on. A switch must not.
fn end_with_the_reader() {
    // SAFETY: before any thread is started, and the default action needs no handler of ours.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// What is printed before the program ends with 1.
type Failed = Box<dyn std::error::Error>;

/// The environment's variables that are text.
fn environment() -> Vec<(String, String)> {
    env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?))).collect()
}
