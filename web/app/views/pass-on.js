// Passing a call on (CH-06): whom, found by name or number with how each stands now; at once, or after asking.

import { useEffect, useState } from "preact/hooks";
import { consult, consultStep, findTargets, transfer } from "../api.js";
import { link } from "../store.js";
import { t } from "../words.js";
import { Status, html } from "./parts.js";

const off = () => link.value !== "live";

/** Typing rests so long before it is searched for, in milliseconds. */
const PAUSE = 200;

/** @param {{ call: string, done: () => void }} props */
export function PassOn({ call, done }) {
  const [search, setSearch] = useState("");
  const [found, setFound] = useState(/** @type {any[]} */ ([]));
  const [asked, setAsked] = useState("");
  useEffect(() => {
    let current = true;
    const look = async () => {
      const targets = await findTargets(search);
      if (current) setFound(targets);
    };
    const pause = setTimeout(look, PAUSE);
    // Who is free changes while one looks.
    const again = setInterval(look, 3000);
    return () => {
      current = false;
      clearTimeout(pause);
      clearInterval(again);
    };
  }, [search]);
  const now = (/** @type {string} */ to) => async () => (await transfer(call, to)) && done();
  const ask = (/** @type {any} */ target) => async () => (await consult(call, target.to)) && setAsked(target.name);
  if (asked) return html`<${Asked} call=${call} name=${asked} back=${() => setAsked("")} done=${done} />`;
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

/** A private talk, and what comes of it. @param {{ call: string, name: string, back: () => void, done: () => void }} props */
function Asked({ call, name, back, done }) {
  const step = (/** @type {string} */ step, /** @type {() => void} */ then) => async () => (await consultStep(call, step)) && then();
  return html`<div class="pass-on" role="group" aria-label=${t("pass.title")}>
    <p role="status">${t("pass.asking", { name })}</p>
    <div class="buttons small">
      <button class="button good" disabled=${off()} onClick=${step("complete", done)}>${t("pass.complete")}</button>
      <button class="button" disabled=${off()} onClick=${step("swap", () => {})}>${t("pass.swap")}</button>
      <button class="button" disabled=${off()} onClick=${step("merge", done)}>${t("pass.merge")}</button>
      <button class="button" disabled=${off()} onClick=${step("cancel", back)}>${t("pass.back")}</button>
    </div>
  </div>`;
}
