//! All files of one switch read and judged together.

use super::{
    CentreFiles, ServerSettings, centre,
    fault::{Faults, Mark, Places, Report, Source},
    read::{self, Environment, Section},
    server::{self, ENVIRONMENT_PREFIX},
};

/// Why an empty file is not taken: an editor empties a file before it writes it, and taken for settings that would remove the
/// whole centre.
const EMPTY: &str = "it is empty";
const HINT_EMPTY: &str = "was it being saved? One that shall say nothing has a comment in it: # nothing";

/// A file that the main file includes, as the shell found it.
#[derive(Clone, Debug)]
pub struct Included {
    /// As the `include` key names it.
    pub name: String,
    /// Its text, or why it could not be read.
    pub text: Result<Source, String>,
}

/// Everything the files say.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub server: ServerSettings,
    pub files: CentreFiles,
    pub places: Places,
}

/// What the main file says of the server, as far as it can be read: to find a running switch while somebody is changing
/// its files. The flag tells whether all of it could be read.
pub fn server_as_read(main: Source, environment: &[(String, String)]) -> (ServerSettings, bool) {
    let sources = gather(main, Vec::new(), environment);
    let report = Report::new(&sources);
    let overrides = overrides(&sources, 1);
    let table = read::parse(&sources, 0, &report);
    let root = Section::root(&report, 0, &table).overridden_by(&overrides, ENVIRONMENT_PREFIX);
    let settings = server::read(&root, &overrides);
    (settings, report.is_clean())
}

/// The files that the main file includes, relative to it. What is wrong with the file is told by [`load`].
pub fn includes(main: &Source, environment: &[(String, String)]) -> Vec<String> {
    let sources = gather(main.clone(), Vec::new(), environment);
    let report = Report::new(&sources);
    let overrides = overrides(&sources, 1);
    let table = read::parse(&sources, 0, &report);
    let root = Section::root(&report, 0, &table).overridden_by(&overrides, ENVIRONMENT_PREFIX);
    root.texts("include").unwrap_or_default().into_iter().map(|at| at.value).collect()
}

/// Reads the main file with the environment over it and the centre out of it and of the included files. All are handed
/// in: this floor opens no file and reads no environment. Every fault of every file is told together.
///
/// `environment` may hold any variables; those with [`ENVIRONMENT_PREFIX`] count, and unknown ones among them are
/// faults.
pub fn load(main: Source, included: Vec<Included>, environment: &[(String, String)]) -> Result<Loaded, Faults> {
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    for file in included {
        match file.text {
            Ok(source) if source.text.trim().is_empty() => unreadable.push((file.name, String::from(EMPTY))),
            Ok(source) => found.push(source),
            Err(why) => unreadable.push((file.name, why)),
        }
    }
    let files = found.len() + 1;
    let sources = gather(main, found, environment);
    let report = Report::new(&sources);
    let overrides = overrides(&sources, files);
    let tables: Vec<_> = (0..files).map(|index| read::parse(&sources, index, &report)).collect();
    if sources.first().is_some_and(|main| main.text.trim().is_empty()) {
        report.fault(Mark::default(), EMPTY, Some(String::from(HINT_EMPTY)));
    }
    if !report.is_clean() {
        // What else would be found is mostly a consequence.
        return Err(report.finish().err().unwrap_or(Faults(Vec::new())));
    }
    let mut roots = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        let root = Section::root(&report, index, table);
        roots.push(if index == 0 { root.overridden_by(&overrides, ENVIRONMENT_PREFIX) } else { root });
    }
    let server = roots.first().map(|root| server::read(root, &overrides));
    let server = server.unwrap_or_else(ServerSettings::preset);
    for (name, why) in unreadable {
        let mark = server.include.iter().find(|at| at.value == name).map_or(Mark::default(), |at| at.mark);
        let hint = match why.as_str() {
            EMPTY => HINT_EMPTY,
            _ => "files are looked for beside the main file",
        };
        let hint = Some(String::from(hint));
        report.fault(mark, format!("include: \"{name}\" can't be read: {why}"), hint);
    }
    let files = centre::read(&roots, &report, &server);
    for root in roots {
        root.finish();
    }
    report.finish()?;
    drop(tables);
    Ok(Loaded { server, files, places: Places::new(sources) })
}

fn gather(main: Source, included: Vec<Source>, environment: &[(String, String)]) -> Vec<Source> {
    let mut sources = vec![main];
    sources.extend(included);
    let ours = environment.iter().filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX));
    sources.extend(ours.map(|(name, text)| Source::new(name, text)));
    sources
}

fn overrides(sources: &[Source], first: usize) -> Environment<'_> {
    let variables = sources.iter().enumerate().skip(first);
    variables.map(|(index, source)| (source.name.as_str(), (index, source.text.as_str()))).collect()
}
