//! Sound clips (SC-01 to SC-06): one's own, and public ones, which supervisors keep.

use std::sync::Arc;

use axum::{
    Json,
    body::{self, Body as Octets},
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Asked, Body, DONE, Done, live_calls::own_call, number};
use crate::{
    api::{Api, Problem, Signed, clips::too_large},
    base::{ClipId, Wall},
    engine::{ClipPlay, Request, UPLOAD_BYTES_MAX},
    store::{DatabaseError, Role, StoredClip},
};

const NO_CLIP: &str = "There is no such clip; it may have been deleted.";

/// Characters of a name or a tag, and tags of one clip.
const NAME_MAX: usize = 80;
const TAGS_MAX: usize = 12;

#[derive(Debug, Serialize)]
struct ClipView {
    clip: String,
    name: String,
    tags: Vec<String>,
    public: bool,
    archived: bool,
    /// He may change it.
    own: bool,
    millis: u64,
    sha256: String,
    created: Wall,
    changed: Wall,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewClip {
    name: String,
    /// With commas between them.
    #[serde(default)]
    tags: String,
    #[serde(default)]
    public: bool,
}

/// What is left out stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipChange {
    name: Option<String>,
    tags: Option<Vec<String>>,
    public: Option<bool>,
    archived: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shelf {
    /// The archive, in place of what may be played.
    #[serde(default)]
    archived: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPlay {
    clip: String,
    #[serde(default)]
    from_ms: u32,
    #[serde(default = "yes")]
    agent_hears: bool,
    #[serde(default)]
    with_talk: bool,
    #[serde(default)]
    hang_up: bool,
}

const fn yes() -> bool {
    true
}

/// `GET /api/v1/clips`: one's own and the public ones; `?archived=true` for what is put away.
pub async fn list(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Asked(shelf): Asked<Shelf>,
) -> Result<Json<Value>, Problem> {
    let stored = api.database.clips().await.map_err(away)?;
    let shown = stored.into_iter().filter(|clip| clip.archived == shelf.archived && sees(&signed, clip));
    Ok(Json(json!({ "clips": shown.map(|clip| view(&signed, clip)).collect::<Vec<_>>() })))
}

/// `POST /api/v1/clips?name=…`: the body is the file.
pub async fn create(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Asked(new): Asked<NewClip>,
    file: Octets,
) -> Result<Json<Value>, Problem> {
    if new.public {
        signed.needs(Role::Supervisor)?;
    }
    let tags: Vec<String> =
        new.tags.split(',').map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()).collect();
    check(&new.name, &tags)?;
    let _upload = api.clips.upload()?;
    let sound = api.decode_clip(received(file).await?).await?;
    let _change = api.clips.change().await;
    let stored = api.database.clips().await.map_err(away)?;
    let owner = signed.user.user;
    Api::check_room(&stored, owner, &sound)?;
    let now = (api.clock)().wall;
    let clip = StoredClip {
        clip: Api::next_clip(&stored),
        owner,
        public: new.public,
        name: new.name,
        tags,
        millis: 0,
        sha256: String::new(),
        archived: false,
        created: now,
        changed: now,
    };
    let clip = api.keep_clip(clip, sound).await?;
    tracing::info!(by = signed.user.name, clip = %clip.clip, millis = clip.millis, "a clip was uploaded");
    Ok(Json(json!({ "clip": view(&signed, clip) })))
}

/// `PUT /api/v1/clips/{clip}`: name, tags, for whom, archived or not.
pub async fn change(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(clip): Path<String>,
    Body(change): Body<ClipChange>,
) -> Result<Json<Value>, Problem> {
    let _change = api.clips.change().await;
    let before = his(&api, &signed, &clip).await?;
    if change.public.is_some_and(|public| public != before.public) {
        signed.needs(Role::Supervisor)?;
    }
    let clip = StoredClip {
        name: change.name.unwrap_or_else(|| before.name.clone()),
        tags: change.tags.unwrap_or_else(|| before.tags.clone()),
        public: change.public.unwrap_or(before.public),
        archived: change.archived.unwrap_or(before.archived),
        changed: (api.clock)().wall,
        ..before.clone()
    };
    check(&clip.name, &clip.tags)?;
    api.database.put_clip(&clip).await.map_err(away)?;
    match (before.archived, clip.archived) {
        (false, true) => api.handle.drop_clip(clip.clip),
        (true, false) => api.offer_clip(clip.clone()).await?,
        (true, true) | (false, false) => {}
    }
    Ok(Json(json!({ "clip": view(&signed, clip) })))
}

/// `PUT /api/v1/clips/{clip}/sound`: recorded anew.
pub async fn record_anew(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(clip): Path<String>,
    file: Octets,
) -> Result<Json<Value>, Problem> {
    his(&api, &signed, &clip).await?;
    let _upload = api.clips.upload()?;
    let sound = api.decode_clip(received(file).await?).await?;
    let _change = api.clips.change().await;
    let before = his(&api, &signed, &clip).await?;
    let clip = api.keep_clip(StoredClip { changed: (api.clock)().wall, ..before }, sound).await?;
    Ok(Json(json!({ "clip": view(&signed, clip) })))
}

/// `GET /api/v1/clips/{clip}/sound`: as it is played, a WAV file.
pub async fn sound(State(api): State<Arc<Api>>, signed: Signed, Path(clip): Path<String>) -> Result<Response, Problem> {
    let clip = seen(&api, &signed, &clip).await?;
    let octets = api.clip_octets(clip).await?;
    Ok(([(header::CONTENT_TYPE, "audio/wav"), (header::CACHE_CONTROL, "no-store")], octets).into_response())
}

/// `DELETE /api/v1/clips/{clip}`
pub async fn delete(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(clip): Path<String>,
) -> Result<Json<Done>, Problem> {
    let _change = api.clips.change().await;
    let clip = his(&api, &signed, &clip).await?;
    tracing::info!(by = signed.user.name, clip = %clip.clip, "a clip was deleted");
    api.forget_clip(clip).await?;
    Ok(DONE)
}

/// `POST /api/v1/calls/{call}/clip`: plays one in a call of a queue or campaign; with `hang_up` the call ends behind it.
pub async fn play(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(call): Path<String>,
    Body(new): Body<NewPlay>,
) -> Result<Json<Done>, Problem> {
    let (call, actor) = own_call(&api, &signed, &call).await?;
    let clip = seen(&api, &signed, &new.clip).await?;
    if clip.archived {
        return Err(Problem::not_found("This clip is in the archive.").hint("Take it out of the archive first."));
    }
    if u64::from(new.from_ms) >= clip.millis {
        return Err(Problem::bad_request("The clip is not that long.").hint("Give from_ms less than its millis."));
    }
    if new.with_talk && new.hang_up {
        return Err(
            Problem::bad_request("with_talk and hang_up exclude each other.").hint("Behind hang_up nobody talks.")
        );
    }
    let NewPlay { from_ms, agent_hears, with_talk, hang_up, .. } = new;
    let play = ClipPlay { clip: clip.clip, from_ms, agent_hears, with_talk, hang_up };
    api.ask(actor, Request::PlayClip { call, play }).await?;
    Ok(DONE)
}

/// `DELETE /api/v1/calls/{call}/clip`: stops it; they talk on.
pub async fn stop(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(call): Path<String>,
) -> Result<Json<Done>, Problem> {
    let (call, actor) = own_call(&api, &signed, &call).await?;
    api.ask(actor, Request::StopClip { call }).await?;
    Ok(DONE)
}

async fn received(file: Octets) -> Result<Vec<u8>, Problem> {
    let octets = body::to_bytes(file, UPLOAD_BYTES_MAX).await;
    let limit = || format!("A file may have {} MB, and must come whole.", UPLOAD_BYTES_MAX >> 20);
    let octets = octets.map_err(|_| too_large(limit()))?;
    Ok(octets.into())
}

fn check(name: &str, tags: &[String]) -> Result<(), Problem> {
    let fits = |text: &str| (1..=NAME_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if !fits(name) {
        return Err(Problem::bad_request(format!("Give it a name of 1 to {NAME_MAX} characters.")));
    }
    if tags.len() > TAGS_MAX || !tags.iter().all(|tag| fits(tag)) {
        return Err(Problem::bad_request(format!("At most {TAGS_MAX} tags of 1 to {NAME_MAX} characters.")));
    }
    Ok(())
}

fn away(why: DatabaseError) -> Problem {
    Problem::unavailable(why.to_string())
}

/// One's own, and the public ones; administrators see all.
fn sees(signed: &Signed, clip: &StoredClip) -> bool {
    clip.public || clip.owner == signed.user.user || signed.user.role == Role::Admin
}

/// One's own; the public ones are every supervisor's.
fn may_change(signed: &Signed, clip: &StoredClip) -> bool {
    let role = signed.user.role;
    let keeps = if clip.public { role >= Role::Supervisor } else { clip.owner == signed.user.user };
    keeps || role == Role::Admin
}

async fn seen(api: &Api, signed: &Signed, clip: &str) -> Result<StoredClip, Problem> {
    let clip = api.database.clip(ClipId(number(clip, NO_CLIP)?)).await.map_err(away)?;
    clip.filter(|clip| sees(signed, clip)).ok_or_else(|| Problem::not_found(NO_CLIP))
}

async fn his(api: &Api, signed: &Signed, clip: &str) -> Result<StoredClip, Problem> {
    let clip = seen(api, signed, clip).await?;
    if may_change(signed, &clip) {
        return Ok(clip);
    }
    Err(Problem::forbidden("Public clips are kept by supervisors."))
}

fn view(signed: &Signed, clip: StoredClip) -> ClipView {
    ClipView {
        own: may_change(signed, &clip),
        clip: clip.clip.0.to_string(),
        name: clip.name,
        tags: clip.tags,
        public: clip.public,
        archived: clip.archived,
        millis: clip.millis,
        sha256: clip.sha256,
        created: clip.created,
        changed: clip.changed,
    }
}
