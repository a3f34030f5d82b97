// Why a call came to whom it came, in words: who was asked, who was not, and how it left the queue.

import { agentName, queueName } from "../store.js";
import { clock } from "../time.js";
import { language, t } from "../words.js";
import { html } from "./parts.js";

/** @param {{ steps: any[] }} props */
export function Story({ steps }) {
  if (steps.length === 0) return html`<p class="quiet">${t("story.none")}</p>`;
  const time = new Intl.DateTimeFormat(language.value, { timeStyle: "medium" });
  return html`<ol class="story">
    ${steps.map(
      (step, place) => html`<li key=${place}>
        <span class="time quiet">${time.format(step.at)}</span>
        <span><strong>${queueName(step.queue)}</strong>: ${sentence(step)}</span>
      </li>`,
    )}
  </ol>`;
}

/** @param {any} step */
function sentence(step) {
  if (step.step === "offered") return [asked(step), heldBack(step.why), step.end && ended(step)].filter(Boolean).join(" ");
  if (step.step === "nobody") return [t(step.delayed ? "story.delayed" : "story.nobody"), heldBack(step)].filter(Boolean).join(" ");
  if (step.step === "decided") return decided(step);
  if (step.step === "agent_lost") return t("story.agent_lost", { agent: agentName(step.agent) });
  const left = t("story.left", { time: clock(step.waited_ms), outcome: t(`outcome.${step.outcome}`) });
  return step.onward ? `${left} ${t("story.onward", { to: step.onward })}` : left;
}

/** @param {any} step */
function asked({ agent, why }) {
  const name = agentName(agent);
  if (why.assigned) return t("story.assigned", { agent: name });
  return t("story.offered", { agent: name, rank: String(why.rank), candidates: String(why.candidates), strategy: t(`strategy.${why.strategy}`) });
}

/** @param {any} step */
const ended = ({ end, ring_ms: rang }) => t("story.ended", { end: t(`offer_end.${end}`), time: clock(rang) });

/** What a program elsewhere said of who gets it. @param {any} step */
function decided({ service, named, veto, undecided }) {
  if (undecided) return t(`story.undecided.${undecided}`, { service });
  const parts = [];
  if (named) parts.push(t("story.named", { service, agent: agentName(named) }));
  if (veto.length > 0) parts.push(t("story.vetoed", { service, list: veto.map(agentName).join(", ") }));
  return parts.length > 0 ? parts.join(" ") : t("story.no_wish", { service });
}

/** Those who were not asked, by what held them back. @param {any} why */
function heldBack({ excluded = [], unfit = 0, vetoed = 0 }) {
  const parts = excluded.map((/** @type {[string, number]} */ [factor, count]) => `${count} × ${t(`factor.${factor}`)}`);
  if (unfit > 0) parts.push(`${unfit} × ${t("factor.unfit")}`);
  if (vetoed > 0) parts.push(`${vetoed} × ${t("factor.vetoed")}`);
  return parts.length > 0 ? t("story.held_back", { list: parts.join(", ") }) : "";
}
