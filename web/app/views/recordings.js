// The newest recordings, and a player for one of them (RC-01).

import { useEffect, useState } from "preact/hooks";
import { readRecordings, recordings } from "../recordings.js";
import { link, me } from "../store.js";
import { t } from "../words.js";
import { Card, html } from "./parts.js";
import { Player, Title } from "./player.js";

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
          <${Title} segment=${one} />
          <button class="button" aria-expanded=${heard === one.segment} onClick=${toggle(one.segment)}>${t("recordings.play")}</button>
          ${heard === one.segment && html`<${Player} segment=${one} autoplay />`}
        </li>`,
      )}
    </ul>
    <button class="button" disabled=${link.value !== "live"} onClick=${readRecordings}>${t("recordings.again")}</button>
  <//>`;
}
