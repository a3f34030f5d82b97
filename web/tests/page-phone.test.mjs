// The page's own telephone: an agent with a browser and no phone takes calls, makes them, and keeps them over a reload.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DeskPages } from "./desk-page.mjs";
import { DESK, MICROPHONE, Stage } from "./stage.mjs";
import { share } from "./tones.mjs";

const COLLEAGUE = 1720;

let stage, pages;
const desk = (user, hz) => stage.desk(user, hz);
const until = (what, test) => stage.until(what, test);
const deskHears = (voice) => stage.deskHears(voice);
const released = () => stage.released();

before(async () => {
  stage = await Stage.open();
  pages = new DeskPages(stage);
});

after(() => stage?.close());

const atPage = (user, prepare) => pages.atPage(user, prepare);

/** Calls the desk from the page; both hear each other. */
async function talking(prepare) {
  const [page, other] = [await atPage("ana", prepare), await desk("rui")];
  await page.fill("input[name=to]", "rui");
  await page.getByRole("button", { name: "Call", exact: true }).click();
  await other.phone.ringing();
  other.phone.answer();
  await browserHears(page);
  await deskHears(other.voice);
  return [page, other];
}

/** The page hangs up, and nothing is left of the call. */
async function over(page, other) {
  await page.locator(".card.call").getByRole("button", { name: "Hang up" }).click();
  await other.phone.hungUp();
  await released();
  other.close();
  await page.context().close();
}

const browserHears = (page) => pages.hears(page, DESK);

/** The desk goes on getting sound, without the browser's voice in it; what was heard before does not count. */
function spared(voice) {
  let quiet = 0;
  return until("the desk hears silence of the browser", () => {
    const some = voice.lastSecond();
    quiet = some.length > 0 && share(some, MICROPHONE) < 0.05 ? quiet + 1 : 0;
    voice.heard.length = 0;
    return quiet === 10;
  });
}

// CH-01, AS-05, CH-03
test("a queue's call is taken in the page, muted, held, and ended there", async () => {
  const [page, other] = [await atPage("ana"), await desk("rui")];
  await page.getByRole("button", { name: "Ready", exact: true }).click();
  const answer = other.phone.call("800");
  await page.getByRole("alertdialog").getByRole("button", { name: "Accept" }).click();
  assert.equal((await answer).status, 200);
  await browserHears(page);
  await deskHears(other.voice);
  assert.ok(share(other.voice.lastSecond(), DESK) < 0.05, "nobody hears himself");
  const card = page.locator(".card.call");
  await card.getByRole("button", { name: "Mute" }).click();
  await spared(other.voice);
  await card.getByRole("button", { name: "Mute" }).click();
  await deskHears(other.voice);
  await card.getByRole("button", { name: "Hold" }).click();
  await card.locator("button[aria-pressed=true]", { hasText: "Hold" }).waitFor();
  await spared(other.voice);
  await card.getByRole("button", { name: "Hold" }).click();
  await deskHears(other.voice);
  await card.getByRole("button", { name: "Keypad" }).click();
  await card.getByRole("button", { name: "5", exact: true }).click();
  await until("the desk hears the digit", () => other.voice.digits === "5");
  await card.getByRole("button", { name: "Hang up" }).click();
  await other.phone.hungUp();
  await page.getByRole("button", { name: "Finish" }).click();
  await released();
  other.close();
  await page.context().close();
});

// CH-05, CH-16
test("the page calls a phone and is called by one", async () => {
  const [page, other] = await talking();
  await page.locator(".card.call").getByRole("button", { name: "Hang up" }).click();
  await other.phone.hungUp();
  await released();
  other.close();
  const caller = await desk("rui");
  const answer = caller.phone.call("ana");
  await page.getByRole("alertdialog").getByRole("button", { name: "Accept" }).click();
  assert.equal((await answer).status, 200);
  await browserHears(page);
  await deskHears(caller.voice);
  await caller.phone.hangUp();
  await page.locator(".card.call").waitFor({ state: "detached" });
  await page.fill("input[name=to]", "nobody");
  await page.getByRole("button", { name: "Call", exact: true }).click();
  await page.locator(".notice", { hasText: "This number leads nowhere" }).waitFor();
  await released();
  caller.close();
  await page.context().close();
});

// AS-05, SW-09
test("a call goes on over a reload of the page", async () => {
  const [page, other] = await talking();
  const mute = page.locator(".card.call").getByRole("button", { name: "Mute" });
  await page.reload();
  await mute.waitFor();
  await browserHears(page);
  other.voice.heard.length = 0;
  await deskHears(other.voice);
  // What its user has closed does not open by itself.
  await mute.click();
  await spared(other.voice);
  await page.reload();
  await page.locator(".card.call button[aria-pressed=true]", { hasText: "Mute" }).waitFor();
  await browserHears(page);
  await spared(other.voice);
  await mute.click();
  await deskHears(other.voice);
  await over(page, other);
});

// AS-05, SW-09, OP-01
test("a call goes on when the live connection breaks, and when the switch is killed", async () => {
  let line;
  const prepare = (page) => page.routeWebSocket(/\/api\/v1\/live/, (socket) => (line = socket).connectToServer());
  const [page, other] = await talking(prepare);
  const before = line;
  // The switch has not noticed yet: the page claims its call over another connection, and ICE begins anew.
  before.close();
  await until("another connection", () => line !== before);
  await page.locator(".my-status .phone .is-ready").waitFor();
  await page.locator(".card.call").getByRole("button", { name: "Hold" }).click();
  await page.locator(".card.call button[aria-pressed=true]", { hasText: "Hold" }).waitFor();
  await page.locator(".card.call").getByRole("button", { name: "Hold" }).click();
  await browserHears(page);
  other.voice.heard.length = 0;
  await deskHears(other.voice);
  await stage.it.kill();
  await stage.it.run();
  await browserHears(page);
  other.voice.heard.length = 0;
  await deskHears(other.voice);
  await over(page, other);
});

// CH-03, AP-03
test("a microphone that is pulled out is missed, and another one is taken", async () => {
  const [page, other] = await talking((page) =>
    page.addInitScript(() => {
      const { mediaDevices } = navigator;
      const get = mediaDevices.getUserMedia.bind(mediaDevices);
      mediaDevices.getUserMedia = async (wanted) => {
        if (globalThis.noneIsThere) throw new DOMException("none", "NotFoundError");
        const stream = await get(wanted);
        globalThis.pullOut = () => {
          globalThis.noneIsThere = true;
          const [track] = stream.getAudioTracks();
          track.stop();
          track.dispatchEvent(new Event("ended"));
        };
        return stream;
      };
    }),
  );
  await page.evaluate(() => globalThis.pullOut());
  await page.locator(".notice", { hasText: "The microphone is gone" }).waitFor();
  await spared(other.voice);
  await page.evaluate(() => {
    globalThis.noneIsThere = false;
    navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
  });
  await deskHears(other.voice);
  await over(page, other);
});

// AP-03: TCP may keep a dead connection for minutes.
test("a live connection that says nothing is taken for dead", async () => {
  let silent = false;
  const page = await atPage("ana", async (page) => {
    await page.clock.install();
    await page.routeWebSocket(/\/api\/v1\/live/, (socket) => {
      const server = socket.connectToServer();
      socket.onMessage((word) => server.send(word));
      server.onMessage((word) => !silent && socket.send(word));
    });
  });
  silent = true;
  await page.clock.fastForward(30_000);
  await page.locator(".banner", { hasText: "The connection is lost" }).waitFor();
  silent = false;
  await page.clock.fastForward(30_000);
  await page.locator(".banner").waitFor({ state: "detached" });
  await page.context().close();
});

// CH-16: what somebody kept in this browser is his alone, and no reason to show nothing.
test("favourites are their user's, and broken ones are forgotten", async () => {
  const page = await atPage("ana");
  await page.evaluate(() => {
    localStorage.setItem("favourites.ana", "{nonsense");
    localStorage.setItem("favourites.rui", '["999"]');
  });
  await page.reload();
  await page.locator("input[name=to]").waitFor();
  assert.equal(await page.locator(".favourites").count(), 0);
  await page.context().close();
});

// CH-06, CH-07, CH-20
test("what is known of a call is seen before it is taken; it is asked about and passed on", async () => {
  const [page, other] = [await atPage("ana"), await desk("rui")];
  await page.getByRole("button", { name: "Ready", exact: true }).click();
  const answer = other.phone.call("800");
  const offer = page.getByRole("alertdialog");
  await offer.filter({ hasText: "dialled 800" }).filter({ hasText: "Customer support" }).waitFor();
  await offer.getByRole("button", { name: "Accept" }).click();
  assert.equal((await answer).status, 200);
  await deskHears(other.voice);
  const eva = await desk("eva", COLLEAGUE);
  const card = page.locator(".card.call");
  await card.getByRole("button", { name: "Transfer" }).click();
  await card.locator("input[name=target]").fill("eva");
  const found = card.locator(".pass-on li", { hasText: "Eva Lima" });
  await found.getByRole("button", { name: "Ask first" }).click();
  await eva.phone.ringing();
  eva.phone.answer();
  await until("the colleague hears the agent", () => eva.voice.heard.length > 8000 && share(eva.voice.lastSecond(), MICROPHONE) > 0.8);
  await card.getByRole("button", { name: "Complete" }).click();
  await until("customer and colleague hear each other", () => share(eva.voice.lastSecond(), DESK) > 0.8 && share(other.voice.lastSecond(), COLLEAGUE) > 0.8);
  await page.getByRole("button", { name: "Finish" }).click();
  await other.phone.hangUp();
  await eva.phone.hungUp();
  await released();
  other.close();
  eva.close();
  await page.context().close();
});

// CH-04
test("a favourite is kept and called", async () => {
  const [page, other] = [await atPage("ana"), await desk("rui")];
  await page.fill("input[name=to]", "rui");
  await page.getByRole("button", { name: "Keep" }).click();
  await page.reload();
  await page.locator(".favourites").getByRole("button", { name: "rui", exact: true }).click();
  await other.phone.ringing();
  await page.locator(".card.call").getByRole("button", { name: "Hang up" }).click();
  await other.phone.hungUp();
  await page.getByRole("button", { name: "Forget rui" }).click();
  await page.locator(".favourites").waitFor({ state: "detached" });
  await released();
  other.close();
  await page.context().close();
});

// CH-19
test("sound is chosen and tested, in 320 pixels too", async () => {
  const page = await atPage("ana");
  await page.getByRole("button", { name: "Sound" }).click();
  await page.locator("select[name=microphone] option").nth(1).waitFor({ state: "attached" });
  await page.locator("input[name=speaker-volume]").fill("40");
  await page.getByRole("button", { name: "Test: hear yourself" }).click();
  await page.getByText("Say something…").waitFor();
  await until("a level", () => page.locator(".audio meter").evaluate((meter) => meter.value > 0.3));
  await page.getByText("This is how you sound.").waitFor();
  await page.setViewportSize({ width: 320, height: 700 });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320), "no scrolling sideways");
  await page.reload();
  await page.getByRole("button", { name: "Sound" }).click();
  assert.equal(await page.locator("input[name=speaker-volume]").inputValue(), "40");
  await page.context().close();
});

test("nothing went wrong in any page", () => assert.deepEqual(pages.faults, []));
