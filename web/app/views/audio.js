// Which microphone, speaker and ringer, how loud, and a test by ear (CH-19).

import { useState } from "preact/hooks";
import { choose, chosen, choosesSpeakers, devices, echoTest, lookForDevices, ring, setVolume, volume } from "../audio.js";
import { changeMicrophone, legs } from "../phone.js";
import { tell } from "../store.js";
import { t } from "../words.js";
import { html } from "./parts.js";

export function AudioSettings() {
  const [open, setOpen] = useState(false);
  const toggle = () => {
    if (!open) lookForDevices();
    setOpen(!open);
  };
  return html`<button class="button" aria-expanded=${open} onClick=${toggle}>${t("audio.title")}</button>
    ${open &&
    html`<div class="audio" role="group" aria-label=${t("audio.title")}>
      <${Device} use="microphone" list=${devices.value.microphone} />
      ${choosesSpeakers && html`<${Device} use="speaker" list=${devices.value.speaker} />`}
      <${Loudness} use="speaker" />
      ${choosesSpeakers && html`<${Device} use="ringer" list=${devices.value.speaker} />`}
      <${Loudness} use="ringer" />
      <${Tests} />
    </div>`}`;
}

/** @param {{ use: "microphone" | "speaker" | "ringer", list: { id: string, name: string }[] }} props */
function Device({ use, list }) {
  const set = (/** @type {any} */ event) => {
    choose(use, event.target.value);
    if (use === "microphone") changeMicrophone();
  };
  return html`<label>${t(`audio.${use}`)}
    <select name=${use} value=${chosen.value[use]} onChange=${set}>
      <option value="">${t("audio.usual")}</option>
      ${list.map((one) => html`<option key=${one.id} value=${one.id}>${one.name}</option>`)}
    </select>
  </label>`;
}

/** @param {{ use: "speaker" | "ringer" }} props */
function Loudness({ use }) {
  const set = (/** @type {any} */ event) => setVolume(use, Number(event.target.value));
  return html`<label>${t(`audio.${use}.volume`)}
    <input type="range" name=${`${use}-volume`} min="0" max="100" step="5" value=${volume.value[use]} onInput=${set} />
  </label>`;
}

function Tests() {
  const [[stage, level], setStage] = useState(/** @type {[string, number]} */ (["", 0]));
  const busy = stage !== "" || legs.value.size > 0;
  const echo = () => echoTest((now, loud) => setStage([now, loud])).catch(() => (setStage(["", 0]), tell(t("phone.no_microphone"))));
  const bell = () => {
    ring(true);
    setTimeout(() => ring([...legs.value.values()].some((leg) => leg.stage === "rings")), 1500);
  };
  return html`<div class="buttons small">
      <button class="button" disabled=${busy} onClick=${echo}>${t("audio.echo")}</button>
      <button class="button" disabled=${busy} onClick=${bell}>${t("audio.try_ringer")}</button>
    </div>
    <p class="quiet" role="status">${stage && t(`audio.${stage}`)}</p>
    ${stage === "speak" && html`<meter min="0" max="1" value=${level} aria-label=${t("audio.level")}></meter>`}`;
}
