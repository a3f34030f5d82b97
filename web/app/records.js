// Calls that are over: which are looked for, and those that were found. They come by pages, newest first.

import { signal } from "@preact/signals";
import { request } from "./api.js";

/** Calls in one answer. */
const PAGE = 50;

/** As the fields of the form have it. */
export const sought = signal({ from: "", to: "", queue: "", agent: "", number: "", outcome: "" });

/** `more`: there may be older ones. `fault`: why nothing was found. */
export const found = signal({ records: /** @type {any[]} */ ([]), more: false, busy: false, fault: "" });

/** A field of the form as milliseconds since 1970. @param {string} text */
const moment = (text) => (text ? String(new Date(text).getTime()) : "");

/** Only the newest search counts. */
let latest = 0;

/** Looks anew, or for older ones than those that are there. @param {boolean} [older] */
export async function look(older = false) {
  const mine = (latest += 1);
  const before = older ? found.value.records : [];
  const last = before.at(-1);
  const { from, to, queue, agent, number, outcome } = sought.value;
  const asked = { after: moment(from), before: last ? String(last.began) : moment(to), below: last?.call ?? "", queue, agent, number: number.trim(), outcome, limit: String(PAGE) };
  found.value = { ...found.value, busy: true };
  const query = new URLSearchParams(Object.entries(asked).filter(([, value]) => value));
  const { ok, json } = await request("GET", `/records?${query}`);
  if (mine !== latest) return;
  found.value = ok
    ? { records: [...before, ...json.records], more: json.records.length === PAGE, busy: false, fault: "" }
    : { records: before, more: false, busy: false, fault: json?.detail || json?.title || "failed" };
}

/** One call with its recordings. @param {string} call @returns {Promise<{ record: any, recordings: any[], fault: string }>} */
export async function readRecord(call) {
  const place = `/records/${encodeURIComponent(call)}`;
  const [one, sound] = await Promise.all([request("GET", place), request("GET", `${place}/recording`)]);
  if (!one.ok) return { record: null, recordings: [], fault: one.json?.detail || one.json?.title || "failed" };
  return { record: one.json.record, recordings: sound.ok ? sound.json.recording : [], fault: "" };
}
