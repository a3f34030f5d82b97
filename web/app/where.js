// Which part of the page is open: what stands behind `#` in the address says, so that it can be kept and gone back from.

import { signal } from "@preact/signals";

const read = () => location.hash.slice(1);

/** `""`: the desk; `records`; `records/77`: that call. */
export const where = signal(read());

addEventListener("hashchange", () => {
  where.value = read();
});

/** @param {string} to */
export function go(to) {
  location.hash = to;
}
