// A browser among other telephones: with a real one, plain and protected; in a call of three; with a supervisor. Who hears whom
// is a table, each cell of it measured.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Baresip } from "./baresip.mjs";
import { DeskPages } from "./desk-page.mjs";
import { DESK, MICROPHONE, Stage } from "./stage.mjs";
import { level, share } from "./tones.mjs";

const THIRD = 1720;

/** A voice louder than this is heard, in dB of full scale; one below that is not. A browser suppresses what sounds like noise, and a
 * tone does; what a telephone's uneven beat leaves beside its own tone is fainter still. */
const HEARD = -55;
const SPARED = -62;

let stage, pages;

before(async () => {
  stage = await Stage.open('\n[[recording.rule]]\npercent = 100\n');
  pages = new DeskPages(stage);
});

after(() => stage?.close());

const later = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Asked in a page. */
function ask(page, method, path, body) {
  return page.evaluate(
    async ([method, path, body]) => {
      const response = await fetch(`/api/v1${path}`, { method, headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body) });
      return [response.status, await response.json().catch(() => null)];
    },
    [method, path, body],
  );
}

/** The recording of the newest call: its channels at 8 kHz, the customer's first. */
async function recorded(page) {
  const { recordings } = await stage.until("the recording is finished", async () => {
    const [, found] = await ask(page, "GET", "/recordings?limit=1");
    return found.recordings[0]?.ended && found;
  });
  return page.evaluate(async (address) => {
    const octets = await (await fetch(address)).arrayBuffer();
    const sound = await new OfflineAudioContext(2, 1, 8000).decodeAudioData(octets);
    return [0, 1].map((at) => Array.from(sound.getChannelData(at), (sample) => sample * 32_768));
  }, recordings[0].audio);
}

// SW-08, SW-09
for (const secure of [false, true]) {
  test(`a browser and a real telephone${secure ? ", which takes SRTP alone," : ""} hear each other, called by either`, async () => {
    const page = await pages.atPage("ana");
    for (const calls of ["phone", "page"]) {
      const phone = await Baresip.open(stage, "rui", DESK, { secure });
      if (calls === "phone") {
        await page.getByRole("button", { name: "Ready", exact: true }).click();
        phone.dials("800");
        await page.getByRole("alertdialog").getByRole("button", { name: "Accept" }).click();
      } else {
        await page.fill("input[name=to]", "rui");
        await page.getByRole("button", { name: "Call", exact: true }).click();
        await phone.saw("CALL_INCOMING");
        phone.says("accept");
      }
      await phone.saw("CALL_ESTABLISHED");
      await pages.hears(page, DESK);
      await later(4000);
      await pages.hears(page, DESK);
      await page.locator(".card.call").getByRole("button", { name: "Hang up" }).click();
      await phone.saw("CALL_CLOSED");
      const heard = await phone.heard();
      const end = heard.slice(-24_000);
      assert.ok(end.length === 24_000 && share(end, MICROPHONE) > 0.5, `${calls}: the phone heard the browser: ${share(end, MICROPHONE)}`);
      assert.ok(level(end, DESK) < SPARED, `${calls}: not itself: ${level(end, DESK)} dB`);
      if (calls === "phone") {
        await page.getByRole("button", { name: "Finish" }).click();
        const [customer, agent] = (await recorded(page)).map((channel) => channel.slice(-24_000));
        assert.ok(share(customer, DESK) > 0.5 && share(agent, MICROPHONE) > 0.5, "the recording has both");
        assert.ok(level(customer, MICROPHONE) < SPARED && level(agent, DESK) < SPARED, "each on his side");
      }
      await stage.released();
    }
    await page.context().close();
  });
}

/** Whom each hears: rows are ears, columns the page's voice, the customer's, the third's. */
async function table(what, page, ears, wanted) {
  const voices = [MICROPHONE, DESK, THIRD];
  let seen = [];
  const cell = (decibels) => (decibels > HEARD ? "1" : decibels < SPARED ? "0" : `(${decibels.toFixed(0)})`);
  await stage
    .until(what, async () => {
      const rows = [await pages.levels(page, voices), ...ears.map((ear) => voices.map((hz) => level(ear.lastSecond(), hz)))];
      seen = rows.map((row) => row.map(cell).join(""));
      return seen.join(" ") === wanted;
    })
    .catch((why) => assert.fail(`${what}: ${seen.join(" ")} and not ${wanted}: ${why.message.slice(0, 200)}`));
}

// CH-13, SV-07, SV-08, SW-10
test("in a call of three and with a supervisor each hears whom he should, and nobody himself", async () => {
  const [page, customer] = [await pages.atPage("ana"), await stage.desk("rui")];
  await page.getByRole("button", { name: "Ready", exact: true }).click();
  const answer = customer.phone.call("800");
  await page.getByRole("alertdialog").getByRole("button", { name: "Accept" }).click();
  assert.equal((await answer).status, 200);
  await table("the two", page, [customer.voice], "010 100");
  const admin = await pages.signIn("admin");
  const [, { calls }] = await ask(admin, "GET", "/calls");
  const path = `/calls/${calls[0].call}`;
  const third = await stage.desk("eva", THIRD);
  assert.equal((await ask(page, "POST", `${path}/parties`, { to: "eva" }))[0], 200);
  await third.phone.ringing();
  third.phone.answer();
  await table("three who talk", page, [customer.voice, third.voice], "011 101 110");
  await third.phone.drop();
  await table("two again", page, [customer.voice], "010 100");
  third.close();
  const ear = await stage.desk("admin", THIRD);
  const supervises = async (mode) => assert.equal((await ask(admin, "PUT", `${path}/supervision`, { mode }))[0], 200);
  await supervises("listen");
  await ear.phone.ringing();
  ear.phone.answer();
  await table("a supervisor listens", page, [customer.voice, ear.voice], "010 100 110");
  await supervises("whisper");
  await table("she whispers", page, [customer.voice, ear.voice], "011 100 110");
  await supervises("barge");
  await table("she barges in", page, [customer.voice, ear.voice], "011 101 110");
  await ear.phone.drop();
  await table("the two again", page, [customer.voice], "010 100");
  await page.locator(".card.call").getByRole("button", { name: "Hang up" }).click();
  await customer.phone.hungUp();
  await page.getByRole("button", { name: "Finish" }).click();
  await stage.released();
  for (const one of [ear, customer]) one.close();
  for (const one of [admin, page]) await one.context().close();
});

test("nothing went wrong in any page", () => assert.deepEqual(pages.faults, []));
