// The telephone in this page: thin code of our own around RTCPeerConnection. Descriptions ride on the live connection, so
// that taking a call and answering its sound are one word, and can't race.

import { signal } from "@preact/signals";
import { lookForDevices, openMicrophone, play, ring, silence } from "./audio.js";
import { tell } from "./store.js";
import { now } from "./time.js";
import { t } from "./words.js";

/** Whether this browser can be a telephone: a page on plain http elsewhere than on this machine gets no microphone. */
export const able = Boolean(globalThis.RTCPeerConnection && navigator.mediaDevices?.getUserMedia);

/** Whether its user takes calls in this browser. */
export const wanted = signal(false);

/** Whose telephone it is; others who sign in here have kept things of their own. */
let owner = "";

/** `off`, `on`, or `asking` for the microphone. */
export const state = signal("off");

/**
 * The calls here, by leg: `{ leg, call, offer, stage, caller, to, held, muted }`; stage is `rings`, `opens`, `dials` or `talks`.
 * @type {import("@preact/signals").Signal<Map<string, any>>}
 */
export const legs = signal(new Map());

/** What carries their sound, by the same key. @type {Map<string, { pc: RTCPeerConnection, microphone: MediaStream, instead: ReturnType<typeof silence> | null, stop: () => void }>} */
const links = new Map();

let say = (/** @type {object} */ _word) => {};
let lastMark = 0;

/** Legs whose microphone their user has closed: it stays closed when the page is loaded again. */
const MUTED = "muted";

/** @returns {Set<string>} */
const mutedLegs = () => new Set((sessionStorage.getItem(MUTED) ?? "").split(",").filter(Boolean));

/** @param {string} leg @param {boolean} muted */
function keepMuted(leg, muted) {
  const kept = mutedLegs();
  if (muted) kept.add(leg);
  else kept.delete(leg);
  sessionStorage.setItem(MUTED, [...kept].join(","));
}

/** Calls for which this telephone was just asked to ring: they are taken at once. @type {Map<string, number>} */
const awaited = new Map();

/** Longer than a ring takes to come, in milliseconds. */
const AWAITED_FOR = 10_000;

/** @param {(word: object) => void} through */
export function speakThrough(through) {
  say = (word) => through({ phone: word });
}

/** The live connection is there, for the first time or again. */
export function onLive() {
  if (wanted.value) say({ do: "on", legs: [...links.keys()].filter((leg) => legs.value.get(leg)?.stage === "talks") });
}

/** It is gone. What nobody has answered is over; who talks, talks on. */
export function onLost() {
  state.value = "off";
  for (const { leg, stage } of legs.value.values()) if (stage !== "talks") drop(leg);
}

/** Nobody is signed in any more. */
export function onSignedOut() {
  onLost();
  for (const leg of legs.value.keys()) drop(leg);
  owner = "";
  wanted.value = false;
}

/** @param {string} name */
export function onSignedIn(name) {
  owner = name;
  wanted.value = able && localStorage.getItem(`phone.${owner}`) === "page";
}

/** Takes calls here from now on. Asks for the microphone at once, not when the first call rings. */
export async function takeCallsHere() {
  state.value = "asking";
  try {
    for (const track of (await openMicrophone()).getTracks()) track.stop();
  } catch (why) {
    state.value = "off";
    return noMicrophone(why);
  }
  lookForDevices();
  keep(true);
  say({ do: "on" });
}

export function takeCallsElsewhere() {
  keep(false);
  state.value = "off";
  say({ do: "off" });
}

/** @param {boolean} here */
function keep(here) {
  wanted.value = here;
  localStorage.setItem(`phone.${owner}`, here ? "page" : "elsewhere");
}

/** @param {any} why */
function noMicrophone(why) {
  tell(t("phone.no_microphone"), t(why?.name === "NotAllowedError" ? "phone.allow_it" : "phone.plug_in"));
}

/** @param {string} leg @param {object} change */
function change(leg, change) {
  const known = legs.value.get(leg);
  if (known) legs.value = new Map(legs.value).set(leg, { ...known, ...change });
}

/** @param {any} leg */
function add(leg) {
  legs.value = new Map(legs.value).set(leg.leg, { offer: null, caller: null, to: "", held: false, muted: false, ...leg });
  ringIfDue();
}

/** @param {string} leg */
function drop(leg) {
  const link = links.get(leg);
  links.delete(leg);
  link?.stop();
  const rest = new Map(legs.value);
  rest.delete(leg);
  legs.value = rest;
  keepMuted(leg, false);
  ringIfDue();
}

function ringIfDue() {
  ring([...legs.value.values()].some((leg) => leg.stage === "rings"));
}

/** Microphone and connection of a leg; `null` when it ended meanwhile, or there is no microphone. @param {string} leg */
async function open(leg) {
  let microphone;
  try {
    microphone = await openMicrophone();
  } catch (why) {
    noMicrophone(why);
    return null;
  }
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  let hush = () => {};
  pc.ontrack = ({ streams, track }) => {
    hush();
    hush = play(streams[0] ?? new MediaStream([track]), "speaker");
  };
  const link = {
    pc,
    microphone,
    /** What is sent in place of a microphone that is gone. @type {ReturnType<typeof silence> | null} */
    instead: null,
    stop: () => {
      hush();
      link.instead?.end();
      pc.close();
      for (const track of link.microphone.getTracks()) track.stop();
    },
  };
  if (!legs.value.has(leg)) {
    link.stop();
    return null;
  }
  links.get(leg)?.stop();
  links.set(leg, link);
  for (const track of microphone.getTracks()) pc.addTrack(track, microphone);
  attend(leg, microphone);
  pc.onconnectionstatechange = () => {
    // Another network: ICE begins anew over the same connection.
    if (pc.connectionState === "failed" && links.get(leg) === link) offerAgain(leg);
  };
  return link;
}

/** The microphone of a leg: closed where its user wishes so, and missed when it is pulled out. @param {string} leg @param {MediaStream} microphone */
function attend(leg, microphone) {
  const track = microphone.getAudioTracks()[0];
  if (!track) return;
  track.enabled = !legs.value.get(leg)?.muted;
  track.onended = () => links.get(leg)?.microphone === microphone && onPulledOut();
}

const isGone = (/** @type {{ microphone: MediaStream }} */ link) => link.microphone.getAudioTracks().every((track) => track.readyState === "ended");

/** Whoever is talked to hears silence until there is another microphone; its user is told to see to it. */
async function onPulledOut() {
  tell(t("phone.pulled_out"), t("phone.plug_in"));
  for (const link of [...links.values()].filter(isGone)) {
    link.instead ??= silence();
    await link.pc.getSenders()[0]?.replaceTrack(link.instead.track);
  }
  await changeMicrophone();
}

// One that is plugged in again is taken at once.
navigator.mediaDevices?.addEventListener?.("devicechange", () => {
  if ([...links.values()].some(isGone)) changeMicrophone();
});

/** The next ring for this call was asked for here. False: this is no telephone now. @param {string} call */
export function awaitCall(call) {
  if (state.value !== "on") return false;
  awaited.set(call, Date.now());
  return true;
}

/** Takes a call that rings. @param {string} leg */
export async function accept(leg) {
  const known = legs.value.get(leg);
  if (known?.stage !== "rings") return;
  change(leg, { stage: "opens" });
  ringIfDue();
  const link = await open(leg);
  if (!link) return change(leg, { stage: "rings" });
  try {
    await link.pc.setRemoteDescription({ type: "offer", sdp: known.sdp });
    await link.pc.setLocalDescription(await link.pc.createAnswer());
  } catch {
    return hangUpHere(leg);
  }
  if (links.get(leg) !== link) return;
  change(leg, { stage: "talks" });
  say({ do: "answer", leg, sdp: link.pc.localDescription?.sdp });
}

/** Ends, declines or gives up. @param {string} leg */
export function hangUpHere(leg) {
  // One that was only just dialled has no number yet: it is ended as soon as it has.
  if (leg.startsWith("mark-")) change(leg, { unwanted: true });
  else say({ do: "hang_up", leg });
  if (legs.value.get(leg)?.stage !== "dials" || !leg.startsWith("mark-")) drop(leg);
}

/** @param {string} leg @param {boolean} held */
export const hold = (leg, held) => say({ do: "hold", leg, held });

/** @param {string} leg @param {boolean} muted */
export function mute(leg, muted) {
  for (const track of links.get(leg)?.microphone.getAudioTracks() ?? []) track.enabled = !muted;
  change(leg, { muted });
  keepMuted(leg, muted);
}

/** @param {string} leg @param {string} digits */
export function press(leg, digits) {
  const sender = links.get(leg)?.pc.getSenders().find((one) => one.dtmf);
  const before = sender?.dtmf?.toneBuffer ?? "";
  if (sender?.dtmf?.canInsertDTMF) sender.dtmf.insertDTMF(before + digits, 120, 70);
}

/** Another microphone for the calls that go on. */
export async function changeMicrophone() {
  for (const [leg, link] of links) {
    const microphone = await openMicrophone().catch(noMicrophone);
    if (!microphone || links.get(leg) !== link) continue;
    await link.pc.getSenders()[0]?.replaceTrack(microphone.getAudioTracks()[0]);
    link.instead?.end();
    link.instead = null;
    for (const old of link.microphone.getTracks()) old.stop();
    link.microphone = microphone;
    attend(leg, microphone);
  }
}

/** Calls somebody. @param {string} to */
export async function dial(to) {
  const mark = (lastMark += 1);
  const leg = `mark-${mark}`;
  add({ leg, call: "", stage: "dials", to });
  const link = await open(leg);
  if (!link) return drop(leg);
  await link.pc.setLocalDescription(await link.pc.createOffer());
  say({ do: "dial", to, sdp: link.pc.localDescription?.sdp, mark });
}

/** A leg of ours whose page was gone, or whose way is: a new offer. @param {string} leg */
async function offerAgain(leg) {
  const link = links.get(leg) ?? (await open(leg));
  if (!link) return;
  await link.pc.setLocalDescription(await link.pc.createOffer({ iceRestart: true }));
  say({ do: "offer", leg, sdp: link.pc.localDescription?.sdp });
}

/** @param {string} leg @param {string} sdp */
async function takeAnswer(leg, sdp) {
  const pc = links.get(leg)?.pc;
  if (pc?.signalingState !== "have-local-offer") return;
  await pc.setRemoteDescription({ type: "answer", sdp }).catch(() => hangUpHere(leg));
}

/** What the switch says of our telephone. @param {any} message */
export function hear(message) {
  const { told, leg } = message;
  if (told === "on") return onTold(message.legs);
  if (told === "takes_up") return takeUp(message.legs);
  if (told === "off") {
    state.value = "off";
    return tell(t("phone.too_many"));
  }
  if (told === "held") return change(leg, { held: message.held, heldSince: message.held ? now.value : null });
  if (told === "held_long") return tell(t("phone.held_long"));
  if (told === "dialled") return onDialled(message);
  if (told === "not_dialled") {
    drop(`mark-${message.mark}`);
    return tell(t("phone.not_dialled"), message.detail);
  }
  if (told === "leg") return obey(message);
}

/** @param {any} message */
function obey(message) {
  const { leg, call, offer, is, sdp } = message;
  if (is === "ring") {
    say({ do: "rings", leg });
    const asked = awaited.get(call) ?? 0;
    awaited.delete(call);
    add({ leg, call, offer, stage: "rings", caller: message.caller, sdp });
    if (Date.now() - asked < AWAITED_FOR) accept(leg);
    return;
  }
  if (is === "progress" && sdp) return takeAnswer(leg, sdp);
  if (is === "answered") {
    change(leg, { stage: "talks" });
    return takeAnswer(leg, sdp);
  }
  if (is === "answer") return takeAnswer(leg, sdp);
  if (is === "refused") return hangUpHere(leg);
  if (is === "over") {
    const known = legs.value.get(leg);
    drop(leg);
    if (known?.stage === "dials" && message.cause.sip >= 400) tell(t(why(message.cause.sip)), known.to);
  }
}

/** @param {number} status */
const why = (status) => ({ 403: "phone.not_allowed", 404: "phone.nobody", 480: "phone.no_answer", 486: "phone.busy", 487: "phone.no_answer" })[status] ?? "phone.failed";

/** @param {{ mark: number, leg: string, call: string }} message */
function onDialled({ mark, leg, call }) {
  const before = `mark-${mark}`;
  const known = legs.value.get(before);
  const link = links.get(before);
  const rest = new Map(legs.value);
  rest.delete(before);
  links.delete(before);
  if (!known || known.unwanted) {
    legs.value = rest;
    link?.stop();
    return say({ do: "hang_up", leg });
  }
  if (link) {
    links.set(leg, link);
    attend(leg, link.microphone);
  }
  legs.value = rest.set(leg, { ...known, leg, call });
}

/** It is on; these are the calls that are left of before. @param {Left[]} left */
function onTold(left) {
  state.value = "on";
  for (const leg of legs.value.keys()) if (!left.some((one) => one.leg === leg)) drop(leg);
  takeUp(left);
}

/** Calls whose page was loaded again, or is gone: their sound comes here. @param {Left[]} left */
function takeUp(left) {
  for (const { leg, call, held } of left) {
    const muted = mutedLegs().has(leg);
    if (!legs.value.has(leg)) add({ leg, call, stage: "talks", held, heldSince: held ? now.value : null, muted });
    offerAgain(leg);
  }
}

/** @typedef {{ leg: string, call: string, held: boolean }} Left */
