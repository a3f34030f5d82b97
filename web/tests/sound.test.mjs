// What is heard in the page and kept of it: recordings and clips.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DeskPages } from "./desk-page.mjs";
import { DESK, MICROPHONE, Stage } from "./stage.mjs";
import { share, tone, writeWav } from "./tones.mjs";

const CLIP = 1480;

/** Of the power: a phone that speaks by a timer leaves gaps on a busy machine, and nobody else's tone fills them. */
const MOST = 0.5;

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
  for (const at of [2, seconds - 2]) {
    const [left, right] = channels.map((channel) => second(channel, at));
    const shares = [left, right].map((channel) => [DESK, MICROPHONE].map((hz) => share(channel, hz)));
    assert.ok(shares[0][0] > MOST && shares[0][1] < 0.02, `the customer is left at ${at} s of ${seconds}: ${shares}`);
    assert.ok(shares[1][1] > MOST && shares[1][0] < 0.02, `the agent is right at ${at} s of ${seconds}: ${shares}`);
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
  const row = shelf.locator("li").first();
  await row.locator("small", { hasText: "0:04" }).waitFor();
  assert.equal(await row.getByRole("textbox", { name: "Name" }).inputValue(), "Thank you");
  const play = card.getByRole("group", { name: "Sound clips" });
  await play.getByText("Play a clip").click();
  await play.getByRole("button", { name: "Thank you" }).first().click();
  await pages.hears(page, CLIP);
  await stage.until("the customer hears it too", () => share(other.voice.heard.slice(-4000), CLIP) > MOST);
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
  await stage.until("it has another name", async () => (await page.evaluate(() => fetch("/api/v1/clips").then((response) => response.json()))).clips.some((one) => one.name === "Greeting"));
  other.close();
  await page.context().close();
});

test("nothing went wrong in any page", () => assert.deepEqual(pages.faults, []));
