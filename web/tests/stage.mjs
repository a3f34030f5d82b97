// What tests of browsers' phones have in common: a switch, a browser whose microphone hears one tone, plain phones, and the
// patience to wait for what must come.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { Phone } from "./phone.mjs";
import { Switch } from "./switch.mjs";
import { share, tone, writeWav } from "./tones.mjs";
import { Voice } from "./voice.mjs";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const PATIENCE = 30_000;

/** What the microphone of every browser hears, and what a desk phone says, in Hz. */
export const MICROPHONE = 620;
export const DESK = 1040;

export class Stage {
  /** @param {string} [added] more of the centre */
  static async open(added = "") {
    const stage = new Stage();
    stage.folder = await mkdtemp(join(tmpdir(), "strowger-stage-"));
    const wav = join(stage.folder, "microphone.wav");
    await writeWav(wav, tone(MICROPHONE, 2, 48_000), 48_000);
    stage.it = await Switch.start(added);
    stage.browser = await chromium.launch({
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
    return stage;
  }

  async close() {
    await this.browser?.close();
    await this.it?.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A plain phone of that user, registered, with a voice. */
  async desk(user, hz = DESK) {
    const voice = await Voice.open(hz);
    const phone = new Phone({ server: this.it.sip, user, password: this.it.passwords[user], voice });
    await phone.open();
    return { phone, voice, close: () => (phone.close(), voice.close()) };
  }

  async until(what, test) {
    const end = Date.now() + PATIENCE;
    for (;;) {
      const found = await test();
      if (found) return found;
      if (Date.now() > end) throw new Error(`${what}: not in time\n${this.it.said.slice(-2000)}`);
      await new Promise((later) => setTimeout(later, 100));
    }
  }

  deskHears(voice) {
    return this.until("the desk hears the browser", () => voice.heard.length > 8000 && share(voice.lastSecond(), MICROPHONE) > 0.8);
  }

  /** Nothing is left of any call. */
  released() {
    return this.until("all released", async () => {
      const text = await (await fetch(`${this.it.url}metrics`)).text();
      return ["calls", "legs", "rtp_ports_used"].every((name) => new RegExp(`^${name} 0$`, "m").test(text));
    });
  }
}
