// A supervisor's ear, voice and memory, and an agent with a desk phone beside his page: what each sees and hears.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DESK, MICROPHONE, Stage } from "./stage.mjs";
import { share } from "./tones.mjs";

const PATIENCE = 30_000;
const AGENT = 1720;
const THIRD = 2360;

let stage;
const faults = [];
const desk = (user, hz) => stage.desk(user, hz);
const until = (what, test) => stage.until(what, test);
/** Among others too: a fraction of all that is heard, far above what any other sound leaves there. */
const hears = (who, { voice }, hz) => until(`${who} hears ${hz} Hz`, () => voice.heard.length > 8000 && share(voice.lastSecond(), hz) > 0.004);
const spared = (who, { voice }, hz) => until(`${who} hears nothing of ${hz} Hz`, () => share(voice.lastSecond(), hz) < 0.002);

before(async () => {
  const sales = '\n[[queue]]\nkey = "sales"\nname = "Sales"\nmembers = ["eva"]\nacw_secs = 10\n';
  stage = await Stage.open(`\n[[recording.rule]]\nqueue = "support"\npercent = 100\n${sales}`);
});

after(() => stage?.close());

async function signIn(user) {
  const context = await stage.browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 900 } });
  await context.grantPermissions(["microphone"]);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on("pageerror", (error) => faults.push(`${user}: ${error.message}`));
  page.on("console", (message) => message.text().includes("Content Security Policy") && faults.push(message.text()));
  await page.goto(stage.it.url);
  await page.fill("input[name=name]", user);
  await page.fill("input[name=password]", stage.it.passwords[user]);
  await page.press("input[name=password]", "Enter");
  await page.waitForSelector("table tbody tr");
  return page;
}

/** A customer and Ana at her desk phone talk, through the queue. */
async function talking() {
  const [page, agent, customer] = [await signIn("ana"), await desk("ana", AGENT), await desk("rui", DESK)];
  await page.getByRole("button", { name: "Ready", exact: true }).click();
  const answer = customer.phone.call("800");
  await agent.phone.ringing();
  agent.phone.answer();
  assert.equal((await answer).status, 200);
  await page.locator(".card.call .big .time").waitFor();
  await hears("the customer", customer, AGENT);
  await hears("the agent", agent, DESK);
  return { page, agent, customer };
}

/** The recording of his call rests for more than a second. */
async function restRecording(card) {
  await card.getByRole("button", { name: "Pause recording" }).click();
  await card.getByText("Recording paused").waitFor();
  await new Promise((later) => setTimeout(later, 1500));
  await card.getByRole("button", { name: "Resume recording" }).click();
  await card.getByRole("button", { name: "Pause recording" }).waitFor();
}

async function over({ page, agent, customer }) {
  await page.locator(".card.call").getByRole("button", { name: "Hang up" }).click();
  await customer.phone.ended;
  await page.getByRole("button", { name: "Finish" }).click();
  await stage.released();
  agent.close();
  customer.close();
  await page.context().close();
}

// SV-07, SV-08
test("a supervisor listens, whispers, barges and leaves, with the page as his telephone", async () => {
  const call = await talking();
  const { agent, customer } = call;
  const admin = await signIn("admin");
  await admin.getByRole("button", { name: "Take calls here" }).click();
  await admin.getByRole("button", { name: "Take no calls here" }).waitFor();
  const row = admin.locator("tbody tr", { hasText: "Talking" });
  await row.locator("summary", { hasText: "Supervise" }).click();
  await row.getByRole("button", { name: "Listen" }).click();
  const now = (mode) => row.getByRole("button", { name: mode, exact: true, pressed: true }).waitFor();
  await now("Listen");
  const card = admin.locator(".card.call", { hasText: "Ana Sousa" });
  await card.waitFor();
  await new Promise((later) => setTimeout(later, 1500));
  assert.ok(share(agent.voice.lastSecond(), MICROPHONE) < 0.002, "the agent does not hear who listens");
  assert.ok(share(customer.voice.lastSecond(), MICROPHONE) < 0.002, "nor does the customer");
  assert.equal(await call.page.locator(".thirds").count(), 0, "nor does the agent's page show him");
  await row.getByRole("button", { name: "Whisper" }).click();
  await now("Whisper");
  await hears("the agent", agent, MICROPHONE);
  await spared("the customer", customer, MICROPHONE);
  await row.getByRole("button", { name: "Barge in" }).click();
  await now("Barge in");
  await hears("the customer", customer, MICROPHONE);
  await hears("the agent", agent, MICROPHONE);
  await call.page.locator(".thirds", { hasText: "supervisor" }).waitFor();
  await row.getByRole("button", { name: "Stop" }).click();
  await card.waitFor({ state: "detached" });
  await row.locator("summary", { hasText: "Supervise" }).waitFor();
  await spared("the customer", customer, MICROPHONE);
  await hears("the customer", customer, AGENT);
  await over(call);
  await admin.context().close();
});

// SV-08
test("a supervisor takes over with a desk phone; the agent is out of it", async () => {
  const call = await talking();
  const { agent, customer, page } = call;
  const [admin, phone] = [await signIn("admin"), await desk("admin", THIRD)];
  const row = admin.locator("tbody tr", { hasText: "Talking" });
  await row.locator("summary", { hasText: "Supervise" }).click();
  await row.getByRole("button", { name: "Take over" }).click();
  await admin.locator(".notice", { hasText: "Your phone rings" }).waitFor();
  await phone.phone.ringing();
  phone.phone.answer();
  await agent.phone.hungUp();
  await hears("the customer", customer, THIRD);
  await hears("the supervisor", phone, DESK);
  await page.getByRole("button", { name: "Finish" }).click();
  await customer.phone.hangUp();
  await stage.released();
  for (const one of [agent, customer, phone]) one.close();
  await Promise.all([page, admin].map((one) => one.context().close()));
});

// CH-02, CH-06, RC-02
test("with a desk phone an agent holds, pauses the recording and sees how others stand, at the page", async () => {
  const call = await talking();
  const { agent, customer, page } = call;
  const card = page.locator(".card.call");
  const hold = card.getByRole("button", { name: "Hold" });
  await hold.click();
  await card.getByRole("button", { name: "Hold", pressed: true }).waitFor();
  await spared("the customer", customer, AGENT);
  await spared("the agent", agent, DESK);
  await hold.click();
  await hears("the customer", customer, AGENT);
  await restRecording(card);
  assert.equal(await card.getByRole("button", { name: "Mute" }).count(), 0, "what the desk phone does itself is not shown");
  await card.getByRole("button", { name: "Transfer", exact: true }).click();
  await card.locator("input[name=target]").fill("eva");
  const eva = card.locator(".pass-on li", { hasText: "Eva Lima" });
  await eva.filter({ hasText: "Offline" }).waitFor();
  const phone = await desk("eva", THIRD);
  await eva.filter({ hasText: "Ready" }).waitFor({ timeout: 6_000 });
  await card.getByRole("button", { name: "Transfer", exact: true }).click();
  phone.close();
  await over(call);
});

// CH-07, CH-13
test("who was asked first is named among three, and dropped by the agent", async () => {
  const call = await talking();
  const { agent, customer, page } = call;
  const eva = await desk("eva", THIRD);
  const card = page.locator(".card.call");
  await card.getByRole("button", { name: "Transfer", exact: true }).click();
  await card.locator("input[name=target]").fill("eva");
  await card.locator(".pass-on li", { hasText: "Eva Lima" }).getByRole("button", { name: "Ask first" }).click();
  await card.getByText("Eva Lima is being called").waitFor();
  assert.equal(await card.getByRole("button", { name: "All three" }).count(), 0, "nobody has answered yet");
  await eva.phone.ringing();
  eva.phone.answer();
  await hears("the colleague", eva, AGENT);
  await spared("the customer", customer, AGENT);
  await page.reload();
  await card.getByText("You are asking Eva Lima").waitFor();
  await card.getByRole("button", { name: "All three" }).click();
  const third = card.locator(".thirds li", { hasText: "Eva Lima" });
  await third.waitFor();
  await hears("the customer", customer, THIRD);
  await hears("the colleague", eva, DESK);
  await third.getByRole("button", { name: "Drop Eva Lima" }).click();
  await eva.phone.hungUp();
  await third.waitFor({ state: "detached" });
  await hears("the customer", customer, AGENT);
  await hears("the agent", agent, DESK);
  eva.close();
  await over(call);
});

// AP-05, RC-01, RC-02
test("a past call is found, read and heard at the page", async () => {
  const call = await talking();
  await restRecording(call.page.locator(".card.call"));
  await hears("the customer", call.customer, AGENT);
  const admin = await signIn("admin");
  const written = () => admin.evaluate(async () => (await (await fetch("/api/v1/records")).json()).records.length);
  const before = await written();
  await over(call);
  await until("its record", async () => (await written()) > before);
  await admin.getByRole("link", { name: "Past calls" }).click();
  const rows = admin.locator(".records tbody tr");
  await admin.locator("select[name=outcome]").selectOption("abandoned");
  await admin.getByText("No such calls.").waitFor();
  await admin.locator("select[name=outcome]").selectOption("answered");
  await rows.first().waitFor();
  await admin.fill("input[name=number]", "999");
  await admin.press("input[name=number]", "Enter");
  await admin.getByText("No such calls.").waitFor();
  await admin.fill("input[name=number]", "80");
  await admin.press("input[name=number]", "Enter");
  await rows.first().waitFor();
  await rows.first().getByRole("link").click();
  await admin.locator(".record", { hasText: "Customer support" }).filter({ hasText: "Answered" }).first().waitFor();
  await admin.locator(".story li", { hasText: "Ana Sousa was asked" }).filter({ hasText: "longest idle" }).filter({ hasText: "answered after" }).waitFor();
  const legs = admin.locator("section", { has: admin.getByRole("heading", { name: "Legs" }) }).locator("tbody tr");
  // A telephone of an earlier test may have been rung as well, which is there no more.
  const talked = legs.filter({ hasText: "PCMA" });
  assert.equal(await talked.count(), 2);
  assert.match(await talked.nth(0).textContent(), /PCMA4\.\d/, "codec and measured quality");
  const player = admin.locator(".player");
  await player.getByText(/Paused: 0:\d\d–0:\d\d/).waitFor();
  assert.equal(await player.locator("svg .paused").count(), 1);
  const audio = player.locator("audio");
  await until("its length is known", () => audio.evaluate((it) => it.duration > 3));
  await admin.evaluate(`globalThis.loudest = ${loudestOf}`);
  const heard = await audio.evaluate((it) => loudest(it, 0.2));
  assert.ok([DESK, AGENT].some((hz) => Math.abs(heard - hz) < 20), `${heard} Hz`);
  const from = (await player.locator("svg .paused").getAttribute("x")) / 1000;
  assert.equal(await audio.evaluate((it, at) => loudest(it, it.duration * at + 0.4), from), 0, "silence where the recording rested");
  for (const width of [320, 768]) {
    await admin.setViewportSize({ width, height: 800 });
    assert.ok(await admin.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `no scrolling sideways at ${width}`);
  }
  await admin.goBack();
  await rows.first().waitFor();
  assert.ok(await admin.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await admin.context().close();
  const ana = await signIn("ana");
  assert.equal(await ana.getByRole("link", { name: "Past calls" }).count(), 0, "an agent has no list of calls");
  await ana.context().close();
});

/** Plays from there, and tells the loudest tone, in Hz; 0 for silence. */
async function loudestOf(audio, from) {
  const context = (globalThis.ears ??= new AudioContext());
  const ear = context.createAnalyser();
  ear.fftSize = 4096;
  globalThis.source ??= context.createMediaElementSource(audio);
  globalThis.source.connect(ear);
  audio.currentTime = from;
  await audio.play();
  await new Promise((later) => setTimeout(later, 600));
  const powers = new Float32Array(ear.frequencyBinCount);
  ear.getFloatFrequencyData(powers);
  audio.pause();
  return (powers.indexOf(Math.max(...powers)) * context.sampleRate) / ear.fftSize;
}

// QE-15
test("a supervisor sees who waits, raises and moves them, and an agent who is ready then gets them", async () => {
  const [page, admin] = [await signIn("eva"), await signIn("admin")];
  const [agent, customer] = [await desk("eva", AGENT), await desk("rui", DESK)];
  await page.locator("summary", { hasText: "Not ready" }).click();
  await page.getByRole("button", { name: "Lunch", exact: true }).first().click();
  await page.locator("#my-status", { hasText: "Lunch" }).waitFor();
  const answer = customer.phone.call("800");
  const row = admin.locator(".card", { hasText: "Who waits" }).locator("tbody tr");
  await row.filter({ hasText: "Customer support" }).waitFor();
  const choose = async (what) => {
    await row.locator("summary").click();
    await row.getByRole("button", { name: what }).click();
  };
  const cell = (index, text) => until(`${text} in cell ${index}`, async () => (await row.locator("td").nth(index).textContent()) === text);
  await cell(0, "1");
  await cell(4, "0");
  await choose("Raise priority");
  await cell(4, "1");
  await choose("Move to Sales");
  await row.filter({ has: admin.locator("th", { hasText: "Sales" }) }).waitFor();
  await page.getByRole("button", { name: "Ready", exact: true }).click();
  await agent.phone.ringing();
  await row.filter({ hasText: "Eva Lima" }).waitFor();
  agent.phone.answer();
  assert.equal((await answer).status, 200);
  await row.waitFor({ state: "detached" });
  await hears("the customer", customer, AGENT);
  await hears("the agent", agent, DESK);
  await over({ page, agent, customer });
  await admin.context().close();
});

// QE-15, RT-18
test("a supervisor gives one who rings at one agent to another", async () => {
  const admin = await signIn("admin");
  const agents = [];
  for (const [user, name, hz] of [["ana", "Ana Sousa", AGENT], ["eva", "Eva Lima", THIRD]]) {
    const [page, agent] = [await signIn(user), await desk(user, hz)];
    await page.getByRole("button", { name: "Ready", exact: true }).click();
    await page.locator("#my-status", { hasText: "Ready" }).waitFor();
    agents.push({ page, agent, name, hz });
  }
  const customer = await desk("rui", DESK);
  const answer = customer.phone.call("800");
  const row = admin.locator(".card", { hasText: "Who waits" }).locator("tbody tr");
  await row.filter({ hasText: /Ana Sousa|Eva Lima/ }).waitFor();
  const rings = await row.locator("td").nth(5).textContent();
  const [first, other] = agents[0].name === rings ? agents : [...agents].reverse();
  await first.agent.phone.ringing();
  await row.locator("summary").click();
  await row.getByRole("button", { name: `Give to ${other.name}` }).click();
  await other.agent.phone.ringing();
  await row.filter({ hasText: other.name }).waitFor();
  other.agent.phone.answer();
  assert.equal((await answer).status, 200);
  await hears("the customer", customer, other.hz);
  await hears("the agent", other.agent, DESK);
  await over({ page: other.page, agent: other.agent, customer });
  first.agent.close();
  await Promise.all([first.page, admin].map((one) => one.context().close()));
});

// QE-15
test("a supervisor ends the call of one who waits", async () => {
  const [admin, customer] = [await signIn("admin"), await desk("rui", DESK)];
  const answer = customer.phone.call("800");
  const row = admin.locator(".card", { hasText: "Who waits" }).locator("tbody tr");
  await row.locator("summary").click();
  await row.getByRole("button", { name: "Hang up" }).click();
  await row.waitFor({ state: "detached" });
  assert.ok((await answer).status >= 200);
  await stage.released();
  customer.close();
  await admin.context().close();
});

// QM-09, AS-05
test("a supervisor logs an agent in and out of queues and pauses him there; the agent pauses in all at once", async () => {
  const [page, admin] = [await signIn("eva"), await signIn("admin")];
  const eva = admin.locator(".card", { hasText: "Agents" }).locator("tbody tr", { hasText: "Eva Lima" });
  const choose = async (what) => {
    await eva.locator("summary").click();
    await eva.getByRole("button", { name: what }).click();
  };
  const queue = (name) => page.locator(".queues li", { hasText: name });
  await choose("Pause · Sales");
  await queue("Sales").filter({ hasText: "Paused" }).waitFor();
  await queue("Customer support").filter({ hasText: "Logged in" }).waitFor();
  await choose("Resume · Sales");
  await queue("Sales").filter({ hasText: "Logged in" }).waitFor();
  await choose("Log out · Sales");
  await queue("Sales").filter({ hasText: "Logged out" }).waitFor();
  await choose("Log in · Sales");
  await queue("Sales").filter({ hasText: "Logged in" }).waitFor();
  await page.locator("summary", { hasText: "Pause all" }).click();
  await page.getByRole("button", { name: "Training" }).last().click();
  for (const name of ["Sales", "Customer support"]) await queue(name).filter({ hasText: "Paused · Training" }).waitFor();
  await page.getByRole("button", { name: "Resume all" }).click();
  for (const name of ["Sales", "Customer support"]) await queue(name).filter({ hasText: "Logged in" }).waitFor();
  await Promise.all([page, admin].map((one) => one.context().close()));
});

test("nothing went wrong in any page", () => assert.deepEqual(faults, []));
