// Small things that views share.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { h } from "preact";
import htm from "htm";
import { dismiss, notices } from "../store.js";
import { clock, now } from "../time.js";
import { t } from "../words.js";

export const html = htm.bind(h);

/** Counts up from a moment. @param {{ since: number | null }} props */
export function Since({ since }) {
  return html`<span class="time">${since === null ? "–" : clock(now.value - since)}</span>`;
}

/** Counts down to a moment. @param {{ until: number }} props */
export function Left({ until }) {
  return html`<span class="time">${clock(until - now.value + 999)}</span>`;
}

/** What is left of a span, as a bar. @param {{ from: number, until: number, label: string }} props */
export function Bar({ from, until, label }) {
  const whole = Math.max(1, until - from);
  const left = Math.min(whole, Math.max(0, until - now.value));
  return html`<progress max="1000" value=${Math.round((left / whole) * 1000)} aria-label=${label}></progress>`;
}

/** A status in colour and in words. @param {{ status: string }} props */
export function Status({ status }) {
  return html`<span class="status"><span class="dot is-${status}" aria-hidden="true"></span>${t(`status.${status}`)}</span>`;
}

/** @param {{ title: string, kind?: string, children: any }} props */
export function Card({ title, kind = "", children }) {
  return html`<section class="card ${kind}" aria-label=${title}><h2>${title}</h2>${children}</section>`;
}

/** Between a pop-up list and the button that it belongs to, and at least between it and the window's edge. */
const GAP = 4;
const EDGE = 8;

/** Puts an open list below its button, or above it, and wholly into the window, whatever scrolls around it. @param {any} drop */
function place(drop) {
  const [menu, button] = [drop.querySelector(".menu"), drop.querySelector("summary").getBoundingClientRect()];
  const { clientWidth: wide, clientHeight: high } = document.documentElement;
  const { offsetWidth: width, offsetHeight: height } = menu;
  const wanted = drop.closest(".choose") ? button.left : button.right - width;
  const left = Math.max(EDGE, Math.min(wanted, wide - width - EDGE));
  const below = button.bottom + GAP;
  const top = below + height + EDGE <= high ? below : Math.max(EDGE, Math.min(button.top - GAP, high - EDGE) - height);
  Object.assign(menu.style, { left: `${left}px`, top: `${top}px` });
}

/**
 * A pop-up list of buttons, drawn while it is open (a table has hundreds of them, each with all queues), closed by a choice, a click elsewhere or Escape; the focus is back on it then.
 * @param {{ label: string, name?: string, children: () => any, disabled?: boolean, chosen?: boolean }} props `name`: what a screen reader says of a sign
 */
export function Menu({ label, name, children, disabled = false, chosen = false }) {
  const box = useRef(/** @type {any} */ (null));
  const [open, setOpen] = useState(false);
  useLayoutEffect(() => open && place(box.current), [open]);
  useEffect(() => {
    const close = (/** @type {Event} */ event) => {
      const menu = box.current;
      if (!menu?.open) return;
      const escape = event instanceof KeyboardEvent && event.key === "Escape";
      const within = event.type === "click" && menu.contains(event.target);
      const choice = within && event.target.closest(".menu");
      if (escape || choice || (event.type === "click" && !within)) menu.open = false;
      if (escape || choice) menu.querySelector("summary").focus();
    };
    const follow = () => box.current?.open && place(box.current);
    document.addEventListener("click", close);
    document.addEventListener("keydown", close);
    document.addEventListener("scroll", follow, { capture: true, passive: true });
    addEventListener("resize", follow);
    return () => {
      document.removeEventListener("click", close);
      document.removeEventListener("keydown", close);
      document.removeEventListener("scroll", follow, { capture: true });
      removeEventListener("resize", follow);
    };
  }, []);
  return html`<details class="drop" ref=${box} onToggle=${(/** @type {any} */ event) => setOpen(event.currentTarget.open)}>
    <summary class="button" aria-label=${name} aria-current=${chosen} aria-disabled=${disabled} onClick=${(/** @type {Event} */ event) => disabled && event.preventDefault()}>${label}</summary>
    <div class="menu">${open && children()}</div>
  </details>`;
}

export function Notices() {
  return html`<div class="notices" role="status" aria-live="polite">
    ${notices.value.map(
      (notice) => html`<div class="notice" key=${notice.id}>
        <div><strong>${notice.text}</strong>${notice.hint && html`<br />${notice.hint}`}</div>
        <button class="plain" aria-label=${t("close")} onClick=${() => dismiss(notice.id)}>×</button>
      </div>`,
    )}
  </div>`;
}
