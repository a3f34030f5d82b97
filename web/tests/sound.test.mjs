// What is heard in the page and kept of it: recordings, clips, and who hears whom.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DeskPages } from "./desk-page.mjs";
import { DESK, MICROPHONE, Stage } from "./stage.mjs";
import { share, tone, writeWav } from "./tones.mjs";

const THIRD = 1720;
const CLIP = 1480;

let stage, pages;

before(async () => {
  stage = await Stage.open('\n[recording]\nformat = "opus"\n\n[[recording.rule]]\npercent = 100\n');
  pages = new DeskPages(stage);
});

after(() => stage?.close());

const later = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** A customer's call through the queue, taken in Ana's page. */
async function served() {
  const [page, other] = [await pages.atPage("ana"), await stage.desk("rui")];
  await page.getByRole("button", { name: "Ready", exact: true }).click();
  const answer = other.phone.call("800");
  await page.getByRole("alertdialog").getByRole("button", { name: "Accept" }).click();
  assert.equal((await answer).status, 200);
  await pages.hears(page, DESK);
  await stage.deskHears(other.voice);
  return [page, other, page.locator(".card.call")];
}

async function over(page, other, card) {
  await card.getByRole("button", { name: "Hang up" }).click();
  await other.phone.hungUp();
  await page.getByRole("button", { name: "Finish" }).click();
  await stage.released();
}

/** What the browser makes of a sound of ours: its channels at 8 kHz. */
function decoded(address) {
  return fetch(address).then(async (response) => {
    const sound = await new OfflineAudioContext(2, 1, 8000).decodeAudioData(await response.arrayBuffer());
    const channels = Array.from({ length: sound.numberOfChannels }, (_, at) => Array.from(sound.getChannelData(at)));
    return { type: response.headers.get("content-type"), channels };
  });
}

const second = (channel, from) => channel.slice(from * 8000, from * 8000 + 6400);
const power = (sound) => Math.sqrt(sound.reduce((sum, one) => sum + one * one, 0) / sound.length);

// RC-01, RC-02, P33
test("a recording rests and goes on from the page, and is heard there, both sides apart", async () => {
  const [page, other, card] = await served();
  await card.locator(".recording.is-on", { hasText: "Recording" }).waitFor();
  await later(2500);
  await card.getByRole("button", { name: "Pause recording" }).click();
  await card.locator(".recording.is-paused", { hasText: "Recording paused" }).waitFor();
  await later(3000);
  await card.getByRole("button", { name: "Resume recording" }).click();
  await card.locator(".recording.is-on").waitFor();
  await later(2500);
  await over(page, other, card);
  const list = page.getByRole("region", { name: "Recordings" });
  await stage.until("the recording is listed", async () => {
    await list.getByRole("button", { name: "Look again" }).click();
    return (await list.locator("li").count()) === 1;
  });
  await list.locator("li", { hasText: "Customer support · Ana" }).getByRole("button", { name: "Play" }).click();
  const audio = list.locator("audio");
  await stage.until("it plays", () => audio.evaluate((it) => it.currentTime > 0.2 && it.error === null));
  const { type, channels } = await page.evaluate(decoded, await audio.getAttribute("src"));
  assert.equal(type, "audio/ogg");
  assert.equal(channels.length, 2);
  const seconds = Math.floor(channels[0].length / 8000);
  assert.ok(seconds >= 7, `${seconds} s`);
  assert.ok(Math.abs((await audio.evaluate((it) => it.duration)) - channels[0].length / 8000) < 0.1, "its length");
  for (const at of [1, seconds - 2]) {
    const [left, right] = channels.map((channel) => second(channel, at));
    assert.ok(share(left, DESK) > 0.8 && share(left, MICROPHONE) < 0.02, `the customer is left at ${at} s`);
    assert.ok(share(right, MICROPHONE) > 0.8 && share(right, DESK) < 0.02, `the agent is right at ${at} s`);
  }
  const quiet = Array.from({ length: seconds - 1 }, (_, at) => at).filter((at) => channels.every((channel) => power(second(channel, at)) < 0.002));
  assert.ok(quiet.length >= 1 && quiet.length <= 3, `silent at ${quiet} s`);
  other.close();
  await page.context().close();
});

// SC-01, SC-02, SC-03, SC-04
test("clips are uploaded, spoken, played to both, put away and deleted in the page", async () => {
  const file = join(stage.folder, "Thank you.wav");
  await writeWav(file, tone(CLIP, 4, 16_000), 16_000);
  const [page, other, card] = await served();
  const shelf = page.getByRole("region", { name: "Sound clips" });
  await shelf.locator("input[type=file]").setInputFiles(file);
  const row = shelf.locator("li", { has: page.locator("input[value='Thank you']") });
  await row.locator("small", { hasText: "0:04" }).waitFor();
  const play = card.getByRole("group", { name: "Sound clips" });
  await play.getByText("Play a clip").click();
  await play.getByRole("button", { name: "Thank you" }).first().click();
  await pages.hears(page, CLIP);
  assert.ok(share(other.voice.heard.slice(-4000), CLIP) > 0.8, "the customer hears it too");
  await pages.hears(page, DESK);
  await stage.deskHears(other.voice);
  await row.getByRole("button", { name: "Put away" }).click();
  await play.waitFor({ state: "detached" });
  await over(page, other, card);
  await shelf.getByRole("button", { name: "Archive", exact: true }).click();
  await row.getByRole("button", { name: "Delete" }).click();
  await shelf.getByText("Nothing is put away.").waitFor();
  await shelf.getByRole("button", { name: "In use" }).click();
  await shelf.getByRole("button", { name: "Record a clip" }).click();
  await shelf.locator("meter").waitFor();
  await later(2000);
  await shelf.getByRole("button", { name: "Stop and keep" }).click();
  const spoken = shelf.locator("li").first();
  await spoken.locator("small", { hasText: /0:0[1-3]/ }).waitFor();
  const { clips } = await page.evaluate(() => fetch("/api/v1/clips").then((response) => response.json()));
  const { channels } = await page.evaluate(decoded, `/api/v1/clips/${clips.find((one) => one.own).clip}/sound`);
  assert.ok(share(channels[0].slice(4000, 10_000), MICROPHONE) > 0.8, "the voice of who spoke it");
  await spoken.getByRole("textbox", { name: "Name" }).fill("Greeting");
  await spoken.getByRole("textbox", { name: "Name" }).press("Enter");
  await shelf.locator("input[value='Greeting']").waitFor();
  other.close();
  await page.context().close();
});

/** Asked in a page. */
const ask = (page, method, path, body) =>
  page.evaluate(
    async ([method, path, body]) => {
      const response = await fetch(`/api/v1${path}`, { method, headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body) });
      return [response.status, await response.json()];
    },
    [method, path, body],
  );

/** Whom each hears: rows are ears, columns voices (the page's, the customer's, the third's). */
async function table(what, page, ears, wanted) {
  const voices = [MICROPHONE, DESK, THIRD];
  let seen = [];
  await stage
    .until(what, async () => {
      const levels = await pages.levels(page, voices);
      // One's own echo would be as loud as the others.
      const rows = [levels.map((level) => (level > -60 ? 1 : 0))];
      for (const ear of ears) rows.push(voices.map((hz) => (share(ear.lastSecond(), hz) > 0.1 ? 1 : share(ear.lastSecond(), hz) < 0.02 ? 0 : "?")));
      seen = rows.map((row) => row.join(""));
      return seen.join(" ") === wanted;
    })
    .catch((why) => assert.fail(`${what}: ${seen.join(" ")} and not ${wanted}: ${why.message.slice(0, 200)}`));
}

// CH-13, SV-07, SV-08, SW-10
test("in a three-way call and with a supervisor each hears whom he should", async () => {
  const [page, other, card] = await served();
  const admin = await pages.signIn("admin");
  const [, { calls }] = await ask(admin, "GET", "/calls");
  const path = `/calls/${calls[0].call}`;
  const third = await stage.desk("eva", THIRD);
  assert.equal((await ask(page, "POST", `${path}/parties`, { to: "eva" }))[0], 200);
  await third.phone.ringing();
  third.phone.answer();
  await table("three who talk", page, [other.voice, third.voice], "011 101 110");
  await third.phone.drop();
  await table("two again", page, [other.voice], "010 100");
  third.close();
  const ear = await stage.desk("admin", THIRD);
  assert.equal((await ask(admin, "PUT", `${path}/supervision`, { mode: "listen" }))[0], 200);
  await ear.phone.ringing();
  ear.phone.answer();
  await table("a supervisor listens", page, [other.voice, ear.voice], "010 100 110");
  assert.equal((await ask(admin, "PUT", `${path}/supervision`, { mode: "whisper" }))[0], 200);
  await table("she whispers", page, [other.voice, ear.voice], "011 100 110");
  assert.equal((await ask(admin, "PUT", `${path}/supervision`, { mode: "barge" }))[0], 200);
  await table("she barges in", page, [other.voice, ear.voice], "011 101 110");
  await ear.phone.drop();
  await over(page, other, card);
  for (const one of [ear, other]) one.close();
  for (const one of [admin, page]) await one.context().close();
});

test("nothing went wrong in any page", () => assert.deepEqual(pages.faults, []));
