// The live calls, for supervisors: what can be done with each.

import { hangUp } from "../api.js";
import { agentName, callerName, calls, link, queueName } from "../store.js";
import { t } from "../words.js";
import { Card, Since, html } from "./parts.js";
import { Supervise } from "./supervise.js";
import { Table } from "./tables.js";

const off = () => link.value !== "live";

export function Calls() {
  return html`<${Card} title=${t("calls")}>
    ${calls.value.length === 0
      ? html`<p class="quiet">${t("no_calls")}</p>`
      : html`<${Table} heads=${["caller", "dialled", "stage", "queue", "agent", "duration", "actions"]}>
          ${calls.value.map(
            (call) => html`<tr key=${call.call}>
              <th scope="row">${callerName(call.caller)}</th>
              <td>${call.dialled}</td>
              <td>${call.menu ? html`${t("stage.menu", { menu: call.menu.menu })} <${Since} since=${call.menu.since} />` : t(`stage.${call.stage}`)}</td>
              <td>${call.queue ? queueName(call.queue) : ""}</td>
              <td>${call.agent ? agentName(call.agent) : ""}</td>
              <td class="number"><${Since} since=${call.began} /></td>
              <td><div class="buttons small"><${Supervise} call=${call} /><button class="button bad slim" disabled=${off()} onClick=${() => hangUp(call.call)}>${t("hang_up")}</button></div></td>
            </tr>`,
          )}
        <//>`}
  <//>`;
}
