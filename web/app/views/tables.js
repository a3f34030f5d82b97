// What everyone sees: queues and agents.

import { endAgentWrapUp, setAgentQueue, setAgentQueues, setAgentStatus } from "../api.js";
import { clock } from "../time.js";
import { agents, callerName, choices, link, queues, supervises } from "../store.js";
import { reasonName, t } from "../words.js";
import { Card, Menu, Since, Status, html } from "./parts.js";

const off = () => link.value !== "live";

/** @param {{ heads: string[], children: any }} props */
export function Table({ heads, children }) {
  return html`<div class="scroll"><table>
    <thead><tr>${heads.map((head) => html`<th scope="col" key=${head}>${t(head)}</th>`)}</tr></thead>
    <tbody>${children}</tbody>
  </table></div>`;
}

export function Queues() {
  return html`<${Card} title=${t("queues")}>
    <${Table} heads=${["queue", "waiting", "longest", "estimate", "logged_in", "free", "answered", "abandoned"]}>
      ${queues.value.map(
        (queue) => html`<tr key=${queue.queue}>
          <th scope="row">${queue.name}${!queue.open && html` <span class="quiet">${t("queue_closed")}</span>`}</th>
          <td class=${queue.waiting > 0 ? "number hot" : "number"}>${queue.waiting}</td>
          <td class="number"><${Since} since=${queue.longest_since} /></td>
          <td class="number">${queue.ewt_ms === null ? "–" : clock(queue.ewt_ms)}</td>
          <td class="number">${queue.logged_in}</td>
          <td class="number">${queue.routable}</td>
          <td class="number">${queue.today.answered}</td>
          <td class="number">${queue.today.abandoned}</td>
        </tr>`,
      )}
    <//>
  <//>`;
}

export function Agents() {
  const heads = ["agent", "status", "since", "device"];
  if (supervises.value) heads.push("contact", "actions");
  return html`<${Card} title=${t("agents")}>
    <${Table} heads=${heads}>
      ${agents.value.map((agent) => html`<${Agent} key=${agent.agent} agent=${agent} />`)}
    <//>
  <//>`;
}

/** @param {{ agent: any }} props */
function Agent({ agent }) {
  const reason = reasonName(agent.reason, choices.value.reasons);
  const customer = agent.offers?.[0]?.caller ?? agent.engagements?.[0]?.caller;
  return html`<tr>
    <th scope="row">${agent.name}</th>
    <td><${Status} status=${agent.status} />${reason && html` <span class="quiet">${reason}</span>`}</td>
    <td class="number"><${Since} since=${agent.since} /></td>
    <td class="quiet"><span class="dot ${agent.reachable ? "is-ready" : "is-offline"}" aria-hidden="true"></span>${t(agent.reachable ? "reachable" : "unreachable")}</td>
    ${supervises.value && html`<td>${customer === undefined ? "" : callerName(customer)}</td><td><${Actions} agent=${agent} /></td>`}
  </tr>`;
}

/** What a supervisor can do for an agent. @param {{ agent: any }} props */
function Actions({ agent }) {
  const { reasons, reason_required: required } = choices.value;
  const status = (/** @type {object} */ change) => () => setAgentStatus(agent.agent, change);
  return html`<${Menu} label="⋯" name=${t("actions_for", { name: agent.name })} disabled=${off()}>${() => html`
    <button disabled=${off()} onClick=${status({ status: "ready" })}>${t("set_ready")}</button>
    ${reasons.map(
      (one) => html`<button key=${one.reason} disabled=${off()} onClick=${status({ status: "not_ready", reason: one.reason })}>
        ${t("set_not_ready")} · ${one.name}
      </button>`,
    )}
    ${!required && html`<button disabled=${off()} onClick=${status({ status: "not_ready" })}>${t("set_not_ready")}</button>`}
    ${agent.status === "wrap_up" && html`<button disabled=${off()} onClick=${() => endAgentWrapUp(agent.agent)}>${t("end_wrap_up")}</button>`}
    ${queues.value.map((queue) => html`<${Membership} key=${queue.queue} agent=${agent} queue=${queue} />`)}
    <button disabled=${off()} onClick=${() => setAgentQueues(agent.agent, { do: "log_out" })}>${t("log_out_all")}</button>
  `}<//>`;
}

/** What a supervisor can make of an agent's place in one queue; one who doesn't belong to it is logged in for a time. @param {{ agent: any, queue: any }} props */
function Membership({ agent, queue }) {
  const is = agent.queues.find((/** @type {any} */ one) => one.queue === queue.queue)?.is ?? "logged_out";
  const { reasons, reason_required: required } = choices.value;
  const button = (/** @type {string} */ label, /** @type {any} */ change) =>
    html`<button disabled=${off()} onClick=${() => setAgentQueue(agent.agent, queue.queue, change)}>${label} · ${queue.name}</button>`;
  if (is === "logged_out") return button(t("log_in"), { do: "log_in" });
  const paused = is === "paused";
  return html`
    ${paused && button(t("resume"), { do: "resume" })}
    ${!paused && !required && button(t("pause"), { do: "pause" })}
    ${!paused && required && reasons.map((one) => button(`${t("pause")} (${one.name})`, { do: "pause", reason: one.reason }))}
    ${button(t("log_out"), { do: "log_out" })}
  `;
}
