// Pages of people who take calls in the browser, and what is heard in them.

const PATIENCE = 30_000;

export class DeskPages {
  /** What went wrong in any of them. @type {string[]} */
  faults = [];

  /** @param {import("./stage.mjs").Stage} stage */
  constructor(stage) {
    this.stage = stage;
  }

  async signIn(user, prepare = async () => {}) {
    const context = await this.stage.browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 860 } });
    await context.grantPermissions(["microphone"]);
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    page.on("pageerror", (error) => this.faults.push(`${user}: ${error.message}`));
    page.on("console", (message) => message.text().includes("Content Security Policy") && this.faults.push(message.text()));
    await page.addInitScript(listenIn);
    await prepare(page);
    await page.goto(this.stage.it.url);
    await page.fill("input[name=name]", user);
    await page.fill("input[name=password]", this.stage.it.passwords[user]);
    await page.press("input[name=password]", "Enter");
    await page.waitForSelector("table tbody tr");
    return page;
  }

  /** Signs in and takes calls in the browser. */
  async atPage(user, prepare) {
    const page = await this.signIn(user, prepare);
    await page.getByRole("button", { name: "Take calls here" }).click();
    await page.locator(".my-status .phone .is-ready").waitFor();
    return page;
  }

  hears(page, hz) {
    return this.stage.until(`the browser hears ${hz} Hz`, async () => {
      const heard = await page.evaluate(loudest);
      return Math.abs(heard.hz - hz) < 15 && heard.db > -60;
    });
  }

  /** How loud each of these tones is at the page, in dB, over 400 ms. */
  levels(page, tones) {
    return page.evaluate(levels, tones);
  }
}

/** Notes what arrives at the page, so that a test can listen in. */
function listenIn() {
  globalThis.arrived = [];
  const Plain = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Plain {
    constructor(...given) {
      super(...given);
      this.addEventListener("track", ({ track }) => globalThis.arrived.push(track));
    }
  };
  globalThis.powers = async () => {
    const track = globalThis.arrived.filter((one) => one.readyState === "live").at(-1);
    if (!track) return null;
    const context = (globalThis.ears ??= new AudioContext());
    const ear = context.createAnalyser();
    ear.fftSize = 4096;
    const source = context.createMediaStreamSource(new MediaStream([track]));
    source.connect(ear);
    await new Promise((later) => setTimeout(later, 400));
    const powers = new Float32Array(ear.frequencyBinCount);
    ear.getFloatFrequencyData(powers);
    source.disconnect();
    return { powers, width: context.sampleRate / ear.fftSize };
  };
}

/** The loudest tone of the newest track that is alive. */
async function loudest() {
  const heard = await globalThis.powers();
  if (!heard) return { hz: 0, db: -200 };
  const best = heard.powers.indexOf(Math.max(...heard.powers));
  return { hz: best * heard.width, db: heard.powers[best] };
}

async function levels(tones) {
  const heard = await globalThis.powers();
  return tones.map((hz) => (heard ? Math.max(...heard.powers.slice(Math.round(hz / heard.width) - 1, Math.round(hz / heard.width) + 2)) : -200));
}
