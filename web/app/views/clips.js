// Sound clips in a call, and one's own shelf of them.

import { useEffect, useState } from "preact/hooks";
import { recordClip } from "../audio.js";
import { archive, changeClip, clips, deleteClip, keepClip, playClip, readClips, recordAnew, stopClip, uploadClip } from "../clips.js";
import { link, tell } from "../store.js";
import { clock } from "../time.js";
import { t } from "../words.js";
import { Card, Menu, html } from "./parts.js";

const off = () => link.value !== "live";

/** Plays to both, to the customer alone, or as the last that he hears. @param {{ call: string }} props */
export function ClipMenu({ call }) {
  const [agentHears, setAgentHears] = useState(true);
  const [withTalk, setWithTalk] = useState(false);
  useEffect(() => void readClips(), [call]);
  if (clips.value.length === 0) return null;
  const play = (/** @type {string} */ clip, /** @type {boolean} */ last) => () => playClip(call, clip, { agent_hears: agentHears, with_talk: withTalk && !last, hang_up: last });
  return html`<div class="buttons small" role="group" aria-label=${t("clips.title")}>
    <${Menu} label=${t("clips.play")} disabled=${off()}>${() => html`
      ${clips.value.map((clip) => html`<button key=${clip.clip} class="item" onClick=${play(clip.clip, false)}>${clip.name} <small class="quiet">${clock(clip.millis)}</small></button>`)}
    `}<//>
    <${Menu} label=${t("clips.last")} disabled=${off()}>${() => html`
      ${clips.value.map((clip) => html`<button key=${clip.clip} class="item" onClick=${play(clip.clip, true)}>${clip.name} <small class="quiet">${clock(clip.millis)}</small></button>`)}
    `}<//>
    <button class="button" disabled=${off()} onClick=${() => stopClip(call)}>${t("clips.stop")}</button>
    <label><input type="checkbox" checked=${agentHears} onChange=${(/** @type {any} */ event) => setAgentHears(event.target.checked)} /> ${t("clips.agent_hears")}</label>
    <label><input type="checkbox" checked=${withTalk} onChange=${(/** @type {any} */ event) => setWithTalk(event.target.checked)} /> ${t("clips.with_talk")}</label>
  </div>`;
}

/** One's clips: uploaded or spoken, put away and taken back, deleted. */
export function Shelf() {
  const [old, setOld] = useState(false);
  useEffect(() => void readClips(), []);
  const upload = async (/** @type {any} */ event) => {
    const [file] = event.target.files;
    if (file) await uploadClip(file);
    event.target.value = "";
  };
  const shown = old ? archive.value : clips.value;
  return html`<${Card} title=${t("clips.title")}>
    <div class="buttons small">
      <button class="button" aria-pressed=${!old} onClick=${() => setOld(false)}>${t("clips.kept")}</button>
      <button class="button" aria-pressed=${old} onClick=${() => setOld(true)}>${t("clips.archived")}</button>
    </div>
    ${shown.length === 0 && html`<p class="quiet">${t(old ? "clips.none_archived" : "clips.none")}</p>`}
    <ul class="queues">
      ${shown.map((clip) => html`<${One} key=${clip.clip} clip=${clip} />`)}
    </ul>
    <div class="buttons small">
      <label class="button">${t("clips.upload")}<input type="file" accept="audio/*,.wav,.mp3,.ogg,.opus,.flac" class="hidden" disabled=${off()} onChange=${upload} /></label>
      <${Speak} label=${t("clips.record")} keep=${(/** @type {Blob} */ file) => keepClip(file, `${t("clips.unnamed")} ${new Date().toLocaleString()}`)} />
    </div>
  <//>`;
}

/** @param {{ clip: import("../clips.js").Clip }} props */
function One({ clip }) {
  const { clip: id, name, own, archived } = clip;
  const rename = (/** @type {any} */ event) => event.target.value.trim() && changeClip(id, { name: event.target.value.trim() });
  return html`<li>
    ${own ? html`<input aria-label=${t("clips.name")} value=${name} maxlength="80" disabled=${off()} onChange=${rename} />` : html`<span>${name}</span>`}
    <small class="quiet">${clock(clip.millis)}${clip.public ? ` · ${t("clips.public")}` : ""}</small>
    ${own &&
    html`<span class="buttons small">
      ${!archived && html`<${Speak} label=${t("clips.anew")} keep=${(/** @type {Blob} */ file) => recordAnew(id, file)} />`}
      <button class="button" disabled=${off()} onClick=${() => changeClip(id, { archived: !archived })}>${t(archived ? "clips.restore" : "clips.archive")}</button>
      ${archived && html`<button class="button bad" disabled=${off()} onClick=${() => deleteClip(id)}>${t("clips.delete")}</button>`}
    </span>`}
  </li>`;
}

/** A button that records what is said until it is pressed again. @param {{ label: string, keep: (file: Blob) => Promise<void> }} props */
function Speak({ label, keep }) {
  const [stop, setStop] = useState(/** @type {{ stop: (() => Promise<Blob>) } | null} */ (null));
  const [level, setLevel] = useState(0);
  const press = async () => {
    try {
      if (!stop) return setStop({ stop: await recordClip(setLevel) });
      setStop(null);
      await keep(await stop.stop());
    } catch {
      tell(t("phone.no_microphone"));
    }
  };
  return html`<button class="button" aria-pressed=${Boolean(stop)} disabled=${off()} onClick=${press}>${stop ? t("clips.enough") : label}</button>${stop && html`<meter value=${level} aria-label=${t("audio.level")}></meter>`}`;
}
