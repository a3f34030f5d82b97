// One call that is over: what became of it, its legs with their measured quality, its story, its recordings.

import { useEffect, useState } from "preact/hooks";
import { readRecord } from "../records.js";
import { agentName, callerName, choices, queueName } from "../store.js";
import { clock } from "../time.js";
import { t } from "../words.js";
import { Card, html } from "./parts.js";
import { Player, Title } from "./player.js";
import { outcomeOf, when } from "./records.js";
import { Story } from "./story.js";
import { Table } from "./tables.js";

/** @param {{ call: string }} props */
export function Record({ call }) {
  const [read, setRead] = useState(/** @type {any} */ (null));
  useEffect(() => {
    let current = true;
    setRead(null);
    readRecord(call).then((it) => current && setRead(it));
    return () => {
      current = false;
    };
  }, [call]);
  return html`<p><a class="button" href="#records">← ${t("records.back")}</a></p>
    ${read === null && html`<p class="quiet" role="status">${t("records.reading")}</p>`}
    ${read?.fault && html`<p class="wrong" role="alert">${t(read.fault)}</p>`}
    ${read?.record && html`<${Whole} record=${read.record} recordings=${read.recordings} />`}`;
}

/** @param {{ record: any, recordings: any[] }} props */
function Whole({ record, recordings }) {
  return html`<${Outline} record=${record} />
    <${Card} title=${t("records.recordings")}>
      ${recordings.length === 0 && html`<p class="quiet">${t("records.not_recorded")}</p>`}
      ${recordings.map((one) => html`<div key=${one.segment}><${Title} segment=${one} /><${Player} segment=${one} /></div>`)}
    <//>
    ${record.queue && html`<${Card} title=${t("records.story")}><${Story} steps=${record.queue.story} /><//>`}
    <${Legs} legs=${record.legs} />
    ${record.engagements.map((/** @type {any} */ one) => html`<${Written} key=${one.engagement} engagement=${one} />`)}`;
}

/** @param {{ record: any }} props */
function Outline({ record }) {
  const { queue } = record;
  const rows = [
    ["records.direction", t(`direction.${record.direction}`)],
    ["records.trunk", record.trunk],
    ["caller", callerName(record.caller)],
    ["dialled", record.dialled],
    ["records.began", when(record.began)],
    ["records.length", clock(record.ended - record.began)],
    ["records.talked", record.connected === null ? null : clock(record.ended - record.connected)],
    ["queue", queue && queueName(queue.queue)],
    ["records.waited", queue && clock(queue.waited_ms)],
    ["records.outcome", outcomeOf(record)],
    ["agent", queue?.agent && agentName(queue.agent)],
    ["records.ended_by", `${t(`ended_by.${record.ended_by}`)} · SIP ${record.cause.sip}`],
    ["records.call", record.call],
  ];
  return html`<${Card} title=${`${t("call")} · ${when(record.began)}`} kind="record">
    <dl>${rows.filter(([, value]) => value).map(([word, value]) => html`<div key=${word}><dt>${t(word)}</dt><dd>${value}</dd></div>`)}</dl>
  <//>`;
}

/** Each side, and how its sound was. @param {{ legs: any[] }} props */
function Legs({ legs }) {
  const number = (/** @type {number | null | undefined} */ it, digits = 0) => (it === null || it === undefined ? "–" : it.toFixed(digits));
  const lost = (/** @type {any} */ it) => (it && it.packets_received + it.packets_lost > 0 ? `${((100 * it.packets_lost) / (it.packets_received + it.packets_lost)).toFixed(1)} %` : "–");
  const heardThere = (/** @type {any} */ it) => it?.peer_mos && html` <span class="quiet" title=${t("records.mos_there")}>${number(it.peer_mos, 1)}</span>`;
  return html`<${Card} title=${t("records.legs")}>
    <${Table} heads=${["records.side", "records.party", "records.rang", "records.answered", "records.length", "records.codec", "records.mos", "records.lost", "records.jitter", "records.round_trip", "records.ended_by"]}>
      ${legs.map(
        (leg) => html`<tr key=${leg.leg}>
          <th scope="row">${t(`side.${leg.side}`)}</th>
          <td>${agentName(leg.party)} <span class="quiet">${leg.address}</span></td>
          <td class="number">${leg.rang === null ? "–" : clock(leg.rang - leg.began)}</td>
          <td class="number">${leg.answered === null ? "–" : clock(leg.answered - leg.began)}</td>
          <td class="number">${clock(leg.ended - leg.began)}</td>
          <td>${leg.codec ?? "–"}</td>
          <td class="number">${number(leg.quality?.mos, 1)}${heardThere(leg.quality)}</td>
          <td class="number">${lost(leg.quality)}</td>
          <td class="number">${leg.quality ? `${number(leg.quality.jitter_ms, 1)} ms` : "–"}</td>
          <td class="number">${leg.quality?.round_trip_ms ? `${number(leg.quality.round_trip_ms)} ms` : "–"}</td>
          <td>${t(`ended_by.${leg.ended_by}`)} · ${leg.cause.sip}</td>
        </tr>`,
      )}
    <//>
  <//>`;
}

/** Who talked, and what he wrote of it. @param {{ engagement: any }} props */
function Written({ engagement }) {
  const named = (/** @type {{ key: string, name: string }[]} */ list, /** @type {string} */ key) => list.find((one) => one.key === key)?.name ?? key;
  const { disposition, tags, notes, end } = engagement;
  const rows = [
    ["records.talked", clock(engagement.talk_ms)],
    ["records.part_end", end && t(`part_end.${end}`)],
    ["wrap_up.title", clock(engagement.wrap_up_ms)],
    ["disposition", disposition && named(choices.value.dispositions, disposition)],
    ["tags", (tags ?? []).map((/** @type {string} */ tag) => named(choices.value.tags, tag)).join(", ")],
    ["notes", notes],
  ];
  return html`<${Card} title=${agentName(engagement.agent)} kind="record">
    <dl>${rows.filter(([, value]) => value).map(([word, value]) => html`<div key=${word}><dt>${t(word)}</dt><dd>${value}</dd></div>`)}</dl>
  <//>`;
}
