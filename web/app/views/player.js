// A recording, wherever it is shown: heard by ranges of its file, with a drawn line of where it rested and where something is missing.

import { useRef, useState } from "preact/hooks";
import { agentName, queueName } from "../store.js";
import { clock } from "../time.js";
import { t } from "../words.js";
import { html } from "./parts.js";
import { when } from "./records.js";

/** The line's width in units of its own. */
const WIDE = 1000;

/** Which recording it is. @param {{ segment: any }} props */
export function Title({ segment }) {
  const { began, length_ms: length, agent, queue, private: isPrivate, partial } = segment;
  const facts = [queue && queueName(queue), agent && agentName(agent), clock(length), isPrivate && t("records.private"), partial && t("recordings.partial")];
  return html`<span><strong>${when(began)}</strong> <small class="quiet">${facts.filter(Boolean).join(" · ")}</small></span>`;
}

/** @param {{ segment: any, autoplay?: boolean }} props */
export function Player({ segment, autoplay = false }) {
  const { length_ms: length, paused, lost } = segment;
  const sound = useRef(/** @type {any} */ (null));
  const [at, setAt] = useState(0);
  const seek = (/** @type {any} */ event) => {
    const box = event.currentTarget.getBoundingClientRect();
    if (sound.current && box.width > 0) sound.current.currentTime = ((event.clientX - box.left) / box.width) * (length / 1000);
  };
  return html`<div class="player" role="group" aria-label=${t("records.recording_of", { when: when(segment.began) })}>
    ${segment.ended === null
      ? html`<p class="quiet">${t("records.still_recorded")}</p>`
      : html`<audio ref=${sound} aria-label=${t("records.recording_of", { when: when(segment.began) })} controls autoplay=${autoplay} preload="metadata" src=${segment.audio} onTimeUpdate=${(/** @type {any} */ event) => setAt(event.target.currentTime * 1000)}></audio>
          <${Line} length=${length} at=${at} paused=${paused} lost=${lost} onClick=${seek} />
          <${Marks} word="records.paused" spans=${paused} />
          <${Marks} word="records.lost_parts" spans=${lost} />`}
    ${segment.interrupted && html`<p class="quiet">${t("records.interrupted")}</p>`}
  </div>`;
}

/** Drawn, for the eye and the mouse; the words below say the same. @param {any} props */
function Line({ length, at, paused, lost, onClick }) {
  const place = (/** @type {number} */ millis) => (WIDE * Math.min(millis, length)) / Math.max(1, length);
  const span = (/** @type {string} */ kind) => (/** @type {any} */ one) =>
    html`<rect key=${`${kind}${one.from_ms}`} class=${kind} x=${place(one.from_ms)} y="4" width=${Math.max(3, place(one.from_ms + one.ms) - place(one.from_ms))} height="16" />`;
  return html`<svg class="line" viewBox="0 0 ${WIDE} 24" preserveAspectRatio="none" aria-hidden="true" onClick=${onClick}>
    <rect class="whole" x="0" y="9" width=${WIDE} height="6" />
    ${paused.map(span("paused"))}${lost.map(span("lost"))}
    <rect class="at" x=${place(at)} y="0" width="3" height="24" />
  </svg>`;
}

/** @param {{ word: string, spans: { from_ms: number, ms: number }[] }} props */
function Marks({ word, spans }) {
  if (spans.length === 0) return null;
  const list = spans.map((one) => `${clock(one.from_ms)}–${clock(one.from_ms + one.ms)}`).join(", ");
  return html`<p class="quiet">${t(word, { list })}</p>`;
}
