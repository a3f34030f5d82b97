//! What the Dockerfile says, done in a folder: no engine for containers is needed to know that it would start.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::running::{BINARY, folder, free_ports, now, pause};

/// Longer than any start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The instructions of its last stage, with their arguments.
fn last_stage(text: &str) -> Vec<(String, String)> {
    let lines = text.replace("\\\n", " ");
    let instructions = lines.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut stage = Vec::new();
    for line in instructions {
        let (instruction, arguments) = line.split_once(' ').unwrap();
        if instruction == "FROM" {
            stage.clear();
        }
        stage.push((instruction.to_owned(), arguments.trim().to_owned()));
    }
    stage
}

/// The one with this name.
fn argument<'a>(stage: &'a [(String, String)], name: &str) -> &'a str {
    let mut of_name = stage.iter().filter(|(instruction, _)| instruction == name);
    let (_, argument) = of_name.next().unwrap();
    assert!(of_name.next().is_none(), "{name} twice");
    argument
}

/// A command in the form of a list.
fn words(list: &str) -> Vec<String> {
    serde_json::from_str(&list[list.find('[').unwrap()..]).unwrap()
}

fn command(words: &[String], environment: &BTreeMap<String, String>) -> Command {
    assert_eq!(words[0], "/usr/local/bin/strowger");
    let mut command = Command::new(BINARY);
    command.args(&words[1..]).envs(environment).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn is_healthy(check: &[String], environment: &BTreeMap<String, String>) -> bool {
    command(check, environment).status().unwrap().success()
}

/// Ended with the test, however that ends.
struct Switch(Child);

impl Switch {
    fn until(&mut self, met: impl Fn() -> bool) {
        let begun = now();
        while !met() {
            assert_eq!(self.0.try_wait().unwrap(), None, "it ended");
            assert!(now() - begun < PATIENCE, "not within {PATIENCE:?}");
            pause();
        }
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// OP-05: its user is nobody's and owns the volume; with the files it copies and in the environment it sets the image's command starts the switch; its
/// health check says so and nothing else; its stop signal ends it in good order.
#[test]
fn the_image_starts_is_healthy_and_stops_as_its_recipe_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stage = last_stage(&fs::read_to_string(root.join("Dockerfile")).unwrap());
    // By number: there is no list of users in it.
    let user = argument(&stage, "USER");
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{user}");
    let state =
        stage.iter().find(|(instruction, copied)| instruction == "COPY" && copied.ends_with(" /var/lib/")).unwrap();
    assert!(state.1.contains(&format!("--chown={user} ")), "what it keeps is that user's: {}", state.1);
    assert_eq!(argument(&stage, "STOPSIGNAL"), "SIGTERM");

    let image = folder("image");
    let inside = |path: &str| image.join(path.trim_start_matches('/'));
    for (_, copied) in stage.iter().filter(|(instruction, copied)| instruction == "COPY" && !copied.starts_with("--")) {
        let files: Vec<&str> = copied.split_whitespace().collect();
        let (to, files) = files.split_last().unwrap();
        fs::create_dir_all(inside(to)).unwrap();
        for file in files {
            let from = root.join(file);
            fs::copy(&from, inside(to).join(from.file_name().unwrap())).unwrap();
        }
    }
    fs::create_dir_all(inside(argument(&stage, "VOLUME"))).unwrap();
    let mut environment: BTreeMap<String, String> = argument(&stage, "ENV")
        .split_whitespace()
        .map(|set| set.split_once('=').unwrap())
        .map(|(name, value)| {
            (name, if value.starts_with('/') { inside(value).display().to_string() } else { value.into() })
        })
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let http = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    environment.insert("STROWGER_HTTP_LISTEN".into(), http.to_string());
    environment.insert("STROWGER_SIP_LISTEN".into(), "udp:127.0.0.1:0".into());
    environment.insert("STROWGER_RTP_PORTS".into(), free_ports());

    let check = words(argument(&stage, "HEALTHCHECK"));
    assert!(!is_healthy(&check, &environment), "nothing runs yet");
    let mut start = command(&words(argument(&stage, "ENTRYPOINT")), &environment);
    let mut switch = Switch(start.current_dir(inside(argument(&stage, "WORKDIR"))).spawn().unwrap());
    switch.until(|| is_healthy(&check, &environment));
    // SAFETY: a signal to a child of ours that has not been waited for.
    unsafe { libc::kill(switch.0.id() as i32, libc::SIGTERM) };
    assert_eq!(switch.0.wait().unwrap().code(), Some(0));
    assert!(!is_healthy(&check, &environment), "it has ended");
    assert!(inside("/var/lib/strowger/data/journal.db").exists(), "what it keeps is in the volume");
}
