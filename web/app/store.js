// Everything the page knows, and the one way to change it. Views are functions of it.

import { batch, computed, signal } from "@preact/signals";
import { setServerTime } from "./time.js";
import { reasonName, t } from "./words.js";

/** Who is signed in; `undefined` until asked, `null` when nobody is. */
export const account = signal(/** @type {any} */ (undefined));

/** `connecting`, `live` or `lost`. */
export const link = signal("connecting");

/** The own agent with offers, engagements and memberships. */
export const me = signal(/** @type {any} */ (null));

/** @type {import("@preact/signals").Signal<Map<string, any>>} */
const agentMap = signal(new Map());
/** @type {import("@preact/signals").Signal<Map<string, any>>} */
const queueMap = signal(new Map());
/** @type {import("@preact/signals").Signal<Map<string, any>>} */
const callMap = signal(new Map());

export const choices = signal({ reasons: /** @type {any[]} */ ([]), reason_required: false, dispositions: /** @type {any[]} */ ([]), tags: /** @type {any[]} */ ([]) });

/** Messages to the user: `{ id, text, hint }`. */
export const notices = signal(/** @type {any[]} */ ([]));

export const supervises = computed(() => ["supervisor", "admin"].includes(account.value?.role));
export const queues = computed(() => byName([...queueMap.value.values()]));
export const agents = computed(() => byName([...agentMap.value.values()]));
export const calls = computed(() => [...callMap.value.values()].sort((a, b) => a.began - b.began));

/** The calls in which one is as a supervisor, and how. @type {import("@preact/signals").Signal<Map<string, string>>} */
export const supervisions = signal(new Map());

/** What is known of a live call: as one's own work, or as a supervisor sees it. @param {string} call */
export const callOf = (call) => [...(me.value?.engagements ?? []), ...(me.value?.calls ?? [])].find((one) => one.call === call) ?? callMap.value.get(call);

/** The switch takes no new calls: it is about to end. */
export const draining = signal(false);

/** Where the live connection left off. */
export const place = { epoch: "", seq: 0 };

/** @param {any[]} list */
function byName(list) {
  return list.sort((a, b) => a.name.localeCompare(b.name));
}

/** Who calls, as people read it: a hidden number comes as a word of SIP (RFC 3323 4.1.1.3). @param {string | null | undefined} caller */
export function callerName(caller) {
  return caller && caller.toLowerCase() !== "anonymous" ? caller : t("unknown_caller");
}

/** @param {string} key */
export function queueName(key) {
  return queueMap.value.get(key)?.name ?? key;
}

/** @param {string} key */
export function agentName(key) {
  return agentMap.value.get(key)?.name ?? key;
}

/**
 * A message of the live connection. `false` when a number is missing: then the page must start anew.
 * @param {any} message
 */
export function apply(message) {
  if (message.type === "patch" && message.seq !== place.seq + 1) return false;
  batch(() => {
    setServerTime(message.now);
    if (message.type === "resumed") return;
    const whole = message.type === "snapshot";
    if (whole) draining.value = false;
    agentMap.value = merged(agentMap.value, whole, message.agents, message.gone?.agents, "agent");
    queueMap.value = merged(queueMap.value, whole, message.queues, message.gone?.queues, "queue");
    callMap.value = merged(callMap.value, whole, message.calls, message.gone?.calls, "call");
    if (message.supervises || whole) supervisions.value = new Map((message.supervises ?? []).map((/** @type {any} */ one) => [one.call, one.mode]));
    if (message.me || whole) me.value = message.me ?? null;
    if (message.choices) choices.value = message.choices;
    for (const notice of message.notices ?? []) tellOverride(notice);
    if (message.events_lost) tell(t("events_lost", { count: String(message.events_lost) }), t("events_lost.hint"));
    for (const alert of message.alerts ?? []) tellAlert(alert);
    place.seq = message.seq;
    if (whole) place.epoch = message.epoch;
  });
  return true;
}

/** The switch is there. @param {{ now: number, draining: boolean }} message */
export function isAlive({ now, draining: ends }) {
  setServerTime(now);
  draining.value = ends;
}

/**
 * @param {Map<string, any>} before
 * @param {boolean} whole
 * @param {any[]} [changed]
 * @param {string[]} [gone]
 * @param {string} [key]
 */
function merged(before, whole, changed = [], gone = [], key = "") {
  if (!whole && changed.length + gone.length === 0) return before;
  const now = new Map(whole ? [] : before);
  for (const one of changed) now.set(one[key], one);
  for (const one of gone) now.delete(one);
  return now;
}

/** Forgets everything of the one who was signed in. */
export function forget() {
  batch(() => {
    account.value = null;
    me.value = null;
    agentMap.value = new Map();
    queueMap.value = new Map();
    callMap.value = new Map();
    supervisions.value = new Map();
    place.epoch = "";
    place.seq = 0;
  });
}

let lastNotice = 0;

/**
 * @param {string} text
 * @param {string} [hint]
 */
export function tell(text, hint = "") {
  const id = (lastNotice += 1);
  notices.value = [...notices.value.slice(-3), { id, text, hint }];
  setTimeout(() => dismiss(id), 8000);
}

/**
 * Somebody changed what the own agent chose.
 * @param {any} notice
 */
function tellOverride({ by, reason, new: now }) {
  const status = t(`status.${now.status}`);
  const queues = now.queues.map((/** @type {any} */ it) => `${queueName(it.queue)}: ${t(`member.${it.state.is}`)}`);
  const why = reason && reasonName(reason, choices.value.reasons);
  tell(t("overridden", { who: by.name ?? by.user ?? t("overridden.api") }), [status, why, ...queues].filter(Boolean).join(" · "));
}

/**
 * Something that somebody should look at: the own agent, or a supervisor.
 * @param {any} it
 */
function tellAlert(it) {
  const own = it.agent && it.agent === me.value?.agent;
  const skills = (it.skills ?? []).map((/** @type {any} */ need) => `${need.skill} ${need.level}`).join(", ");
  const words = {
    agent: it.agent ? agentName(it.agent) : "",
    queue: it.queue ? queueName(it.queue) : "",
    missed: String(it.missed ?? ""),
    waiting: String(it.waiting ?? ""),
    reason: it.reason ? reasonName(it.reason, choices.value.reasons) : "",
    service: it.service ?? "",
    skills,
  };
  const kind = it.alert === "unserved" && skills ? "unserved_skills" : it.alert;
  tell(t(own ? `alert.own.${kind}` : `alert.${kind}`, words), it.logged_out ? t("alert.logged_out") : "");
}

/** @param {number} id */
export function dismiss(id) {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}
