// The page: who is signed in decides what it shows.

import { effect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { render } from "preact";
import { iAmHere, whoAmI } from "./api.js";
import { keepLive } from "./live.js";
import { account, callerName, draining, link, me, supervises } from "./store.js";
import { Left, Notices, html } from "./views/parts.js";
import { Shelf } from "./views/clips.js";
import { Recordings } from "./views/recordings.js";
import { Legs, Telephone } from "./views/phone.js";
import { SignIn } from "./views/sign-in.js";
import { Top } from "./views/status.js";
import { Calls } from "./views/calls.js";
import { Record } from "./views/record.js";
import { Records } from "./views/records.js";
import { Agents, Queues } from "./views/tables.js";
import { Waiting } from "./views/waiting.js";
import { MyQueues, Work } from "./views/work.js";
import { where } from "./where.js";
import { t } from "./words.js";

function Page() {
  if (account.value === undefined) return html`<p class="quiet wait" role="status">${t("link.connecting")}</p>`;
  if (account.value === null) return html`<${SignIn} /><${Notices} />`;
  return html`<${Desk} /><${Notices} />`;
}

function Desk() {
  const start = useRef(/** @type {any} */ (null));
  // Whoever signed in by keyboard goes on from the top of the page, not from nowhere.
  useEffect(() => {
    if (document.activeElement === document.body) start.current?.focus({ preventScroll: true });
  }, []);
  return html`
    <h1 class="hidden">strowger</h1>
    <${Top} />
    ${link.value === "lost" && html`<p class="banner" role="alert">${t("link.lost")}</p>`}
    ${draining.value && link.value === "live" && html`<p class="banner" role="status">${t("link.draining")}</p>`}
    ${me.value?.inactive_until && html`<p class="banner" role="alert">${t("still_there")} <${Left} until=${me.value.inactive_until} /></p>`}
    <main ref=${start} tabindex="-1" class="with-work">
      <div class="column"><${Legs} />${me.value && html`<${Work} />`}<${Telephone} />${me.value && html`<${MyQueues} /><${Shelf} /><${Recordings} />`}</div>
      <div class="column">
        <${Overview} />
      </div>
    </main>
  `;
}

/** The other column: how the centre stands, or calls that are over. */
function Overview() {
  const [part, call] = where.value.split("/");
  if (part === "records" && supervises.value) return call ? html`<${Record} call=${call} />` : html`<${Records} />`;
  return html`<${Queues} />
    ${supervises.value && html`<${Waiting} />`}
    <${Agents} />
    ${supervises.value && html`<${Calls} />`}`;
}

/** Tabs and screen readers tell pages by it. */
function title() {
  const name = account.value?.name;
  return name ? `${name} · strowger` : "strowger";
}

effect(() => {
  const offer = me.value?.offers[0];
  document.title = offer ? `● ${callerName(offer.caller)}` : title();
});

/** Signs of life are passed on once a minute, at once when somebody is asked for. */
let lastSign = 0;
for (const sign of ["pointerdown", "keydown"]) {
  addEventListener(sign, () => {
    const asked = Boolean(me.value?.inactive_until);
    if (!me.value || (!asked && Date.now() - lastSign < 60_000)) return;
    lastSign = Date.now();
    iAmHere();
  });
}

const root = document.getElementById("page");
if (root) render(html`<${Page} />`, root);
keepLive();
firstLook();

/** Until the switch has said whether someone is signed in. */
async function firstLook() {
  const status = await whoAmI();
  if (status !== 200 && status !== 401) setTimeout(firstLook, 1000);
}
