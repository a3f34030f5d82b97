// Third-party browser phones (JsSIP, SIP.js) over SIP on a WebSocket: calls both ways, hold, digits, transfers; both sides
// are heard.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { DESK, MICROPHONE, Stage } from "./stage.mjs";
import { share } from "./tones.mjs";

const KINDS = ["jssip", "sipjs"];

let stage, pages;
const desk = (user, hz) => stage.desk(user, hz);
const until = (what, test) => stage.until(what, test);
const released = () => stage.released();

before(async () => {
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
  stage = await Stage.open();
});

after(async () => {
  pages?.close();
  await stage?.close();
});

/** A page with a phone of that user. */
async function softphone(kind, user) {
  const page = await (await stage.browser.newContext()).newPage();
  page.on("pageerror", (error) => console.error(error.message));
  await page.goto(`http://127.0.0.1:${pages.address().port}/${kind}`);
  await page.evaluate(([url, uri, password]) => phone.start(url, uri, password), [`ws://127.0.0.1:${stage.it.ws}/`, `sip:${user}@127.0.0.1`, stage.it.passwords[user]]);
  return page;
}

/** Both hear the other's tone, and it is the loudest thing there. */
async function hearEachOther(page, voice) {
  await until("the browser hears the desk", async () => {
    const { hz, db } = await page.evaluate(() => phone.hears());
    return Math.abs(hz - DESK) < 15 && db > -50;
  });
  await stage.deskHears(voice);
  assert.ok(share(voice.lastSecond(), DESK) < 0.05, "nobody hears himself");
}

const seen = (page, event) => until(event, () => page.evaluate((wanted) => phone.events.some((one) => one.startsWith(wanted)), event));

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

  // SW-09, P29: the browser would take no plain RTP, and hears nothing it has not agreed keys for.
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

  // CH-02, SW-06, P30: each is a re-INVITE within a call that is bridged to a plain phone.
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
