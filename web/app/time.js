// Time as the server has it: a browser's clock may be wrong by minutes.

import { signal } from "@preact/signals";

/** Server time minus browser time, in milliseconds. */
let offset = 0;

/** The server's time, moved on four times a second. */
export const now = signal(Date.now());

/** @param {number} server milliseconds since 1970, as the server's message says */
export function setServerTime(server) {
  offset = server - Date.now();
  now.value = server;
}

setInterval(() => {
  now.value = Date.now() + offset;
}, 250);

/**
 * `4:07`, `1:04:07`.
 * @param {number} milliseconds
 */
export function clock(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const rest = two(seconds % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}
