// The page: who is signed in decides what it shows.

import { effect } from "@preact/signals";
import { render } from "preact";
import { whoAmI } from "./api.js";
import { keepLive } from "./live.js";
import { account, link, me, supervises } from "./store.js";
import { Notices, html } from "./views/parts.js";
import { SignIn } from "./views/sign-in.js";
import { Top } from "./views/status.js";
import { Agents, Calls, Queues } from "./views/tables.js";
import { MyQueues, Work } from "./views/work.js";
import { t } from "./words.js";

function Page() {
  if (account.value === undefined) return html`<p class="quiet wait" role="status">${t("link.connecting")}</p>`;
  if (account.value === null) return html`<${SignIn} /><${Notices} />`;
  return html`
    <${Top} />
    ${link.value === "lost" && html`<p class="banner" role="alert">${t("link.lost")}</p>`}
    <main class=${me.value ? "with-work" : ""}>
      ${me.value && html`<div class="column"><${Work} /><${MyQueues} /></div>`}
      <div class="column">
        <${Queues} />
        <${Agents} />
        ${supervises.value && html`<${Calls} />`}
      </div>
    </main>
    <${Notices} />
  `;
}

effect(() => {
  const offer = me.value?.offers[0];
  document.title = offer ? `● ${offer.caller || t("unknown_caller")}` : "strowger";
});

const root = document.getElementById("page");
if (root) render(html`<${Page} />`, root);
keepLive();
firstLook();

/** Until the switch has said whether someone is signed in. */
async function firstLook() {
  const status = await whoAmI();
  if (status !== 200 && status !== 401) setTimeout(firstLook, 1000);
}
