// What can be done in a call whichever telephone it is on: the switch does it, so that a desk phone has it too.

import { useState } from "preact/hooks";
import { dropParty, hangUp, holdCall } from "../api.js";
import { account, callOf, callerName, link } from "../store.js";
import { t } from "../words.js";
import { html } from "./parts.js";
import { Asked, PassOn } from "./pass-on.js";

const off = () => link.value !== "live";

/** As one of our users is shown, or by number. @param {any} party */
export const partyName = (party) => party?.display || party?.name || t("unknown_caller");

/** The other of the two in a call that came through no queue. Between colleagues either may have dialled. @param {any} call */
export function whoElse(call) {
  if (call.direction === "outbound") return call.dialled;
  if (call.direction !== "internal") return callerName(call.caller);
  const two = call.parties.filter((/** @type {any} */ one) => !one.third);
  const other = two.find((/** @type {any} */ one) => one.user !== account.value?.name);
  return other ? partyName(other) : call.dialled;
}

/** Whether I have put the other on hold; of a call that I only watch, whether anybody has. @param {any[]} parties */
export function isHeld(parties) {
  const mine = parties.find((one) => !one.third && one.user === account.value?.name);
  return mine ? mine.held : parties.some((one) => one.held);
}

/** For a call on a desk phone; muting and keys are done there. @param {{ call: string }} props */
export function DeskControls({ call }) {
  const [passes, setPasses] = useState(false);
  const { parties = [], asking = false } = callOf(call) ?? {};
  const talks = parties.filter((/** @type {any} */ one) => one.answered).length > 1;
  const held = !asking && isHeld(parties);
  return html`<div class="buttons" role="group" aria-label=${t("phone.controls")}>
      ${talks &&
      html`<button class="button" aria-pressed=${held} disabled=${off() || asking} onClick=${() => holdCall(call, !held)}>${t("phone.hold")}</button>
        <button class="button" aria-expanded=${passes} disabled=${off() || asking} onClick=${() => setPasses(!passes)}>${t("pass.title")}</button>`}
      <button class="button bad" disabled=${off()} onClick=${() => hangUp(call)}>${t("hang_up")}</button>
    </div>
    <${Passing} call=${call} open=${passes && talks} done=${() => setPasses(false)} />
    <${Thirds} call=${call} />`;
}

/** Whom to pass it to; who is asked meanwhile is shown whatever was open. @param {{ call: string, open: boolean, done: () => void }} props */
export function Passing({ call, open, done }) {
  if (callOf(call)?.asking) return html`<${Asked} call=${call} />`;
  return open ? html`<${PassOn} call=${call} done=${done} />` : null;
}

/** Those who were brought into the call (CH-13), each with a way out. @param {{ call: string }} props */
export function Thirds({ call }) {
  const { parties = [] } = callOf(call) ?? {};
  const thirds = parties.filter((/** @type {any} */ one) => one.third && !one.asked && one.user !== account.value?.name);
  if (thirds.length === 0) return null;
  return html`<ul class="queues thirds" aria-label=${t("thirds.title")}>
    ${thirds.map(
      (/** @type {any} */ one) => html`<li key=${one.leg}>
        <span><strong>${partyName(one)}</strong> <span class="quiet">${t(one.barges ? "thirds.supervisor" : one.answered ? "thirds.in" : "stage.ringing")}</span></span>
        ${!one.barges && html`<button class="button" disabled=${off()} aria-label=${t("thirds.drop_one", { name: partyName(one) })} onClick=${() => dropParty(call, one.leg)}>${t("thirds.drop")}</button>`}
      </li>`,
    )}
  </ul>`;
}
