// Recordings of calls: those that whoever is signed in may hear.

import { signal } from "@preact/signals";
import { request } from "./api.js";

/** @typedef {{ segment: string, call: string, queue: string | null, agent: string | null, began: number, length_ms: number, partial: boolean, private: boolean, paused: { from_ms: number, ms: number }[], lost: { from_ms: number, ms: number }[], audio: string }} Recording */

/** The newest first. */
export const recordings = signal(/** @type {Recording[]} */ ([]));

export async function readRecordings() {
  const { ok, json } = await request("GET", "/recordings?limit=20");
  if (ok) recordings.value = json.recordings;
}
