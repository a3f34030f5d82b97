// Passing a call on (CH-06): whom, found by name or number with how each stands now; at once, or after asking.

import { computed, signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { consult, consultStep, findTargets, transfer } from "../api.js";
import { agents, callOf, link, queues } from "../store.js";
import { t } from "../words.js";
import { Status, html } from "./parts.js";

const off = () => link.value !== "live";

/** Typing rests so long before it is searched for, in milliseconds. */
const PAUSE = 200;

/** What no live news speaks of, the phones of those who are no agents, is looked at again so often. */
const AGAIN = 10_000;

/** How everybody stands, as one text: another one when anything in a list of targets may have moved. */
const standing = computed(() =>
  [...agents.value.map((one) => `${one.agent}${one.status}${one.reachable}`), ...queues.value.map((one) => `${one.queue}${one.waiting}${one.routable}${one.open}`)].join(),
);

/** Whom one asked last, by call: known before he answers. */
const lastAsked = signal(/** @type {Record<string, string>} */ ({}));

/** @param {{ call: string, done: () => void }} props */
export function PassOn({ call, done }) {
  const [search, setSearch] = useState("");
  const [found, setFound] = useState(/** @type {any[]} */ ([]));
  const news = standing.value;
  useEffect(() => {
    let current = true;
    const look = async () => {
      const targets = await findTargets(search);
      if (current) setFound(targets);
    };
    const pause = setTimeout(look, PAUSE);
    const again = setInterval(look, AGAIN);
    return () => {
      current = false;
      clearTimeout(pause);
      clearInterval(again);
    };
  }, [search, news]);
  const now = (/** @type {string} */ to) => async () => (await transfer(call, to)) && done();
  const ask = (/** @type {any} */ target) => async () => {
    lastAsked.value = { [call]: target.name };
    if (await consult(call, target.to)) done();
  };
  const typed = search.trim();
  const isNew = /^[+*#\d][\d\s*#-]*$/.test(typed) && !found.some((one) => one.to === typed);
  const list = isNew ? [...found, { kind: "number", name: typed, to: typed.replace(/[\s-]/g, "") }] : found;
  return html`<div class="pass-on" role="group" aria-label=${t("pass.title")}>
    <label><span class="hidden">${t("pass.search")}</span>
      <input type="search" name="target" autocomplete="off" maxlength="64" placeholder=${t("pass.search")} value=${search} onInput=${(/** @type {any} */ event) => setSearch(event.target.value)} />
    </label>
    <ul>${list.map(
      (one) => html`<li key=${`${one.kind}-${one.to}`}>
        <span class="target"><strong>${one.name}</strong> ${one.to !== one.name && html`<span class="quiet">${one.to}</span>`} <${Standing} target=${one} /></span>
        <span class="buttons small">
          <button class="button" disabled=${off()} onClick=${now(one.to)}>${t("pass.now")}</button>
          ${one.kind !== "queue" && html`<button class="button" disabled=${off()} onClick=${ask(one)}>${t("pass.ask")}</button>`}
        </span>
      </li>`,
    )}</ul>
    <p class="quiet" role="status">${list.length === 0 ? t("pass.nobody") : ""}</p>
  </div>`;
}

/** How a target stands now. @param {{ target: any }} props */
function Standing({ target }) {
  const { kind, status, reachable } = target;
  if (kind === "queue") return html`<span class="quiet">${t(target.open ? "pass.queue" : "queue_closed", { waiting: String(target.waiting), free: String(target.free) })}</span>`;
  if (kind === "group") return html`<span class="quiet">${t("pass.group", { reachable: String(reachable), members: String(target.members) })}</span>`;
  if (kind === "number") return null;
  return html`${status && html`<${Status} status=${status} />`}${!reachable && html` <span class="quiet">${t("unreachable")}</span>`}`;
}

/** A private talk, or a ring for one, and what comes of it. @param {{ call: string }} props */
export function Asked({ call }) {
  const other = callOf(call)?.parties.find((/** @type {any} */ one) => one.asked);
  const name = other?.display || other?.name || lastAsked.value[call] || t("unknown_caller");
  const step = (/** @type {string} */ step) => () => consultStep(call, step);
  return html`<div class="pass-on" role="group" aria-label=${t("pass.title")}>
    <p role="status">${t(other ? "pass.asking" : "pass.rings", { name })}</p>
    <div class="buttons small">
      ${other &&
      html`<button class="button good" disabled=${off()} onClick=${step("complete")}>${t("pass.complete")}</button>
        <button class="button" disabled=${off()} onClick=${step("swap")}>${t("pass.swap")}</button>
        <button class="button" disabled=${off()} onClick=${step("merge")}>${t("pass.merge")}</button>`}
      <button class="button" disabled=${off()} onClick=${step("cancel")}>${t("pass.back")}</button>
    </div>
  </div>`;
}
