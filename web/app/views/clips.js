// Sound clips in a call, and one's own shelf of them.

import { useEffect, useState } from "preact/hooks";
import { changeClip, clips, playClip, readClips, stopClip, uploadClip } from "../clips.js";
import { link } from "../store.js";
import { clock } from "../time.js";
import { t } from "../words.js";
import { Card, Menu, html } from "./parts.js";

const off = () => link.value !== "live";

/** Plays to both, to the customer alone, or as the last that he hears. @param {{ call: string }} props */
export function ClipMenu({ call }) {
  const [agentHears, setAgentHears] = useState(true);
  useEffect(() => void readClips(), [call]);
  if (clips.value.length === 0) return null;
  const play = (/** @type {string} */ clip, /** @type {boolean} */ last) => () => playClip(call, clip, { agent_hears: agentHears, hang_up: last });
  return html`<div class="buttons small" role="group" aria-label=${t("clips.title")}>
    <${Menu} label=${t("clips.play")} disabled=${off()}>
      ${clips.value.map((clip) => html`<button key=${clip.clip} class="item" onClick=${play(clip.clip, false)}>${clip.name} <small class="quiet">${clock(clip.millis)}</small></button>`)}
    <//>
    <${Menu} label=${t("clips.last")} disabled=${off()}>
      ${clips.value.map((clip) => html`<button key=${clip.clip} class="item" onClick=${play(clip.clip, true)}>${clip.name} <small class="quiet">${clock(clip.millis)}</small></button>`)}
    <//>
    <button class="button" disabled=${off()} onClick=${() => stopClip(call)}>${t("clips.stop")}</button>
    <label><input type="checkbox" checked=${agentHears} onChange=${(/** @type {any} */ event) => setAgentHears(event.target.checked)} /> ${t("clips.agent_hears")}</label>
  </div>`;
}

/** One's clips: uploaded, and put away. */
export function Shelf() {
  useEffect(() => void readClips(), []);
  const upload = async (/** @type {any} */ event) => {
    const [file] = event.target.files;
    if (file) await uploadClip(file);
    event.target.value = "";
  };
  return html`<${Card} title=${t("clips.title")}>
    ${clips.value.length === 0 && html`<p class="quiet">${t("clips.none")}</p>`}
    <ul class="queues">
      ${clips.value.map(
        (clip) => html`<li key=${clip.clip}>
          <span>${clip.name} <small class="quiet">${clock(clip.millis)}${clip.public ? ` · ${t("clips.public")}` : ""}</small></span>
          ${clip.own && html`<button class="button" disabled=${off()} onClick=${() => changeClip(clip.clip, { archived: true })}>${t("clips.archive")}</button>`}
        </li>`,
      )}
    </ul>
    <label class="button">${t("clips.upload")}<input type="file" accept="audio/*,.wav,.mp3,.ogg,.flac" class="hidden" disabled=${off()} onChange=${upload} /></label>
  <//>`;
}
