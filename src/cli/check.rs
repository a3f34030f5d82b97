//! Files: checked, dumped, compared.

use std::{io, path::Path};

use super::{Failed, environment};
use crate::{
    api::password,
    server::{read_files, recall_passwords},
    settings::{Loaded, difference, dump as dump_text},
};

pub fn check(file: &Path) -> Result<(), Failed> {
    let Loaded { server, files } = read_files(file, &environment())?;
    let centre = &files.centre;
    println!(
        "{}: good. {} users, {} agents, {} queues, {} groups, {} trunks, {} numbers.",
        file.display(),
        centre.users.len(),
        centre.acd.agents.len(),
        centre.acd.queues.len(),
        centre.groups.len(),
        centre.trunks.len(),
        centre.routes.len(),
    );
    let listeners: Vec<String> = server.sip.listen.iter().map(ToString::to_string).collect();
    println!("SIP at {}, pages at http://{}/, data in {}.", listeners.join(" "), server.http.listen, server.data_dir);
    Ok(())
}

pub fn dump(file: &Path) -> Result<(), Failed> {
    let Loaded { server, mut files } = read_files(file, &environment())?;
    recall_passwords(&mut files.centre, &files.generated, Path::new(&server.data_dir), &server.realm)?;
    print!("{}", dump_text(&files.centre, &files.clips));
    Ok(())
}

pub fn diff(old: &Path, new: &Path) -> Result<(), Failed> {
    let (old, new) = (read_files(old, &[])?.files, read_files(new, &[])?.files);
    let lines = difference(&old.centre, &old.clips, &new.centre, &new.clips);
    if lines.is_empty() {
        println!("no difference");
    }
    for line in lines {
        println!("{line}");
    }
    Ok(())
}

pub fn hash_password() -> Result<(), Failed> {
    eprintln!("password, then Enter:");
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() || password.len() > password::PASSWORD_MAX {
        return Err(format!("expected 1 to {} characters", password::PASSWORD_MAX).into());
    }
    println!("page_password = \"{}\"", password::hash(password)?.reveal());
    Ok(())
}
