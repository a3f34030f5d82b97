// The live connection: opened when someone is signed in, opened again when it breaks, taken up where it broke.

import { effect } from "@preact/signals";
import { whoAmI } from "./api.js";
import { hear, onLive, onLost, onSignedIn, onSignedOut, speakThrough } from "./phone.js";
import { account, apply, isAlive, link, place } from "./store.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;

/** The switch says every ten seconds that it is there; without a word for so long the connection is dead, whatever TCP says. */
const SILENCE_MAX = 25_000;

/** @type {WebSocket | null} */
let socket = null;
let wait = FIRST_WAIT;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** When anything came last. */
let heard = 0;

/** Follows the account: one connection while someone is signed in. */
export function keepLive() {
  let wanted = "";
  effect(() => {
    const name = account.value?.name ?? "";
    if (name === wanted) return;
    wanted = name;
    clearTimeout(timer);
    socket?.close();
    socket = null;
    onSignedOut();
    if (!name) return;
    onSignedIn(name);
    open();
  });
  setInterval(() => socket && link.value !== "lost" && Date.now() - heard > SILENCE_MAX && onClosed(socket), 1000);
  speakThrough((word) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(word)));
  addEventListener("online", () => account.value && link.value === "lost" && open());
}

function open() {
  clearTimeout(timer);
  const address = new URL("/api/v1/live", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  if (place.epoch) {
    address.searchParams.set("epoch", place.epoch);
    address.searchParams.set("after", String(place.seq));
  }
  address.searchParams.set("user", account.value.name);
  const mine = new WebSocket(address);
  socket?.close();
  socket = mine;
  heard = Date.now();
  if (link.value !== "lost") link.value = "connecting";
  mine.onmessage = ({ data }) => {
    if (socket !== mine) return;
    heard = Date.now();
    const message = JSON.parse(data);
    if (message.type === "alive") return isAlive(message);
    if (message.type === "phone") return hear(message);
    if (!apply(message)) return startAnew(mine);
    wait = FIRST_WAIT;
    if (link.value === "live") return;
    link.value = "live";
    onLive();
  };
  // Somebody else has signed in in this browser: what the page shows is nobody's.
  mine.onclose = ({ code }) => (code === 4409 && socket === mine ? location.reload() : onClosed(mine));
}

/** It has ended, or nothing comes over it any more. @param {WebSocket} mine */
function onClosed(mine) {
  if (socket !== mine) return;
  socket = null;
  // A dead one waits for an answer to its own end, in vain.
  mine.close();
  onLost();
  if (!account.value) return;
  link.value = "lost";
  timer = setTimeout(again, wait + Math.random() * wait);
  wait = Math.min(wait * 2, LONGEST_WAIT);
}

/** A patch was missing: the next connection asks for everything. @param {WebSocket} mine */
function startAnew(mine) {
  place.epoch = "";
  mine.close();
}

/** The session may have ended meanwhile; a refused socket does not say so. */
async function again() {
  if ((await whoAmI()) === 401) return;
  if (account.value && !socket) open();
}
