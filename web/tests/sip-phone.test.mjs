// Third-party browser phones (JsSIP, SIP.js) over SIP on a WebSocket: calls both ways, hold, digits, transfers; both sides
// are heard.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { Phone } from "./phone.mjs";
import { Switch } from "./switch.mjs";
import { share, tone, writeWav } from "./tones.mjs";
import { Voice } from "./voice.mjs";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const [MICROPHONE, DESK] = [620, 1040];
const KINDS = ["jssip", "sipjs"];

let it, browser, pages, folder;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "strowger-voice-"));
  const wav = join(folder, "microphone.wav");
  await writeWav(wav, tone(MICROPHONE, 2, 48_000), 48_000);
  const scripts = {};
  for (const kind of KINDS) {
    const entry = new URL(`${kind}-page.mjs`, import.meta.url).pathname;
    const { outputFiles } = await build({ entryPoints: [entry], bundle: true, write: false, format: "iife", define: { global: "globalThis" } });
    scripts[`/${kind}.js`] = outputFiles[0].text;
  }
  pages = createServer((request, response) => {
    const script = scripts[request.url];
    response.setHeader("Content-Type", script ? "text/javascript" : "text/html");
    response.end(script ?? `<!doctype html><title>phone</title><script src="${request.url}.js"></script>`);
  }).listen(0, "127.0.0.1");
  await once(pages, "listening");
  it = await Switch.start();
  browser = await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-background-networking",
      "--use-fake-device-for-media-stream",
      "--use-fake-ui-for-media-stream",
      `--use-file-for-fake-audio-capture=${wav}`,
      "--allow-loopback-in-peer-connection",
      "--autoplay-policy=no-user-gesture-required",
    ],
  });
});

after(async () => {
  await browser?.close();
  pages?.close();
  await it?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A page with a phone of that user. */
async function softphone(kind, user) {
  const page = await (await browser.newContext()).newPage();
  page.on("pageerror", (error) => console.error(error.message));
  await page.goto(`http://127.0.0.1:${pages.address().port}/${kind}`);
  await page.evaluate(([url, uri, password]) => phone.start(url, uri, password), [`ws://127.0.0.1:${it.ws}/`, `sip:${user}@127.0.0.1`, it.passwords[user]]);
  return page;
}

async function desk(user, hz = DESK) {
  const voice = await Voice.open(hz);
  const phone = new Phone({ server: it.sip, user, password: it.passwords[user], voice });
  await phone.open();
  return { phone, voice, close: () => (phone.close(), voice.close()) };
}

async function until(what, test, patience = 15_000) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await test();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not in time\n${it.said.slice(-2000)}`);
    await new Promise((later) => setTimeout(later, 100));
  }
}

/** Both hear the other's tone, and it is the loudest thing there. */
async function hearEachOther(page, voice) {
  await until("the browser hears the desk", async () => {
    const { hz, db } = await page.evaluate(() => phone.hears());
    return Math.abs(hz - DESK) < 15 && db > -50;
  });
  await until("the desk hears the browser", () => voice.heard.length > 8000 && share(voice.lastSecond(), MICROPHONE) > 0.8);
  assert.ok(share(voice.lastSecond(), DESK) < 0.05, "nobody hears himself");
}

const seen = (page, event) => until(event, () => page.evaluate((wanted) => phone.events.some((one) => one.startsWith(wanted)), event));

/** Nothing is left of any call. */
const released = () =>
  until("all released", async () => {
    const text = await (await fetch(`${it.url}metrics`)).text();
    return ["calls", "legs", "rtp_ports_used"].every((name) => new RegExp(`^${name} 0$`, "m").test(text));
  });

/** The browser's call to the desk, both hearing each other. */
async function talking(kind, user = "rui") {
  const [page, other] = [await softphone(kind, "ana"), await desk(user)];
  await page.evaluate((whom) => phone.call(`sip:${whom}@127.0.0.1`), user);
  await other.phone.ringing();
  other.phone.answer();
  await seen(page, "confirmed");
  await hearEachOther(page, other.voice);
  return [page, other];
}

for (const kind of KINDS) {
  // SW-09
  test(`${kind}: a browser phone calls a plain phone and both hear each other`, async () => {
    const [page, other] = [await softphone(kind, "ana"), await desk("rui")];
    await page.evaluate(() => phone.call("sip:rui@127.0.0.1"));
    await other.phone.ringing();
    other.phone.answer();
    await seen(page, "confirmed");
    await hearEachOther(page, other.voice);
    await page.evaluate(() => phone.end());
    await other.phone.hungUp();
    await released();
    other.close();
    await page.context().close();
  });

  // SW-09
  test(`${kind}: a plain phone calls a browser phone and both hear each other`, async () => {
    const [page, other] = [await softphone(kind, "ana"), await desk("rui")];
    const answer = other.phone.call("ana");
    await seen(page, "session:remote");
    await page.evaluate(() => phone.answer());
    assert.equal((await answer).status, 200);
    await hearEachOther(page, other.voice);
    await other.phone.hangUp();
    await seen(page, "ended");
    await released();
    other.close();
    await page.context().close();
  });

  // CH-02, SW-06
  test(`${kind}: a browser phone holds and takes back`, async () => {
    const [page, other] = await talking(kind);
    await page.evaluate(() => phone.hold());
    await until("the desk hears something else", () => share(other.voice.lastSecond(), MICROPHONE) < 0.05);
    await page.evaluate(() => phone.unhold());
    await hearEachOther(page, other.voice);
    await page.evaluate(() => phone.end());
    await other.phone.hungUp();
    await released();
    other.close();
    await page.context().close();
  });

  // SW-11
  test(`${kind}: a browser phone's digits arrive, sent as sound events or as INFO`, async () => {
    const [page, other] = await talking(kind);
    await page.evaluate(() => phone.press("4", "event"));
    await until("the digit that came as an event", () => other.voice.digits === "4");
    await page.evaluate(() => phone.press("2", "info"));
    await until("the digit that came by INFO", () => other.voice.digits === "42");
    await page.evaluate(() => phone.end());
    await other.phone.hungUp();
    await released();
    other.close();
    await page.context().close();
  });

  // CH-12, SW-13
  test(`${kind}: a browser phone hands its call over without asking`, async () => {
    const [page, other] = await talking(kind);
    const third = await desk("eva", 1_480);
    await page.evaluate(() => phone.refer("sip:eva@127.0.0.1"));
    await third.phone.ringing();
    third.phone.answer();
    await seen(page, "refer:answered");
    await until("the two hear each other", () => share(third.voice.lastSecond(), DESK) > 0.8 && share(other.voice.lastSecond(), 1_480) > 0.8);
    await seen(page, "ended");
    await third.phone.drop();
    await other.phone.hungUp();
    await released();
    for (const one of [other, third]) one.close();
    await page.context().close();
  });

  // CH-12, SW-13
  test(`${kind}: a browser phone asks a third first and hands its call over`, async () => {
    const [page, other] = await talking(kind);
    const third = await desk("eva", 1_480);
    await page.evaluate(() => phone.hold());
    await page.evaluate(() => phone.call("sip:eva@127.0.0.1"));
    await third.phone.ringing();
    third.phone.answer();
    await until("the browser hears the third", async () => Math.abs((await page.evaluate(() => phone.hears())).hz - 1_480) < 15);
    assert.ok(share(other.voice.lastSecond(), 1_480) < 0.05, "whom it asks is not heard by who is held");
    await page.evaluate(() => phone.refer("sip:eva@127.0.0.1", phone.sessions));
    await seen(page, "refer:answered");
    await until("the two hear each other", () => share(third.voice.lastSecond(), DESK) > 0.8 && share(other.voice.lastSecond(), 1_480) > 0.8);
    await third.phone.drop();
    await other.phone.hungUp();
    await released();
    for (const one of [other, third]) one.close();
    await page.context().close();
  });
}
