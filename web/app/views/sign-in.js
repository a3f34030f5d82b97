import { useSignal } from "@preact/signals";
import { signIn } from "../api.js";
import { t } from "../words.js";
import { html } from "./parts.js";
import { Language } from "./status.js";

export function SignIn() {
  const wrong = useSignal("");
  const busy = useSignal(false);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    busy.value = true;
    wrong.value = await signIn(String(form.get("name")), String(form.get("password")));
    busy.value = false;
  };
  return html`<div class="sign-in">
    <form class="card" onSubmit=${submit} aria-labelledby="brand">
      <h1 id="brand" class="brand"><img src="/icon.svg" alt="" width="36" height="36" />strowger</h1>
      <p class="quiet">${t("welcome")}</p>
      <label>${t("name")}<input name="name" autocomplete="username" autocapitalize="none" spellcheck=${false} required maxlength="64" autofocus /></label>
      <label>${t("password")}<input name="password" type="password" autocomplete="current-password" required maxlength="256" /></label>
      ${wrong.value && html`<p class="wrong" role="alert">${wrong.value}</p>`}
      <button class="button strong" disabled=${busy.value}>${t("sign_in")}</button>
    </form>
    <${Language} />
  </div>`;
}
