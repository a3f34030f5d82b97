// The telephone in the page: on and off, what rings, whom to call, and what can be done in a call.

import { effect, signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { account, callerName, callOf, link, me, queueName, supervisions } from "../store.js";
import { able, accept, dial, hangUpHere, hold, legs, mute, press, state, takeCallsElsewhere, takeCallsHere, wanted } from "../phone.js";
import { t } from "../words.js";
import { AudioSettings } from "./audio.js";
import { Card, Since, html } from "./parts.js";
import { Passing, Thirds } from "./in-call.js";
import { Supervised } from "./supervise.js";

const off = () => link.value !== "live";

/** The leg here that is for that offer, or of that call. @param {string} key @param {"offer" | "call"} by */
export const legOf = (key, by) => [...legs.value.values()].find((leg) => leg[by] === key);

/** Calls that are shown with nothing else: what rings by itself, and what is being dialled. */
export function Legs() {
  const shown = new Set([...(me.value?.engagements ?? []), ...(me.value?.calls ?? [])].map((one) => one.call));
  const alone = [...legs.value.values()].filter((leg) => leg.offer === null && (leg.stage === "rings" || leg.stage === "opens" || !shown.has(leg.call)));
  return alone.map((leg) => {
    if (leg.stage === "rings" || leg.stage === "opens") return html`<${Rings} key=${leg.leg} leg=${leg} />`;
    if (supervisions.value.has(leg.call)) return html`<${Supervised} key=${leg.leg} leg=${leg} />`;
    return html`<${Talks} key=${leg.leg} leg=${leg} />`;
  });
}

/** Somebody calls, through no queue. @param {{ leg: any }} props */
function Rings({ leg }) {
  const answer = useRef(/** @type {any} */ (null));
  useEffect(() => {
    if (!document.activeElement?.matches("input, textarea, select")) answer.current?.focus();
  }, []);
  return html`<section class="card offer" role="alertdialog" aria-labelledby=${`leg-${leg.leg}`} aria-live="assertive">
    <h2>${t("phone.calls")}</h2>
    <p class="who" id=${`leg-${leg.leg}`}>${legCaller(leg.caller)}</p>
    <div class="buttons">
      <button class="button good" ref=${answer} disabled=${off() || leg.stage === "opens"} onClick=${() => accept(leg.leg)}>${t("accept")}</button>
      <button class="button bad" disabled=${off()} onClick=${() => hangUpHere(leg.leg)}>${t("decline")}</button>
    </div>
  </section>`;
}

/** @param {{ leg: any }} props */
function Talks({ leg }) {
  // Of one that was taken over, or taken up from another page, only the centre knows who it is.
  const call = callOf(leg.call);
  const who = leg.to || (call ? callerName(call.caller) : legCaller(leg.caller));
  return html`<${Card} title=${call?.queue ? `${t("call.title")} · ${queueName(call.queue)}` : t("call.title")} kind="call">
    <p class="who">${who}</p>
    <p class="big" aria-live="off">${leg.stage === "dials" ? t("phone.dialling") : call?.began && html`<${Since} since=${call.began} />`}</p>
    <${Controls} leg=${leg} />
  <//>`;
}

/** @param {any} caller */
function legCaller(caller) {
  if (!caller || caller.hidden) return t("unknown_caller");
  return [caller.display, caller.number].filter(Boolean).join(" · ") || t("unknown_caller");
}

/** What can be done in a call here. @param {{ leg: any }} props */
export function Controls({ leg }) {
  const [panel, setPanel] = useState("");
  const toggle = (/** @type {string} */ one) => () => setPanel(panel === one ? "" : one);
  const talks = leg.stage === "talks";
  return html`<div class="buttons" role="group" aria-label=${t("phone.controls")}>
      <button class="button" aria-pressed=${leg.muted} disabled=${!talks} onClick=${() => mute(leg.leg, !leg.muted)}>${t("phone.mute")}</button>
      <button class="button" aria-pressed=${leg.held} disabled=${off() || !talks} onClick=${() => hold(leg.leg, !leg.held)}>${t("phone.hold")}${leg.held && leg.heldSince ? html`${" "}<${Since} since=${leg.heldSince} />` : ""}</button>
      <button class="button" aria-expanded=${panel === "keys"} disabled=${!talks} onClick=${toggle("keys")}>${t("phone.keypad")}</button>
      <button class="button" aria-expanded=${panel === "pass"} disabled=${off() || !talks} onClick=${toggle("pass")}>${t("pass.title")}</button>
      <button class="button bad" disabled=${off()} onClick=${() => hangUpHere(leg.leg)}>${t("hang_up")}</button>
    </div>
    ${talks && html`<${Passing} call=${leg.call} open=${panel === "pass"} done=${() => setPanel("")} /><${Thirds} call=${leg.call} />`}
    ${panel === "keys" && talks && html`<${Keypad} pressed=${(/** @type {string} */ key) => press(leg.leg, key)} />`}`;
}

const KEYS = "123456789*0#";

/** @param {{ pressed: (key: string) => void }} props */
function Keypad({ pressed }) {
  return html`<div class="keypad" role="group" aria-label=${t("phone.keypad")}>
    ${[...KEYS].map((key) => html`<button key=${key} class="button" onClick=${() => pressed(key)}>${key}</button>`)}
  </div>`;
}

/** On, off, and whom to call. */
export function Telephone() {
  if (!able) return html`<${Card} title=${t("phone.title")}><p class="quiet">${t("phone.not_able")}</p><//>`;
  const asking = state.value === "asking";
  return html`<${Card} title=${t("phone.title")} kind="telephone">
    ${wanted.value
      ? html`<${Dial} />
          <div class="buttons small">
            <${AudioSettings} />
            <button class="button" onClick=${takeCallsElsewhere}>${t("phone.elsewhere")}</button>
          </div>`
      : html`<p class="quiet">${t("phone.invitation")}</p>
          <div class="buttons"><button class="button strong" disabled=${off() || asking} onClick=${takeCallsHere}>${t("phone.here")}</button></div>`}
  <//>`;
}

/** Where the numbers are kept that one calls often: in this browser, for each of its users. */
const place = () => `favourites.${account.value?.name ?? ""}`;

const favourites = signal(/** @type {string[]} */ ([]));

effect(() => {
  favourites.value = readFavourites(localStorage.getItem(place()));
});

/** What somebody else has written there is no reason to show no page. @param {string | null} text @returns {string[]} */
function readFavourites(text) {
  try {
    const list = JSON.parse(text ?? "[]");
    return Array.isArray(list) ? list.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}

/** More would be a list to search in. */
const FAVOURITES_MAX = 12;

/** @param {string[]} list */
function keepFavourites(list) {
  favourites.value = list.slice(0, FAVOURITES_MAX);
  localStorage.setItem(place(), JSON.stringify(favourites.value));
}

/** @param {{ ready: boolean }} props */
function Favourites({ ready }) {
  if (favourites.value.length === 0) return null;
  return html`<ul class="favourites" aria-label=${t("phone.favourites")}>
    ${favourites.value.map(
      (one) => html`<li key=${one}>
        <button class="button" disabled=${!ready} onClick=${() => dial(one)}>${one}</button>
        <button class="plain" aria-label=${t("phone.forget", { number: one })} onClick=${() => keepFavourites(favourites.value.filter((other) => other !== one))}>×</button>
      </li>`,
    )}
  </ul>`;
}

function Dial() {
  const [to, setTo] = useState("");
  const ready = state.value === "on" && !off();
  const isKept = favourites.value.includes(to.trim());
  const call = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!ready || !to.trim()) return;
    dial(to.trim());
    setTo("");
  };
  return html`<form class="dial" onSubmit=${call}>
    <label><span class="hidden">${t("phone.whom")}</span>
      <input name="to" inputmode="tel" autocomplete="off" maxlength="64" placeholder=${t("phone.whom")} value=${to} onInput=${(/** @type {any} */ event) => setTo(event.target.value)} />
    </label>
    <button class="button good" disabled=${!ready || !to.trim()}>${t("phone.call")}</button>
    <button type="button" class="button" disabled=${!to.trim() || isKept} onClick=${() => keepFavourites([...favourites.value, to.trim()])}>${t("phone.keep")}</button>
  </form>
  <${Favourites} ready=${ready} />`;
}
