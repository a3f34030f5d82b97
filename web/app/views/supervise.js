// A supervisor's ear and voice in a live call (SV-07, SV-08): he listens, whispers, barges, takes over, and leaves again. His
// own telephone rings for it, a desk phone or this page.

import { endSupervision, supervise } from "../api.js";
import { awaitCall, hangUpHere, mute } from "../phone.js";
import { agentName, callerName, callOf, link, supervisions, tell } from "../store.js";
import { t } from "../words.js";
import { Card, Menu, html } from "./parts.js";

const off = () => link.value !== "live";

const MODES = ["listen", "whisper", "barge", "take_over"];

/** @param {string} call @param {string} mode */
async function enter(call, mode) {
  const isIn = supervisions.value.has(call);
  // Where the page is his telephone, the press was the answer already.
  const here = !isIn && awaitCall(call);
  if ((await supervise(call, mode)) && !isIn && !here) tell(t("supervise.pick_up"));
}

/** How he is in the call, or ways into it. @param {{ call: any }} props */
export function Supervise({ call }) {
  if (supervisions.value.has(call.call)) return html`<${Modes} call=${call.call} />`;
  // Who talks in it himself needs no ear.
  if (!call.agent && call.stage !== "talking" && call.stage !== "held") return null;
  return html`<${Menu} label=${t("supervise.title")} disabled=${off()}>${() => html`
    ${MODES.map((mode) => html`<button key=${mode} onClick=${() => enter(call.call, mode)}>${t(`supervise.${mode}`)}</button>`)}
  `}<//>`;
}

/** The present mode is the pressed one. @param {{ call: string }} props */
function Modes({ call }) {
  const now = supervisions.value.get(call);
  return html`<div class="buttons small" role="group" aria-label=${t("supervise.title")}>
    ${MODES.map((mode) => html`<button key=${mode} class="button" aria-pressed=${mode === now} disabled=${off()} onClick=${() => enter(call, mode)}>${t(`supervise.${mode}`)}</button>`)}
    <button class="button bad" disabled=${off()} onClick=${() => endSupervision(call)}>${t("supervise.stop")}</button>
  </div>`;
}

/** The call that he is in with this page. @param {{ leg: any }} props */
export function Supervised({ leg }) {
  const call = callOf(leg.call);
  const who = [callerName(call?.caller), call?.agent && agentName(call.agent)].filter(Boolean).join(" · ");
  return html`<${Card} title=${t("supervise.card")} kind="call">
    <p class="who">${who}</p>
    <${Modes} call=${leg.call} />
    <div class="buttons">
      <button class="button" aria-pressed=${leg.muted} onClick=${() => mute(leg.leg, !leg.muted)}>${t("phone.mute")}</button>
      <button class="button bad" disabled=${off()} onClick=${() => hangUpHere(leg.leg)}>${t("hang_up")}</button>
    </div>
  <//>`;
}
