//! The shelf of uploaded clips: their files, their rows and the media workers, kept in step.
//!
//! A clip is on disk and in the database before anybody is told of it, and in the workers as long as it may be played.

use std::{path::Path, sync::Arc};

use tokio::{
    sync::{Mutex, MutexGuard, Semaphore},
    task::spawn_blocking,
};

use super::{Api, DecodedClip, Problem};
use crate::{
    base::{ClipId, UserId},
    store::{ClipFiles, StoredClip, UPLOADED_FIRST},
};

/// Uploads that are received and decoded at a time; each may hold some hundred megabytes meanwhile.
const UPLOADS_MAX: usize = 2;

/// Clips of one person; more are refused.
pub const CLIPS_OF_ONE_MAX: usize = 50;

/// Clips of all, and how long they may be together: the workers have them in memory, 16 kB a second, and 32 kB more where they are wide.
pub const CLIPS_MAX: usize = 1_000;
pub const CLIPS_MILLIS_MAX: u64 = 4 * 3_600_000;

#[derive(Debug)]
pub struct Clips {
    files: ClipFiles,
    uploads: Semaphore,
    /// One change at a time.
    changes: Mutex<()>,
}

impl Clips {
    pub fn new(data: &Path) -> Self {
        Self { files: ClipFiles::new(data), uploads: Semaphore::new(UPLOADS_MAX), changes: Mutex::default() }
    }

    pub fn upload(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Problem> {
        self.uploads.try_acquire().map_err(|_| Problem::unavailable("Other clips are being uploaded just now."))
    }

    pub async fn change(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().await
    }
}

impl Api {
    /// Gives the workers all clips that may be played. Call it once the database can be reached.
    pub async fn load_clips(&self) {
        let stored = match self.database.clips().await {
            Ok(stored) => stored,
            Err(why) => return tracing::error!(%why, "uploaded clips could not be read from the database"),
        };
        for clip in stored.into_iter().filter(|clip| !clip.archived) {
            let id = clip.clip;
            if let Err(problem) = self.offer_clip(clip).await {
                tracing::error!(clip = %id, why = %problem.detail, "this clip can't be played");
            }
        }
    }

    /// Has the workers know a stored clip.
    pub(super) async fn offer_clip(&self, clip: StoredClip) -> Result<(), Problem> {
        let id = clip.clip;
        let wav = self.clip_octets(clip).await?;
        self.handle.load_clip(id, wav.into()).await.map_err(Problem::unavailable)
    }

    pub(super) async fn clip_octets(&self, clip: StoredClip) -> Result<Vec<u8>, Problem> {
        let files = self.clips.files.clone();
        blocking(move || files.octets(&clip)).await
    }

    /// Decodes an upload, where it may take its time.
    pub(super) async fn decode_clip(&self, file: Vec<u8>) -> Result<DecodedClip, Problem> {
        self.handle.decode_clip(file).await.map_err(|fault| {
            if fault.is_too_much {
                return too_large(fault.why);
            }
            Problem::bad_request(fault.why).hint("Send a WAV, FLAC, MP3 or Ogg file (Vorbis, Opus) as the body.")
        })
    }

    /// Whether there is room for another clip of this owner.
    pub(super) fn check_room(stored: &[StoredClip], owner: UserId, sound: &DecodedClip) -> Result<(), Problem> {
        let millis: u64 = stored.iter().map(|clip| clip.millis).sum();
        let own = stored.iter().filter(|clip| clip.owner == owner).count();
        if own >= CLIPS_OF_ONE_MAX {
            return Err(full(format!("Nobody may have more than {CLIPS_OF_ONE_MAX} clips.")));
        }
        if stored.len() >= CLIPS_MAX || millis + sound.millis > CLIPS_MILLIS_MAX {
            return Err(full("There is no room for more clips."));
        }
        Ok(())
    }

    pub(super) fn next_clip(stored: &[StoredClip]) -> ClipId {
        let last = stored.iter().map(|clip| clip.clip.0).max();
        ClipId(last.map_or(UPLOADED_FIRST, |last| last.max(UPLOADED_FIRST) + 1))
    }

    /// Writes the sound, then the row, then tells the workers. The sound that was there before goes last.
    pub(super) async fn keep_clip(&self, clip: StoredClip, sound: DecodedClip) -> Result<StoredClip, Problem> {
        let before = Some(clip.sha256.clone()).filter(|digest| !digest.is_empty());
        let (files, id, wav) = (self.clips.files.clone(), clip.clip, Arc::<[u8]>::from(sound.wav));
        let written = Arc::clone(&wav);
        let sha256 = blocking(move || files.write(id, &written)).await?;
        let clip = StoredClip { sha256, millis: sound.millis, ..clip };
        self.database.put_clip(&clip).await.map_err(|why| Problem::unavailable(why.to_string()))?;
        if let Some(before) = before.filter(|before| *before != clip.sha256) {
            self.remove_sound(id, before).await;
        }
        if !clip.archived {
            self.handle.load_clip(id, wav).await.map_err(Problem::unavailable)?;
        }
        Ok(clip)
    }

    pub(super) async fn forget_clip(&self, clip: StoredClip) -> Result<(), Problem> {
        self.database.drop_clip(clip.clip).await.map_err(|why| Problem::unavailable(why.to_string()))?;
        self.handle.drop_clip(clip.clip);
        self.remove_sound(clip.clip, clip.sha256).await;
        Ok(())
    }

    async fn remove_sound(&self, clip: ClipId, digest: String) {
        let files = self.clips.files.clone();
        if let Err(problem) = blocking(move || files.remove(clip, &digest)).await {
            tracing::warn!(%clip, why = %problem.detail, "the file of a clip that is gone is still there");
        }
    }
}

pub fn too_large(detail: String) -> Problem {
    Problem::new(axum::http::StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is too large").detail(detail)
}

fn full(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    let problem = Problem::new(axum::http::StatusCode::CONFLICT, "full", "Not possible in the present state");
    problem.detail(detail).hint("Delete a clip that nobody needs any more; archived ones count, too.")
}

/// Disk work, off the threads that serve pages.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T, Problem> {
    let done = spawn_blocking(work).await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    done.map_err(|why| Problem::unavailable(format!("The clip's file: {why}.")))
}
