// What the agent writes of an interaction: its result, labels and notes. Kept as soon as it is left, notes also while
// they are written.

import { useEffect, useRef, useState } from "preact/hooks";
import { markDone, writeWork } from "../api.js";
import { choices, link } from "../store.js";
import { t } from "../words.js";
import { Menu, html } from "./parts.js";

const off = () => link.value !== "live";

/** @param {{ engagement: any }} props */
export function Written({ engagement }) {
  const { engagement: id, disposition_rule: rule, dispositions, work } = engagement;
  const all = choices.value;
  const words = (/** @type {{ key: string, name: string }[]} */ list, /** @type {string} */ key) => list.find((one) => one.key === key)?.name ?? key;
  const tags = work.tags ?? [];
  const toggle = (/** @type {string} */ key) => writeWork(id, { tags: tags.includes(key) ? tags.filter((/** @type {string} */ one) => one !== key) : [...tags, key] });
  return html`<div class="written">
    ${rule !== "off" &&
    dispositions.length > 0 &&
    html`<label>${t("disposition")}${rule === "required" ? " *" : ""}
      <select class="disposition" disabled=${off()} value=${work.disposition ?? ""} onChange=${(/** @type {any} */ event) => writeWork(id, { disposition: event.target.value || null })}>
        <option value="">${t("disposition.choose")}</option>
        ${dispositions.map((/** @type {string} */ key) => html`<option key=${key} value=${key}>${words(all.dispositions, key)}</option>`)}
      </select>
    </label>`}
    ${all.tags.length > 0 &&
    html`<div class="tags" role="group" aria-label=${t("tags")}>
      ${all.tags.map((one) => html`<button key=${one.key} class="button" aria-pressed=${tags.includes(one.key)} disabled=${off()} onClick=${() => toggle(one.key)}>${one.name}</button>`)}
    </div>`}
    <${Notes} id=${id} kept=${work.notes ?? ""} />
  </div>`;
}

/** A pause in typing after which notes are kept: a page that is closed or loaded again loses no more than that. */
const PAUSE = 1000;

/** What is typed is his own until he leaves the field. @param {{ id: string, kept: string }} props */
function Notes({ id, kept }) {
  const [typed, setTyped] = useState(/** @type {string | null} */ (null));
  const sent = useRef(/** @type {string | null} */ (null));
  const keep = async () => {
    if (typed !== null && (typed === kept || (await writeWork(id, { notes: typed })))) setTyped(null);
  };
  useEffect(() => {
    if (typed === null || typed === kept || typed === sent.current) return;
    const pause = setTimeout(() => {
      sent.current = typed;
      writeWork(id, { notes: typed });
    }, PAUSE);
    return () => clearTimeout(pause);
  }, [id, typed, kept]);
  return html`<label>${t("notes")}
    <textarea rows="3" maxlength="8000" disabled=${off()} value=${typed ?? kept} onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} onBlur=${keep}></textarea>
  </label>`;
}

/** Done: with what comes next where the queue leaves it to the agent. @param {{ engagement: any }} props */
export function Done({ engagement }) {
  const { engagement: id, wants_status: wants } = engagement;
  const done = (/** @type {object} */ next) => () => markDone(id, next);
  if (!wants) return html`<button class="button good" disabled=${off()} onClick=${done({})}>${t("done")}</button>`;
  const { reasons, reason_required: required } = choices.value;
  return html`<button class="button good" disabled=${off()} onClick=${done({ status: "ready" })}>${t("done")} · ${t("status.ready")}</button>
    <${Menu} label=${`${t("done")} · ${t("status.not_ready")}`}>${() => html`
      ${reasons.map((one) => html`<button key=${one.reason} onClick=${done({ status: "not_ready", reason: one.reason })}>${one.name}</button>`)}
      ${!required && html`<button onClick=${done({ status: "not_ready" })}>${t("no_reason")}</button>`}
    `}<//>`;
}
