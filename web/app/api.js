// Requests to the switch. What came of them shows on the live connection: nothing is assumed here.

import { account, forget, tell } from "./store.js";
import { t } from "./words.js";

/**
 * Whom the page shows: nothing that is done here may count for somebody who has signed in in another tab since.
 * @returns {Record<string, string>}
 */
export const shown = () => (account.value ? { "Strowger-User": account.value.name } : {});

/** The cookie is somebody else's now: what the page shows is nobody's. @param {any} problem @returns {boolean} whether it is so */
export function isAnothers(problem) {
  if (problem?.type !== "other_user") return false;
  location.reload();
  return true;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<{ ok: boolean, status: number, json: any }>}
 */
export async function request(method, path, body) {
  const headers = shown();
  if (body) headers["Content-Type"] = "application/json";
  try {
    const response = await fetch(`/api/v1${path}`, {
      method,
      headers,
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    const json = text ? JSON.parse(text) : null;
    isAnothers(json);
    return { ok: response.ok, status: response.status, json };
  } catch {
    return { ok: false, status: 0, json: null };
  }
}

/**
 * Does it, and tells the user when it was refused.
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 */
export async function act(method, path, body) {
  const { ok, status, json } = await request(method, path, body);
  if (ok) return true;
  if (status === 401) forget();
  tell(json?.detail || json?.title || t("failed"), json?.hint);
  return false;
}

/** Somebody sits at the page. A refusal is no news: the next sign follows. */
export const iAmHere = () => request("POST", "/me/active");

/** Who is signed in by the cookie that the browser has. */
export async function whoAmI() {
  const { ok, status, json } = await request("GET", "/me");
  if (ok) account.value = json;
  else if (status === 401) forget();
  return status;
}

/**
 * @param {string} name
 * @param {string} password
 * @returns {Promise<string>} empty, or why not
 */
export async function signIn(name, password) {
  const { ok, json } = await request("POST", "/session", { name, password });
  if (!ok) return [json?.title ?? t("failed"), json?.detail].filter(Boolean).join(". ");
  account.value = json;
  return "";
}

export async function signOut() {
  const { ok, status } = await request("DELETE", "/session");
  if (ok || status === 401) forget();
  else tell(t("failed"));
}

/** @param {object} change */
export const setStatus = (change) => act("PUT", "/me/status", change);

/**
 * @param {string | null} queue all of them when null
 * @param {object} change
 */
export const setQueue = (queue, change) => act("PUT", queue ? `/me/queues/${encodeURIComponent(queue)}` : "/me/queues", change);

/** @param {string} offer @param {"accept" | "decline"} what */
export const answerOffer = (offer, what) => act("POST", `/me/offers/${offer}/${what}`);

/** @param {string} engagement @param {"finish" | "extend"} what */
export const wrapUp = (engagement, what) => act("POST", `/me/wrap-up/${what}`, { engagement });

/** @param {string} engagement @param {object} change what is left out stays */
export const writeWork = (engagement, change) => act("PUT", `/me/engagements/${engagement}/work`, change);

/** @param {string} engagement @param {object} next */
export const markDone = (engagement, next) => act("POST", `/me/engagements/${engagement}/done`, next);

/** @param {string} call @param {boolean} paused */
export const restRecording = (call, paused) => act("PUT", `/calls/${call}/recording`, { paused });

/** @param {string} call */
export const hangUp = (call) => act("POST", `/calls/${call}/hangup`);

/** Whom a call can go to, and how each stands. @param {string} search @returns {Promise<any[]>} */
export async function findTargets(search) {
  const { ok, json } = await request("GET", `/targets?search=${encodeURIComponent(search.trim())}`);
  return ok ? json.targets : [];
}

/** @param {string} call @param {string} to */
export const transfer = (call, to) => act("POST", `/calls/${call}/transfer`, { to });

/** @param {string} call @param {string} to */
export const consult = (call, to) => act("POST", `/calls/${call}/consult`, { to });

/** @param {string} call @param {string} step */
export const consultStep = (call, step) => act("PUT", `/calls/${call}/consult`, { step });

/** @param {string} call @param {boolean} held */
export const holdCall = (call, held) => act("PUT", `/calls/${call}/hold`, { held });

/** @param {string} call @param {string} leg */
export const dropParty = (call, leg) => act("DELETE", `/calls/${call}/parties/${leg}`);

/** @param {string} call @param {string} mode */
export const supervise = (call, mode) => act("PUT", `/calls/${call}/supervision`, { mode });

/** @param {string} call */
export const endSupervision = (call) => act("DELETE", `/calls/${call}/supervision`);

/** @param {string} agent @param {object} change */
export const setAgentStatus = (agent, change) => act("PUT", `/agents/${encodeURIComponent(agent)}/status`, change);

/** @param {string} agent @param {object} change */
export const setAgentQueues = (agent, change) => act("PUT", `/agents/${encodeURIComponent(agent)}/queues`, change);

/** @param {string} agent @param {string} queue @param {object} change */
export const setAgentQueue = (agent, queue, change) => act("PUT", `/agents/${encodeURIComponent(agent)}/queues/${encodeURIComponent(queue)}`, change);

/** @param {string} interaction @param {object} change one of `agent`, `queue` and `priority` */
export const changeWaiting = (interaction, change) => act("PUT", `/waiting/${interaction}`, change);

/** @param {string} interaction */
export const withdraw = (interaction) => act("DELETE", `/waiting/${interaction}`);

/** @param {string} agent */
export const endAgentWrapUp = (agent) => act("POST", `/agents/${encodeURIComponent(agent)}/wrap-up/finish`, {});
