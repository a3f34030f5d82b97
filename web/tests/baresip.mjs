// A real telephone, baresip, without a sound card: it says one tone and keeps what it hears in a file.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort } from "./switch.mjs";
import { tone, writeWav } from "./tones.mjs";

const MODULES = "/usr/lib/baresip/modules";

export class Baresip {
  events = [];
  #rest = Buffer.alloc(0);
  static #opened = 0;

  /** With `secure` it speaks TLS, and takes and makes no call without SRTP by SDES. @param {any} stage @param {string} user @param {number} hz */
  static async open(stage, user, hz, { secure = false } = {}) {
    const it = new Baresip();
    Object.assign(it, { stage, folder: join(stage.folder, `${user}-${secure ? "secure" : "plain"}`) });
    // Another program may take a port in the moment between finding it free and listening there: then with others.
    for (let tries = 3; !(await it.#starts(user, hz, secure)); tries--) {
      if (tries === 1) throw new Error(`${user}'s telephone does not start\n${it.said.slice(-2000)}`);
    }
    await stage.until(`${user} is registered`, () => it.said.includes("200 OK"));
    return it;
  }

  /** Whether it listens. @param {string} user @param {number} hz @param {boolean} secure */
  async #starts(user, hz, secure) {
    const { stage } = this;
    const [sip, control] = [await freePort(), await freePort()];
    const rtp = 9_000 + 200 * (Number(process.env.STROWGER_LANE ?? 0) % 2) + 10 * (Baresip.#opened++ % 20);
    await mkdir(this.folder, { recursive: true });
    await writeWav(join(this.folder, "voice.wav"), tone(hz, 60), 8000);
    const modules = ["g711", "srtp", "aufile", "aubridge", "sndfile"].map((name) => `module ${name}.so`);
    const lines = [
      `sip_listen 127.0.0.1:${sip}`,
      `audio_player aubridge,nowhere-${user}`,
      `audio_source aufile,${this.folder}/voice.wav`,
      `audio_alert aubridge,nowhere-${user}`,
      ...["ausrc_srate 8000", "auplay_srate 8000", "ausrc_channels 1", "auplay_channels 1", "audio_buffer 20-160"],
      `rtp_ports ${rtp}-${rtp + 9}`,
      `module_path ${MODULES}`,
      ...modules,
      ...["module_tmp account.so", "module_app menu.so", "module_app ctrl_tcp.so"],
      `ctrl_tcp_listen 127.0.0.1:${control}`,
      `snd_path ${this.folder}`,
    ];
    const { host, port } = stage.it.sip;
    this.server = `${host}:${secure ? stage.it.tls : port}`;
    const account = `<sip:${user}@${this.server};transport=${secure ? "tls" : "udp"}>;auth_pass=${stage.it.passwords[user]};regint=120;answermode=manual;audio_codecs=PCMA${secure ? ";mediaenc=srtp-mand" : ""}`;
    await writeFile(join(this.folder, "config"), lines.join("\n") + "\n");
    await writeFile(join(this.folder, "accounts"), account + "\n");
    await writeFile(join(this.folder, "contacts"), "");
    this.process = spawn("baresip", ["-4", "-n", "127.0.0.1", "-f", this.folder], { stdio: ["ignore", "pipe", "pipe"] });
    this.said = "";
    for (const out of [this.process.stdout, this.process.stderr]) out.on("data", (bytes) => (this.said += bytes));
    for (const end = Date.now() + 5000; Date.now() < end; await new Promise((later) => setTimeout(later, 100))) {
      this.control = await reached(control);
      if (!this.control) continue;
      this.control.on("data", (bytes) => this.#read(bytes));
      return true;
    }
    this.process.kill("SIGKILL");
    return false;
  }

  /** Netstrings of JSON. @param {Buffer} bytes */
  #read(bytes) {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const colon = this.#rest.indexOf(":");
      const end = colon + 1 + Number(this.#rest.subarray(0, Math.max(0, colon)));
      if (colon < 0 || this.#rest.length <= end) return;
      const message = JSON.parse(this.#rest.subarray(colon + 1, end).toString());
      this.#rest = this.#rest.subarray(end + 1);
      if (message.event) this.events.push(message.type);
    }
  }

  says(command, params = "") {
    const text = JSON.stringify({ command, params, token: "t" });
    this.control.write(`${text.length}:${text},`);
  }

  dials(number) {
    this.says("dial", number);
  }

  saw(event) {
    return this.stage.until(`baresip tells ${event}`, () => this.events.includes(event)).catch((why) => {
      throw new Error(`${why.message}\n${this.said.slice(-2000)}`);
    });
  }

  /** Ends it; everything that it heard in its one call, at 8 kHz. */
  async heard() {
    this.says("quit");
    await Promise.race([once(this.process, "exit"), new Promise((later) => setTimeout(later, 5000))]);
    this.close();
    const [name] = (await readdir(this.folder)).filter((one) => /^dump-.*-dec\.wav$/.test(one));
    const bytes = await readFile(join(this.folder, name));
    const [channels, rate] = [bytes.readUInt16LE(22), bytes.readUInt32LE(24)];
    const from = bytes.indexOf("data") + 8;
    const samples = new Int16Array(bytes.buffer.slice(bytes.byteOffset + from, bytes.byteOffset + bytes.length - ((bytes.length - from) % 2)));
    return samples.filter((_, at) => at % (channels * Math.max(1, rate / 8000)) === 0);
  }

  close() {
    this.control.destroy();
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill("SIGKILL");
  }
}

/** A connection, if somebody listens there already. @param {number} port */
function reached(port) {
  return new Promise((tell) => {
    const socket = connect(port, "127.0.0.1", () => tell(socket));
    socket.on("error", () => tell(null));
  });
}
