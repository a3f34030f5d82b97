// Who waits, for supervisors: in which place and since when, and what can be done with each (QE-15, RT-18).

import { changeWaiting, withdraw } from "../api.js";
import { agentName, agents, callerName, link, queues } from "../store.js";
import { clock } from "../time.js";
import { t } from "../words.js";
import { Card, Menu, Since, html } from "./parts.js";
import { Table } from "./tables.js";

const off = () => link.value !== "live";

/** How much one step of the menu raises or lowers a priority. */
const STEP = 1;

export function Waiting() {
  const waiting = queues.value.flatMap((queue) => (queue.callers ?? []).map((/** @type {any} */ caller) => ({ queue, caller })));
  if (waiting.length === 0) return null;
  return html`<${Card} title=${t("waiting.title")}>
    <${Table} heads=${["queue", "place", "caller", "waits_for", "estimate", "priority", "rings_at", "actions"]}>
      ${waiting.map(({ queue, caller }) => html`<${One} key=${caller.interaction} queue=${queue} caller=${caller} />`)}
    <//>
  <//>`;
}

/** @param {{ queue: any, caller: any }} props */
function One({ queue, caller }) {
  const { position, arrived, ewt_ms: estimate, priority, ringing } = caller;
  return html`<tr>
    <th scope="row">${queue.name}</th>
    <td class="number">${position}</td>
    <td>${callerName(caller.caller)}</td>
    <td class="number"><${Since} since=${arrived} /></td>
    <td class="number">${estimate === null ? "–" : clock(estimate)}</td>
    <td class="number">${priority}</td>
    <td>${ringing.map(agentName).join(", ")}</td>
    <td><${Actions} queue=${queue} caller=${caller} /></td>
  </tr>`;
}

/** Those of the queue who could answer at once come first in the menu: giving somebody away is what it is mostly for. @param {{ queue: any, caller: any }} props */
function Actions({ queue, caller }) {
  const { interaction, priority, connecting } = caller;
  const change = (/** @type {object} */ what) => () => changeWaiting(interaction, what);
  return html`<${Menu} label="⋯" name=${t("actions_for", { name: callerName(caller.caller) })} disabled=${off() || connecting}>${() => {
    const free = agents.value.filter((agent) => agent.status === "ready" && agent.queues.some((/** @type {any} */ one) => one.queue === queue.queue && one.is === "active"));
    const others = queues.value.filter((one) => one.queue !== queue.queue && one.open);
    return html`
    ${free.map((agent) => html`<button key=${agent.agent} disabled=${off()} onClick=${change({ agent: agent.agent })}>${t("give_to", { agent: agent.name })}</button>`)}
    ${others.map((one) => html`<button key=${one.queue} disabled=${off()} onClick=${change({ queue: one.queue })}>${t("move_to", { queue: one.name })}</button>`)}
    <button disabled=${off()} onClick=${change({ priority: priority + STEP })}>${t("priority_up")}</button>
    <button disabled=${off()} onClick=${change({ priority: priority - STEP })}>${t("priority_down")}</button>
    <button disabled=${off()} onClick=${() => withdraw(interaction)}>${t("hang_up")}</button>
  `;
  }}<//>`;
}
