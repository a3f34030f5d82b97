// The bar at the top: who I am, my status with its timer, and what I can make of it.

import { setStatus, signOut } from "../api.js";
import { account, choices, link, me, supervises } from "../store.js";
import { where } from "../where.js";
import { language, reasonName, setLanguage, t } from "../words.js";
import { Left, Menu, Since, Status, html } from "./parts.js";

export function Top() {
  return html`<header class="top">
    <div class="brand"><img src="/icon.svg" alt="" width="28" height="28" />strowger</div>
    ${me.value && html`<${MyStatus} agent=${me.value} />`}
    ${supervises.value && html`<${Parts} />`}
    <div class="who">
      <${Language} />
      <${Menu} label=${me.value?.name ?? account.value.name}>${() => html`<button onClick=${signOut}>${t("sign_out")}</button>`}<//>
    </div>
  </header>`;
}

/** What a supervisor can turn to. */
function Parts() {
  const past = where.value.startsWith("records");
  return html`<nav class="buttons small parts" aria-label=${t("parts")}>
    <a class="button" href="#" aria-current=${past ? "false" : "page"}>${t("parts.live")}</a>
    <a class="button" href="#records" aria-current=${past ? "page" : "false"}>${t("records.title")}</a>
  </nav>`;
}

/** @param {{ agent: any }} props */
function MyStatus({ agent }) {
  const counts = ["wrap_up", "banned"].includes(agent.status) && agent.until;
  const reason = reasonName(agent.reason, choices.value.reasons);
  return html`<div class="my-status" role="group" aria-label=${t("your_status")}>
    <div class="choose">
      <button class="button ready" aria-pressed=${agent.status === "ready"} disabled=${off()} onClick=${() => setStatus(ready(agent))}>
        ${t("status.ready")}
      </button>
      <${NotReady} chosen=${agent.status === "not_ready"} />
      <button class="button" aria-pressed=${agent.dnd} disabled=${off()} onClick=${() => setStatus({ dnd: !agent.dnd })}>
        ${t("status.dnd")}
      </button>
    </div>
    <span class="quiet phone"><span class="dot ${agent.reachable ? "is-ready" : "is-offline"}" aria-hidden="true"></span>${t(agent.reachable ? "phone_ok" : "phone_missing")}</span>
    <div class="now" id="my-status">
      <${Status} status=${agent.status} />
      ${reason && html`<span class="quiet">${reason}</span>`}
      ${agent.pending && html`<span class="tag">${pendingText(agent.pending)}</span>`}
      <span class="timer" title=${t(counts ? "time_left" : "in_status_for")} aria-live="off">
        ${counts ? html`<${Left} until=${agent.until} />` : html`<${Since} since=${agent.since} />`}
      </span>
    </div>
  </div>`;
}

/** Who says that he is ready does not want to be left alone any more. @param {{ dnd: boolean }} agent */
const ready = (agent) => (agent.dnd ? { status: "ready", dnd: false } : { status: "ready" });

/** What was asked for while busy. @param {{ is: string, reason?: string }} pending */
function pendingText(pending) {
  const what = pending.is === "log_off" ? t("pending.log_off") : reasonName(pending.reason, choices.value.reasons) || t("status.not_ready");
  return t("pending", { what });
}

const off = () => link.value !== "live";

/** @param {{ chosen: boolean }} props */
function NotReady({ chosen }) {
  const { reasons, reason_required: required } = choices.value;
  const choose = (/** @type {string | undefined} */ reason) => () => setStatus({ status: "not_ready", reason });
  if (reasons.length === 0) return html`<button class="button" aria-pressed=${chosen} disabled=${off()} onClick=${choose(undefined)}>${t("status.not_ready")}</button>`;
  return html`<${Menu} label=${t("status.not_ready")} disabled=${off()} chosen=${chosen}>${() => html`
    ${reasons.map((one) => html`<button key=${one.reason} disabled=${off()} onClick=${choose(one.reason)}>${one.name}</button>`)}
    ${!required && html`<button disabled=${off()} onClick=${choose(undefined)}>${t("no_reason")}</button>`}
  `}<//>`;
}

export function Language() {
  const set = (/** @type {any} */ event) => setLanguage(event.target.value);
  return html`<label class="language"><span class="hidden">${t("language")}</span>
    <select value=${language.value} onChange=${set}>
      <option value="en">English</option><option value="pt">Português</option><option value="es">Español</option>
    </select>
  </label>`;
}
