// Sound clips: what may be played, and their upload. Playing is asked of the switch; both sides hear what it does.

import { signal } from "@preact/signals";
import { act, isAnothers, request, shown } from "./api.js";
import { tell } from "./store.js";
import { t } from "./words.js";

/** @typedef {{ clip: string, name: string, tags: string[], public: boolean, archived: boolean, own: boolean, millis: number }} Clip */

/** Those that may be played. */
export const clips = signal(/** @type {Clip[]} */ ([]));

/** Those that are put away. */
export const archive = signal(/** @type {Clip[]} */ ([]));

export async function readClips() {
  const [kept, away] = await Promise.all([request("GET", "/clips"), request("GET", "/clips?archived=true")]);
  if (kept.ok) clips.value = kept.json.clips;
  if (away.ok) archive.value = away.json.clips;
}

/** @param {string} call @param {string} clip @param {{ agent_hears?: boolean, with_talk?: boolean, hang_up?: boolean }} how */
export const playClip = (call, clip, how) => act("POST", `/calls/${call}/clip`, { clip, ...how });

/** @param {string} call */
export const stopClip = (call) => act("DELETE", `/calls/${call}/clip`);

/** @param {string} clip @param {object} change what is left out stays */
export async function changeClip(clip, change) {
  await act("PUT", `/clips/${clip}`, change);
  await readClips();
}

/** @param {string} clip */
export async function deleteClip(clip) {
  await act("DELETE", `/clips/${clip}`);
  await readClips();
}

/** The file as it is: the switch finds out what it is. @param {File} file */
export const uploadClip = (file) => send("POST", `/clips?name=${encodeURIComponent(nameOf(file.name.replace(/\.[^.]*$/, "")))}`, file);

/** @param {Blob} file @param {string} name */
export const keepClip = (file, name) => send("POST", `/clips?name=${encodeURIComponent(nameOf(name))}`, file);

/** Another sound under the same name. @param {string} clip @param {Blob} file */
export const recordAnew = (clip, file) => send("PUT", `/clips/${clip}/sound`, file);

/** @param {string} name */
const nameOf = (name) => name.trim().slice(0, 80) || t("clips.unnamed");

/** @param {string} method @param {string} path @param {Blob} body */
async function send(method, path, body) {
  try {
    const response = await fetch(`/api/v1${path}`, { method, body, headers: { ...shown(), "Content-Type": "application/octet-stream" } });
    if (!response.ok) {
      const problem = await response.json().catch(() => null);
      if (isAnothers(problem)) return;
      tell(problem?.detail || problem?.title || t("failed"), problem?.hint);
    }
  } catch {
    tell(t("failed"));
  }
  await readClips();
}
