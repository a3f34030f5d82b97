// Sound clips: what may be played, and their upload. Playing is asked of the switch; both sides hear what it does.

import { signal } from "@preact/signals";
import { act, request } from "./api.js";
import { tell } from "./store.js";
import { t } from "./words.js";

/** @typedef {{ clip: string, name: string, tags: string[], public: boolean, archived: boolean, own: boolean, millis: number }} Clip */

/** Those that may be played. */
export const clips = signal(/** @type {Clip[]} */ ([]));

export async function readClips() {
  const { ok, json } = await request("GET", "/clips");
  if (ok) clips.value = json.clips;
}

/** @param {string} call @param {string} clip @param {{ agent_hears?: boolean, hang_up?: boolean }} how */
export const playClip = (call, clip, how) => act("POST", `/calls/${call}/clip`, { clip, ...how });

/** @param {string} call */
export const stopClip = (call) => act("DELETE", `/calls/${call}/clip`);

/** @param {string} clip @param {object} change what is left out stays */
export async function changeClip(clip, change) {
  await act("PUT", `/clips/${clip}`, change);
  await readClips();
}

/** The file as it is: the switch finds out what it is. @param {File} file */
export async function uploadClip(file) {
  const name = file.name.replace(/\.[^.]*$/, "").slice(0, 80) || t("clips.unnamed");
  try {
    const response = await fetch(`/api/v1/clips?name=${encodeURIComponent(name)}`, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
    if (!response.ok) {
      const problem = await response.json().catch(() => null);
      tell(problem?.detail || problem?.title || t("failed"), problem?.hint);
    }
  } catch {
    tell(t("failed"));
  }
  await readClips();
}
