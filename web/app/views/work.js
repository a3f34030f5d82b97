// What is mine to do now: the offer, the call, the wrap-up; and my queues.

import { useEffect, useRef } from "preact/hooks";
import { answerOffer, restRecording, setQueue, wrapUp } from "../api.js";
import { callerName, choices, link, me, queueName } from "../store.js";
import { clock, now } from "../time.js";
import { reasonName, t } from "../words.js";
import { accept as acceptHere } from "../phone.js";
import { Bar, Card, Left, Menu, Since, html } from "./parts.js";
import { ClipMenu } from "./clips.js";
import { DeskControls, whoElse } from "./in-call.js";
import { Controls, legOf } from "./phone.js";
import { Done, Written } from "./written.js";

const off = () => link.value !== "live";

export function Work() {
  const { offers, engagements, calls } = me.value;
  const live = engagements.filter((/** @type {any} */ one) => one.wrap_up_since === null);
  const after = engagements.filter((/** @type {any} */ one) => one.wrap_up_since !== null);
  const idle = offers.length + engagements.length + calls.length === 0;
  return html`
    ${offers.map((/** @type {any} */ offer) => html`<${Offer} key=${offer.offer} offer=${offer} />`)}
    ${live.map((/** @type {any} */ one) => html`<${Engagement} key=${one.engagement} engagement=${one} />`)}
    ${calls.map((/** @type {any} */ call) => html`<${Direct} key=${call.call} call=${call} />`)}
    ${after.map((/** @type {any} */ one) => html`<${WrapUp} key=${one.engagement} engagement=${one} />`)}
    ${idle && html`<${Card} title=${t("your_work")}><p class="quiet">${t("no_work")}</p><//>`}
  `;
}

/** @param {{ offer: any }} props */
function Offer({ offer }) {
  // Where the page is the telephone, accepting is answering.
  const here = legOf(offer.offer, "offer");
  const answer = (/** @type {"accept" | "decline"} */ what) => () => (here && what === "accept" ? acceptHere(here.leg) : answerOffer(offer.offer, what));
  const accept = useRef(/** @type {any} */ (null));
  // One key answers, unless something is being written.
  useEffect(() => {
    if (!document.activeElement?.matches("input, textarea, select")) accept.current?.focus();
  }, []);
  return html`<section class="card offer" role="alertdialog" aria-labelledby="offer-title" aria-describedby="offer-who" aria-live="assertive">
    <h2 id="offer-title">${t("offer.title")} · ${queueName(offer.queue)}</h2>
    <p class="who" id="offer-who">${callerName(offer.caller)}</p>
    <p class="quiet">${offer.dialled && `${t("offer.dialled", { number: offer.dialled })} · `}${offer.arrived !== null && t("waited", { time: clock(offer.made - offer.arrived) })}</p>
    <div class="countdown" aria-live="off"><${Bar} from=${offer.made} until=${offer.until} label=${t("time_left")} /><${Left} until=${offer.until} /></div>
    <div class="buttons">
      <button class="button good" ref=${accept} disabled=${off() || here?.stage === "opens"} onClick=${answer("accept")}>${t("accept")}</button>
      <button class="button bad" disabled=${off()} onClick=${answer("decline")}>${t("decline")}</button>
    </div>
    ${!here && html`<p class="quiet hint">${t(me.value.reachable ? "offer.phone" : "offer.no_phone")}</p>`}
  </section>`;
}

/** @param {{ engagement: any }} props */
function Engagement({ engagement }) {
  const { call, queue, caller, connected } = engagement;
  const here = call && legOf(call, "call");
  return html`<${Card} title=${queue ? `${t("call.title")} · ${queueName(queue)}` : t("call.title")} kind="call">
    <p class="who">${callerName(caller)}</p>
    <p class="big" aria-live="off">${connected === null ? t(here ? "phone.connecting" : "pick_up") : html`<${Since} since=${connected} />`}</p>
    <${Recording} call=${call} recording=${engagement.recording} />
    ${here ? html`<${Controls} leg=${here} />` : call && html`<${DeskControls} call=${call} />`}
    ${connected !== null && call && html`<${ClipMenu} call=${call} />`}
    ${connected !== null && html`<${Written} engagement=${engagement} />`}
  <//>`;
}

/** Whether the call is recorded, and a rest for what nobody may keep. @param {{ call: string | null, recording: any }} props */
function Recording({ call, recording }) {
  if (!call || !recording) return null;
  const { paused, resumes } = recording;
  return html`<div class="recording ${paused ? "is-paused" : "is-on"}">
    <span role="status"><span class="dot" aria-hidden="true"></span>${t(paused ? "recording.paused" : "recording.on")}</span>
    ${paused && resumes !== null && html`<${Left} until=${resumes} />`}
    <button class="button" disabled=${off()} onClick=${() => restRecording(call, !paused)}>${t(paused ? "recording.resume" : "recording.pause")}</button>
  </div>`;
}

/** A call that came through no queue. @param {{ call: any }} props */
function Direct({ call }) {
  const here = legOf(call.call, "call");
  if (here?.stage === "rings" || here?.stage === "opens") return null;
  return html`<${Card} title=${t("call.title")} kind="call">
    <p class="who">${whoElse(call)}</p>
    <p class="big" aria-live="off">${call.answered === null ? t(`stage.${call.stage}`) : html`<${Since} since=${call.answered} />`}</p>
    <${Recording} call=${call.call} recording=${call.recording} />
    ${here ? html`<${Controls} leg=${here} />` : html`<${DeskControls} call=${call.call} />`}
    ${call.answered !== null && html`<${ClipMenu} call=${call.call} />`}
  <//>`;
}

/** @param {{ engagement: any }} props */
function WrapUp({ engagement }) {
  const { wrap_up_since: since, wrap_up_until: until, wrap_up_target: target } = engagement;
  const end = (/** @type {"finish" | "extend"} */ what) => () => wrapUp(engagement.engagement, what);
  return html`<${Card} title=${t("wrap_up.title")} kind="wrap-up">
    <p class="who">${callerName(engagement.caller)}</p>
    <${WrapUpTime} since=${since} end=${until ?? target} limited=${until !== null} />
    <${Written} engagement=${engagement} />
    <div class="buttons">
      ${engagement.mark_done && html`<${Done} engagement=${engagement} />`}
      ${engagement.may_finish && html`<button class="button good" disabled=${off()} onClick=${end("finish")}>${t("finish")}</button>`}
      ${engagement.may_extend && html`<button class="button" disabled=${off()} onClick=${end("extend")}>${t("extend")}</button>`}
    </div>
  <//>`;
}

/** Counts down to the end; past a mere target, or without one, up. @param {{ since: number, end: number | null, limited: boolean }} props */
function WrapUpTime({ since, end, limited }) {
  if (end === null) return html`<p class="big" aria-live="off"><${Since} since=${since} /></p>`;
  if (!limited && now.value > end) return html`<p class="big" aria-live="off"><${Since} since=${end} /> <small class="quiet">${t("over_target")}</small></p>`;
  return html`<div class="countdown" aria-live="off"><${Bar} from=${since} until=${end} label=${t("time_left")} /><${Left} until=${end} /></div>`;
}

export function MyQueues() {
  const { queues } = me.value;
  const all = (/** @type {object} */ change) => () => setQueue(null, change);
  const some = (/** @type {string} */ state) => queues.some((/** @type {any} */ one) => one.is === state);
  return html`<${Card} title=${t("your_queues")}>
    ${queues.length === 0 && html`<p class="quiet">${t("no_queues")}</p>`}
    <ul class="queues">${queues.map((/** @type {any} */ one) => html`<${Membership} key=${one.queue} member=${one} />`)}</ul>
    ${queues.length > 1 &&
    html`<div class="buttons">
      ${some("logged_out") && html`<button class="button" disabled=${off()} onClick=${all({ do: "log_in" })}>${t("log_in_all")}</button>`}
      ${some("active") && html`<${PauseMenu} label=${t("pause_all")} change=${all} />`}
      ${some("paused") && html`<button class="button" disabled=${off()} onClick=${all({ do: "resume" })}>${t("resume_all")}</button>`}
      ${some("active") && html`<button class="button" disabled=${off()} onClick=${all({ do: "log_out" })}>${t("log_out_all")}</button>`}
    </div>`}
  <//>`;
}

/** @param {{ member: any }} props */
function Membership({ member }) {
  const { queue, is, reason, temporary } = member;
  const change = (/** @type {object} */ what) => () => setQueue(queue, what);
  const { reasons } = choices.value;
  return html`<li>
    <span><span class="dot ${is === "active" ? "is-ready" : is === "paused" ? "is-not_ready" : "is-offline"}" aria-hidden="true"></span>
      <strong>${queueName(queue)}</strong>${" "}
      <span class="quiet">${t(`member.${is}`)}${reason ? ` · ${reasonName(reason, reasons)}` : ""}${temporary ? ` · ${t("temporary")}` : ""}</span></span>
    <span class="buttons small">
      ${is === "logged_out" && html`<button class="button" disabled=${off()} onClick=${change({ do: "log_in" })}>${t("log_in")}</button>`}
      ${is === "active" && html`<${PauseMenu} label=${t("pause")} change=${change} />`}
      ${is === "paused" && html`<button class="button" disabled=${off()} onClick=${change({ do: "resume" })}>${t("resume")}</button>`}
      ${is !== "logged_out" && html`<button class="button" disabled=${off()} onClick=${change({ do: "log_out" })}>${t("log_out")}</button>`}
    </span>
  </li>`;
}

/** A pause has a reason. @param {{ label: string, change: (what: object) => () => unknown }} props */
function PauseMenu({ label, change }) {
  const { reasons, reason_required: required } = choices.value;
  return html`<${Menu} label=${label} disabled=${off()}>${() => html`
    ${reasons.map((one) => html`<button key=${one.reason} onClick=${change({ do: "pause", reason: one.reason })}>${one.name}</button>`)}
    ${!required && html`<button onClick=${change({ do: "pause" })}>${t("no_reason")}</button>`}
  `}<//>`;
}
