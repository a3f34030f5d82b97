//! The order of the house, checked: floors look down only, nothing impure in the pure floors, files that fit in a head,
//! names, documents that tell the truth, licences.

mod claims;
mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use source::Source;

/// Each floor and the floors it may use; what is declared in a line may use nothing that is declared below it.
const FLOORS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("wire", &["base"]),
    ("sip", &["base", "wire"]),
    ("media", &["base", "wire"]),
    ("switch", &["base", "wire", "sip", "media"]),
    ("acd", &["base"]),
    ("engine", &["base", "wire", "sip", "media", "switch", "acd"]),
    ("settings", &["base", "wire", "sip", "media", "switch", "acd", "engine"]),
    ("net", &["base", "wire", "sip", "engine"]),
    ("plane", &["base", "wire", "media"]),
    ("store", &["base", "switch", "acd", "media", "engine"]),
    ("api", &["base", "switch", "acd", "engine", "settings", "store"]),
    ("server", &SHELL_SEES),
    ("cli", &SHELL_SEES),
    ("main", &["cli"]),
];

const SHELL_SEES: [&str; 13] =
    ["base", "wire", "sip", "media", "switch", "acd", "engine", "settings", "net", "plane", "store", "api", "server"];

const PURE: [&str; 8] = ["base", "wire", "sip", "media", "switch", "acd", "engine", "settings"];

/// The rooms beside the loop see the values that records, snapshots and requests are made of, never a machine; `net`
/// sees what a path is.
const NOT_FOR: &[(&str, &[&str])] = &[
    ("net", &["engine::Engine", "sip::Stack", "sip::registrar", "sip::digest"]),
    ("store", &["engine::Engine", "switch::Switch", "acd::Acd", "media::Core"]),
    ("api", &["engine::Engine", "switch::Switch", "acd::Acd"]),
];

/// What waits, reads a clock, keeps a lock or touches the world.
const IMPURE: &[&str] = &[
    "std::net::UdpSocket",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::ToSocketAddrs",
    "std::os",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::thread",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::Condvar",
    "std::sync::Barrier",
    "std::sync::mpsc",
    "std::sync::atomic",
    "std::env",
    "std::fs",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::process",
    "tokio",
    "rand",
    "getrandom",
    "libc",
    "socket2",
    "axum",
    "sqlx",
    "metrics",
];

/// A file of this length no longer fits in a head.
const LINES_MAX: usize = 800;

const NAMES_WE_DO_NOT_WRITE: [&str; 7] = ["Manager", "Helper", "Util", "Utils", "Service", "Info", "Data"];

fn house() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` with the ending, in order.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![house().join(folder)];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn rust_files() -> Vec<PathBuf> {
    ["src", "sip-tests", "benches", "fuzz/fuzz_targets"].iter().flat_map(|folder| files(folder, "rs")).collect()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(house()).unwrap_or(path).display().to_string()
}

fn floor_of(path: &Path) -> String {
    let inside = path.strip_prefix(house().join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn is_test_file(path: &Path) -> bool {
    path.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs" | "sip-tests")))
}

fn none(troubles: &[String]) {
    assert!(troubles.is_empty(), "\n{}\n", troubles.join("\n"));
}

fn below(path: &str, what: &str) -> bool {
    path.strip_prefix(what).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn floors_look_down_only() {
    let table: BTreeMap<_, _> = FLOORS.iter().copied().collect();
    let mut troubles = Vec::new();
    for path in files("src", "rs") {
        let floor = floor_of(&path);
        if floor == "lib" {
            continue;
        }
        let Some(may) = table.get(floor.as_str()) else {
            troubles.push(format!("{}: no floor is called {floor}", shown(&path)));
            continue;
        };
        let text = fs::read_to_string(&path).unwrap();
        for used in Source::read(&text).paths() {
            let crate_name = if floor == "main" { "strowger::" } else { "crate::" };
            let Some(used) = used.strip_prefix(crate_name) else { continue };
            let first = used.split("::").next().unwrap_or_default();
            if table.contains_key(first) && first != floor && !may.contains(&first) {
                troubles.push(format!("{}: {floor} may not use {used}", shown(&path)));
            }
            for (room, hidden) in NOT_FOR {
                if *room == floor && hidden.iter().any(|hidden| below(used, hidden)) {
                    troubles.push(format!("{}: {used} is not for {floor}", shown(&path)));
                }
            }
        }
    }
    none(&troubles);
}

#[test]
fn pure_floors_are_pure() {
    let mut troubles = Vec::new();
    for path in files("src", "rs") {
        let floor = floor_of(&path);
        if !PURE.contains(&floor.as_str()) || is_test_file(&path) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let source = Source::read(&text).without_tests();
        for used in source.paths() {
            if IMPURE.iter().any(|impure| below(&used, impure)) {
                troubles.push(format!("{}: {used} has no place in {floor}", shown(&path)));
            }
        }
        for word in ["async", "await", "println", "eprintln", "UnsafeCell", "thread_local"] {
            if source.has_word(word) {
                troubles.push(format!("{}: `{word}` has no place in {floor}", shown(&path)));
            }
        }
    }
    none(&troubles);
}

#[test]
fn files_fit_in_a_head() {
    let long = rust_files().into_iter().filter_map(|path| {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        (lines > LINES_MAX).then(|| format!("{}: {lines} lines", shown(&path)))
    });
    none(&long.collect::<Vec<_>>());
}

#[test]
fn types_are_called_what_they_are() {
    let mut troubles = Vec::new();
    for path in rust_files() {
        let text = fs::read_to_string(&path).unwrap();
        for name in Source::read(&text).declared_types() {
            if name == "Inner" || NAMES_WE_DO_NOT_WRITE.iter().any(|word| name.ends_with(word)) {
                troubles.push(format!("{}: {name}", shown(&path)));
            }
        }
    }
    none(&troubles);
}

#[test]
fn tests_do_not_sleep() {
    let mut troubles = Vec::new();
    for path in rust_files().into_iter().filter(|path| is_test_file(path)) {
        let text = fs::read_to_string(&path).unwrap();
        if Source::read(&text).paths().any(|used| used.ends_with("thread::sleep") || used.ends_with("time::sleep")) {
            troubles.push(shown(&path));
        }
    }
    none(&troubles);
}

#[test]
fn a_test_cites_few_features() {
    let mut troubles = Vec::new();
    for path in rust_files() {
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let cited = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|w| is_feature(w)).count();
            if cited > 3 {
                troubles.push(format!("{}:{} cites {cited}", shown(&path), number + 1));
            }
        }
    }
    none(&troubles);
}

fn is_feature(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() == 5
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2] == b'-'
        && bytes[3..].iter().all(u8::is_ascii_digit)
}

#[test]
fn documents_name_what_exists() {
    let mut troubles = Vec::new();
    for document in ["README.md", "ARCHITECTURE.md", "SECURITY.md"] {
        let text = fs::read_to_string(house().join(document)).unwrap_or_default();
        for named in text.split('`').skip(1).step_by(2) {
            let is_path = named.contains('/') && !named.starts_with(['/', '-', '.', '~']) && named.is_ascii()
                || named.ends_with(".md")
                || named.ends_with(".rs");
            let plain = named.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            let made_later = ["data/", "target/"].iter().any(|made| named.starts_with(made));
            if is_path && plain && !made_later && !house().join(named).exists() {
                troubles.push(format!("{document}: `{named}` does not exist"));
            }
        }
    }
    none(&troubles);
}

/// Licences that may stand in what we ship.
const LICENCES: [&str; 12] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "Unlicense",
    "MPL-2.0",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
];

/// Their manifest names a licence file instead of a licence; the file was read.
const READ_BY_HAND: [(&str, &str); 2] = [("rsip", "MIT"), ("rsip-derives", "MIT")];

/// Two versions of these at once would mean two runtimes, two buffers or two of a protocol.
const ONE_OF_A_KIND: [&str; 9] =
    ["tokio", "bytes", "serde", "axum", "hyper", "sqlx-core", "tracing", "socket2", "metrics"];

fn packages() -> Vec<serde_json::Value> {
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc");
    let said = String::from_utf8(rustc.stdout).unwrap();
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", host])
        .current_dir(house())
        .output()
        .expect("cargo");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let mut tree: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let serde_json::Value::Array(packages) = tree["packages"].take() else { panic!("cargo lists no packages") };
    packages
}

/// `A OR B` needs one we allow, `A AND B` both.
fn allowed(licence: &str) -> bool {
    let either = licence.replace('/', " OR ").replace(['(', ')'], "");
    either.split(" AND ").all(|all| all.split(" OR ").any(|one| LICENCES.contains(&one.trim())))
}

#[test]
fn licences_are_allowed_and_key_crates_stand_once() {
    let mut seen = BTreeMap::<String, BTreeSet<String>>::new();
    let mut troubles = Vec::new();
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        let read = READ_BY_HAND.iter().find(|(known, _)| *known == name).map(|(_, licence)| *licence);
        let licence = package["license"].as_str().or(read).unwrap_or("none");
        if !allowed(licence) {
            troubles.push(format!("{name}: {licence}"));
        }
        seen.entry(name.to_owned()).or_default().insert(package["version"].to_string());
    }
    for name in ONE_OF_A_KIND {
        if seen.get(name).is_some_and(|versions| versions.len() > 1) {
            troubles.push(format!("{name} stands more than once: {:?}", seen[name]));
        }
    }
    none(&troubles);
}
