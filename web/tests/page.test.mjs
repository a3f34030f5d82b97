// An agent's and a supervisor's day at the page, in a real browser.

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { Phone } from "./phone.mjs";
import { Switch } from "./switch.mjs";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const PATIENCE = 20_000;

let it, browser, phone;
const faults = [];

before(async () => {
  it = await Switch.start();
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-background-networking"] });
  phone = new Phone({ server: it.sip, user: "ana", password: it.passwords.ana });
  await phone.open();
});

after(async () => {
  phone?.close();
  await browser?.close();
  await it?.stop();
});

async function signIn(user, locale = "en-GB") {
  const context = await browser.newContext({ locale, viewport: { width: 1280, height: 860 } });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on("pageerror", (error) => faults.push(`${user}: ${error.message}`));
  page.on("console", (message) => message.text().includes("Content Security Policy") && faults.push(message.text()));
  await page.goto(it.url);
  await page.fill("input[name=name]", user);
  await page.fill("input[name=password]", it.passwords[user]);
  await page.press("input[name=password]", "Enter");
  await page.waitForSelector("table tbody tr");
  return page;
}

const row = (page, text) => page.locator("tbody tr", { hasText: text });

test("a wrong password is told without saying what was wrong", async () => {
  const page = await (await browser.newContext({ locale: "en-GB" })).newPage();
  await page.goto(it.url);
  await page.fill("input[name=name]", "ana");
  await page.fill("input[name=password]", "guess");
  await page.click("form button");
  await page.getByRole("alert").filter({ hasText: "Name or password is wrong" }).waitFor({ timeout: PATIENCE });
  await page.context().close();
});

// AS-01, AS-02, AS-15
test("an agent chooses a status; every page sees it; a reload keeps it", async () => {
  const [ana, admin] = [await signIn("ana"), await signIn("admin")];
  await ana.getByText("Not ready", { exact: true }).first().click();
  await ana.getByRole("button", { name: "Lunch" }).first().click();
  await ana.locator("#my-status", { hasText: "Not ready" }).filter({ hasText: "Lunch" }).waitFor();
  await row(admin, "Ana Sousa").filter({ hasText: "Lunch" }).waitFor();
  await ana.locator("#my-status .time", { hasText: /0:0[2-9]/ }).waitFor();
  await ana.reload();
  await ana.locator("#my-status", { hasText: "Lunch" }).waitFor();
  const timer = await ana.locator("#my-status .time").textContent();
  assert.match(timer, /^0:(0[2-9]|[1-5]\d)$/, "the timer is the server's and went on");
  await ana.getByRole("button", { name: "Ready", exact: true }).click();
  await ana.locator("#my-status", { hasText: "Ready" }).waitFor();
  await row(admin, "Ana Sousa").filter({ hasText: "Ready" }).waitFor();
  await Promise.all([ana.context().close(), admin.context().close()]);
});

// QM-02, QM-03
// AS-07, AS-08
test("Ready ends do-not-disturb; the choice that counts is marked", async () => {
  const page = await signIn("ana");
  const pressed = (name) => page.getByRole("button", { name, exact: true, pressed: true }).waitFor();
  await page.getByRole("button", { name: "Do not disturb" }).click();
  await pressed("Do not disturb");
  await page.getByRole("button", { name: "Ready", exact: true }).click();
  await pressed("Ready");
  await page.getByRole("button", { name: "Do not disturb", pressed: false }).waitFor();
  await page.context().close();
});

test("a narrow screen does not scroll sideways, and the keyboard finds its place", async () => {
  const page = await signIn("admin");
  for (const width of [320, 390, 768]) {
    await page.setViewportSize({ width, height: 700 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${wide} px at ${width}`);
  }
  assert.notEqual(await page.evaluate(() => document.activeElement?.tagName), "BODY", "the focus is somewhere after signing in");
  await page.context().close();
});

/** The buttons of an open list that are not wholly in the window, or that something else lies over. */
function unreachable(menu) {
  const { clientWidth: wide, clientHeight: high } = document.documentElement;
  const [list, buttons] = [menu.getBoundingClientRect(), [...menu.querySelectorAll("button")]];
  const isOut = (box) => box.left < 0 || box.top < 0 || box.right > wide || box.bottom > high;
  const missed = buttons.filter((button) => {
    button.scrollIntoView({ block: "nearest" });
    const box = button.getBoundingClientRect();
    return isOut(box) || document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2) !== button;
  });
  return [...(isOut(list) || buttons.length === 0 ? ["the list"] : []), ...missed.map((button) => button.textContent.trim())];
}

test("a list of choices opens within the window at every width, and the page scrolls sideways at none", async () => {
  const page = await signIn("admin");
  for (const [width, height] of [[320, 700], [480, 500], [768, 700], [1024, 700], [1280, 500]]) {
    await page.setViewportSize({ width, height });
    for (const list of [row(page, "Ana Sousa"), page.locator("header")]) {
      const button = list.locator(".drop summary").last();
      await button.scrollIntoViewIfNeeded();
      await button.click();
      const menu = list.locator("details[open] .menu");
      await menu.waitFor();
      await page.evaluate(() => new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next))));
      assert.deepEqual(await menu.evaluate(unreachable), [], `at ${width} x ${height}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${wide} px at ${width}`);
      await page.keyboard.press("Escape");
      await menu.waitFor({ state: "hidden" });
    }
  }
  await page.context().close();
});

test("an agent pauses in a queue, resumes, logs out and in", async () => {
  const ana = await signIn("ana");
  const queue = ana.locator(".queues li");
  await queue.getByText("Pause").click();
  await queue.getByRole("button", { name: "Lunch" }).click();
  await queue.filter({ hasText: "Paused · Lunch" }).waitFor();
  await queue.getByRole("button", { name: "Resume" }).click();
  await queue.filter({ hasText: "Logged in" }).waitFor();
  await queue.getByRole("button", { name: "Log out" }).click();
  await queue.filter({ hasText: "Logged out" }).waitFor();
  await queue.getByRole("button", { name: "Log in" }).click();
  await queue.filter({ hasText: "Logged in" }).waitFor();
  await ana.context().close();
});

// CH-01, AW-02, AW-03
test("a call is offered, answered, shown live, ended at the page and wrapped up", async () => {
  const [ana, admin] = [await signIn("ana"), await signIn("admin")];
  await ana.getByRole("button", { name: "Ready", exact: true }).click();
  await ana.locator("#my-status", { hasText: "Ready" }).waitFor();
  const customer = it.callIn(60);
  const gone = once(customer, "exit");
  await phone.ringing();
  const offer = ana.getByRole("alertdialog");
  await offer.filter({ hasText: "+351210000001" }).waitFor();
  await row(admin, "Ana Sousa").filter({ hasText: "Ringing" }).waitFor();
  phone.answer();
  await ana.locator(".card.call", { hasText: "+351210000001" }).locator(".big .time").waitFor();
  await row(admin, "+351210000001").filter({ hasText: "Talking" }).waitFor();
  await ana.reload();
  await ana.locator(".card.call", { hasText: "+351210000001" }).waitFor();
  await ana.getByRole("button", { name: "Hang up" }).click();
  await phone.hungUp();
  await gone;
  const wrapUp = ana.locator(".card.wrap-up");
  await wrapUp.locator(".countdown .time").waitFor();
  await row(admin, "Ana Sousa").filter({ hasText: "After-call work" }).waitFor();
  await wrapUp.getByRole("button", { name: "Finish" }).click();
  await ana.locator("#my-status", { hasText: "Ready" }).waitFor();
  await admin.getByText("No live calls.").waitFor();
  await Promise.all([ana.context().close(), admin.context().close()]);
});

// AP-05
test("an ended call is on record with its legs", async () => {
  const admin = await signIn("admin");
  const deadline = Date.now() + PATIENCE;
  let records = [];
  while (records.length === 0 && Date.now() < deadline) {
    records = (await admin.evaluate(() => fetch("/api/v1/records").then((response) => response.json()))).records;
  }
  const [record] = records;
  assert.equal(record?.caller, "+351210000001");
  assert.deepEqual([record.queue.queue, record.queue.outcome, record.queue.agent], ["support", "answered", "ana"]);
  assert.equal(record.queue.why.first[0].agent, "ana", "why she was asked");
  assert.deepEqual(record.legs.map((leg) => [leg.side, leg.party]).sort(), [["called", "ana"], ["caller", "demo"]]);
  const ana = await signIn("ana");
  assert.equal(await ana.evaluate(() => fetch("/api/v1/records").then((response) => response.status)), 403);
  await Promise.all([ana.context().close(), admin.context().close()]);
});

// RT-12
test("a declined call is withdrawn from the phone", async () => {
  const ana = await signIn("ana");
  await ana.getByRole("button", { name: "Ready", exact: true }).click();
  const customer = it.callIn(60);
  await phone.ringing();
  await ana.getByRole("alertdialog").getByRole("button", { name: "Decline" }).click();
  await phone.hungUp();
  await ana.getByRole("alertdialog").waitFor({ state: "detached" });
  const gone = once(customer, "exit");
  customer.kill();
  await gone;
  await ana.context().close();
});

// OP-01, AS-15
test("a killed switch comes back and the page with it", async () => {
  const ana = await signIn("ana");
  await ana.getByText("Not ready", { exact: true }).first().click();
  await ana.getByRole("button", { name: "Training" }).first().click();
  await ana.locator("#my-status", { hasText: "Training" }).waitFor();
  await it.kill();
  await ana.getByRole("alert").filter({ hasText: "connection is lost" }).waitFor();
  assert.ok(await ana.getByRole("button", { name: "Ready", exact: true }).isDisabled(), "nothing can be promised now");
  await it.run();
  await ana.getByRole("alert").waitFor({ state: "detached" });
  await ana.locator("#my-status", { hasText: "Training" }).waitFor();
  await ana.context().close();
});

// AD-07
test("the page speaks Portuguese and Spanish", async () => {
  const page = await signIn("ana", "pt-PT");
  await page.getByRole("heading", { name: "Filas", exact: true }).waitFor();
  await page.locator(".language select").selectOption("es");
  await page.getByRole("heading", { name: "Colas", exact: true }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Colas", exact: true }).waitFor();
  await page.context().close();
});

test("signing out ends the session", async () => {
  const ana = await signIn("ana");
  const cookies = await ana.context().cookies();
  assert.ok(cookies.length === 1 && cookies[0].httpOnly && cookies[0].sameSite === "Strict");
  await ana.locator(".who summary").click();
  await ana.getByRole("button", { name: "Sign out" }).click();
  await ana.locator("input[name=password]").waitFor();
  const refused = await fetch(`${it.url}api/v1/me`, { headers: { cookie: `${cookies[0].name}=${cookies[0].value}` } });
  assert.equal(refused.status, 401);
  await ana.context().close();
});

test("no script failed and the content-security policy held nothing back", () => {
  assert.deepEqual(faults, []);
});
