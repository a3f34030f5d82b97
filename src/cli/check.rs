//! Files: checked, dumped, compared.

use std::{io, path::Path};

use super::{Failed, environment};
use crate::{
    api::password,
    server::{check_certificate, needs_restart, read_files, read_sounds, recall_passwords},
    settings::{Loaded, difference, dump as dump_text, server_difference},
};

pub fn check(file: &Path) -> Result<(), Failed> {
    let Loaded { server, files, places } = read_files(file, &environment())?;
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    check_certificate(&server, folder, &places)?;
    read_sounds(&files.clips, folder, &places)?;
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
    let Loaded { server, mut files, .. } = read_files(file, &environment())?;
    recall_passwords(&mut files.centre, &files.generated, Path::new(&server.data_dir), &server.realm)?;
    print!("{}", dump_text(&files));
    Ok(())
}

pub fn diff(old: &Path, new: &Path) -> Result<(), Failed> {
    let (old, new) = (read_files(old, &[])?, read_files(new, &[])?);
    let mut lines = server_difference(&old.places, &new.places);
    lines.extend(difference(&old.files, &new.files));
    let restart = needs_restart(&old.server, &new.server);
    lines.extend(restart.iter().map(|section| format!("! {section}: counts from the next start on")));
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
