// The newest recordings, and a player for one of them (RC-01).

import { useEffect, useState } from "preact/hooks";
import { readRecordings, recordings } from "../recordings.js";
import { agentName, link, me, queueName } from "../store.js";
import { clock } from "../time.js";
import { t } from "../words.js";
import { Card, html } from "./parts.js";

const when = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "short" });

/** Read when it is opened, and again when work of one's own is over: its file is finished then. */
export function Recordings() {
  const [heard, setHeard] = useState("");
  const work = me.value?.engagements.length ?? 0;
  useEffect(() => void readRecordings(), [work]);
  const toggle = (/** @type {string} */ segment) => () => setHeard(heard === segment ? "" : segment);
  return html`<${Card} title=${t("recordings.title")}>
    ${recordings.value.length === 0 && html`<p class="quiet">${t("recordings.none")}</p>`}
    <ul class="queues recordings">
      ${recordings.value.map(
        (one) => html`<li key=${one.segment}>
          <span>${when.format(one.began)} <small class="quiet">${[one.queue && queueName(one.queue), one.agent && agentName(one.agent), clock(one.length_ms), one.partial && t("recordings.partial")].filter(Boolean).join(" · ")}</small></span>
          <button class="button" aria-expanded=${heard === one.segment} onClick=${toggle(one.segment)}>${t("recordings.play")}</button>
          ${heard === one.segment && html`<audio controls autoplay src=${one.audio}></audio>`}
        </li>`,
      )}
    </ul>
    <button class="button" disabled=${link.value !== "live"} onClick=${readRecordings}>${t("recordings.again")}</button>
  <//>`;
}
