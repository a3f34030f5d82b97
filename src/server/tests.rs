use std::path::PathBuf;

/// A folder of its own for one test, which takes it away at its end.
pub fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("strowger-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
