// Calls that are over: found by time, queue, agent, number and outcome (AP-05).

import { useEffect } from "preact/hooks";
import { found, look, sought } from "../records.js";
import { agentName, agents, callerName, queueName, queues } from "../store.js";
import { clock } from "../time.js";
import { language, t } from "../words.js";
import { Card, html } from "./parts.js";
import { Table } from "./tables.js";

/** Those that a queue knows. */
const OUTCOMES = [
  "answered", "abandoned", "abandoned_short", "abandoned_ringing", "expired", "no_agents", "full", "ewt_exceeded", "closed", "exit_key",
  "callback_requested", "voicemail", "overflowed", "transferred_in_wait", "withdrawn", "system_error", "shutdown",
];

/** Day and time as the reader's language has them. @param {number | null} at */
export function when(at) {
  return at === null ? "–" : new Intl.DateTimeFormat(language.value, { dateStyle: "short", timeStyle: "medium" }).format(at);
}

/** What came of a call: its queue says, or whether anybody talked. @param {any} record */
export const outcomeOf = (record) => (record.queue ? t(`outcome.${record.queue.outcome}`) : t(record.connected === null ? "outcome.not_connected" : "outcome.connected"));

/** Who had it. @param {any} record */
const agentOf = (record) => record.queue?.agent ?? record.engagements[0]?.agent ?? null;

export function Records() {
  useEffect(() => void look(), []);
  const { records, more, busy, fault } = found.value;
  return html`<${Card} title=${t("records.title")} kind="records">
    <${Search} />
    ${fault && html`<p class="wrong" role="alert">${t(fault)}</p>`}
    <p class="quiet" role="status">${!busy && !fault && records.length === 0 ? t("records.none") : ""}</p>
    ${records.length > 0 &&
    html`<${Table} heads=${["records.began", "caller", "dialled", "queue", "records.outcome", "agent", "records.waited", "records.length"]}>
      ${records.map((/** @type {any} */ one) => html`<${Row} key=${one.call} record=${one} />`)}
    <//>`}
    ${more && html`<div class="buttons"><button class="button" disabled=${busy} onClick=${() => look(true)}>${t("records.older")}</button></div>`}
  <//>`;
}

/** @param {{ record: any }} props */
function Row({ record }) {
  const agent = agentOf(record);
  return html`<tr>
    <th scope="row"><a href=${`#records/${record.call}`}>${when(record.began)}</a></th>
    <td>${callerName(record.caller)}</td>
    <td>${record.dialled}</td>
    <td>${record.queue ? queueName(record.queue.queue) : ""}</td>
    <td>${outcomeOf(record)}</td>
    <td>${agent ? agentName(agent) : ""}</td>
    <td class="number">${record.queue ? clock(record.queue.waited_ms) : ""}</td>
    <td class="number">${clock(record.ended - record.began)}</td>
  </tr>`;
}

/** What is looked for; a choice looks at once, what is typed when Enter is pressed or the field is left. */
function Search() {
  const set = (/** @type {any} */ event) => {
    sought.value = { ...sought.value, [event.target.name]: event.target.value };
    look();
  };
  const submit = (/** @type {Event} */ event) => event.preventDefault();
  const { from, to, queue, agent, number, outcome } = sought.value;
  return html`<form class="search" role="search" aria-label=${t("records.title")} onSubmit=${submit}>
    <label>${t("records.from")}<input type="datetime-local" name="from" value=${from} onChange=${set} /></label>
    <label>${t("records.to")}<input type="datetime-local" name="to" value=${to} onChange=${set} /></label>
    <label>${t("queue")}<${Choice} name="queue" value=${queue} set=${set} list=${queues.value.map((one) => [one.queue, one.name])} /></label>
    <label>${t("agent")}<${Choice} name="agent" value=${agent} set=${set} list=${agents.value.map((one) => [one.agent, one.name])} /></label>
    <label>${t("records.number")}<input type="search" name="number" maxlength="64" autocomplete="off" value=${number} onChange=${set} /></label>
    <label>${t("records.outcome")}<${Choice} name="outcome" value=${outcome} set=${set} list=${OUTCOMES.map((one) => [one, t(`outcome.${one}`)])} /></label>
  </form>`;
}

/** @param {{ name: string, value: string, list: string[][], set: (event: any) => void }} props */
function Choice({ name, value, list, set }) {
  return html`<select name=${name} value=${value} onChange=${set}>
    <option value="">${t("records.any")}</option>
    ${list.map(([key, word]) => html`<option key=${key} value=${key}>${word}</option>`)}
  </select>`;
}
