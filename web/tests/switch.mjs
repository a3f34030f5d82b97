// A switch of its own for a test: free ports, an empty data folder, the demo centre and what is added to it.

import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const BINARY = process.env.STROWGER_BINARY ?? join(ROOT, "target/debug/strowger");

/** A port that nobody has at this moment. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** @param {number} port */
function hasUdp(port) {
  const socket = createSocket("udp4");
  return new Promise((found) => {
    socket.once("error", () => found(false));
    socket.bind({ port, address: "127.0.0.1", exclusive: true }, () => socket.close(() => found(true)));
  });
}

/**
 * The first of 200 UDP ports that nobody has, below those that systems give to sockets that name none. Files that are tested
 * at a time are told to look at different places.
 */
async function freePorts() {
  const from = 11_000 + 2_400 * (Number(process.env.STROWGER_LANE ?? 0) % 2);
  for (let first = from; first < from + 2_400; first += 200) {
    const free = await Promise.all(Array.from({ length: 200 }, (_, port) => hasUdp(first + port)));
    if (free.every(Boolean)) return first;
  }
  throw new Error(`no 200 UDP ports in a row are free from ${from} on`);
}

export class Switch {
  /** @param {string} [added] more of the centre, as its file has it */
  static async start(added = "") {
    const it = new Switch();
    it.data = await mkdtemp(join(tmpdir(), "strowger-page-"));
    it.config = await mkdtemp(join(tmpdir(), "strowger-config-"));
    await copyFile(join(ROOT, "config/strowger.toml"), join(it.config, "strowger.toml"));
    await writeFile(join(it.config, "centre.toml"), (await readFile(join(ROOT, "config/centre.toml"))) + added);
    it.sip = { host: "127.0.0.1", port: await freePort() };
    it.http = await freePort();
    it.ws = await freePort();
    it.tls = await freePort();
    it.passwords = {};
    await it.run();
    return it;
  }

  get url() {
    return `http://127.0.0.1:${this.http}/`;
  }

  async run() {
    // The same in each run: calls go on over their ports.
    const rtp = (this.rtp ??= await freePorts());
    const env = {
      ...process.env,
      STROWGER_SIP_LISTEN: `udp:127.0.0.1:${this.sip.port},ws:127.0.0.1:${this.ws},tls:127.0.0.1:${this.tls}`,
      STROWGER_HTTP_LISTEN: `127.0.0.1:${this.http}`,
      STROWGER_RTP_SECURE: "tls",
      STROWGER_DATA_DIR: this.data,
      STROWGER_RTP_PORTS: `${rtp}-${rtp + 199}`,
    };
    this.process = spawn(BINARY, ["run", "--config", join(this.config, "strowger.toml")], { cwd: ROOT, env });
    this.said = "";
    this.process.stdout.on("data", (bytes) => (this.said += bytes));
    this.process.stderr.on("data", (bytes) => (this.said += bytes));
    const ended = once(this.process, "exit").then(() => {
      throw new Error(`the switch ended:\n${this.said}`);
    });
    ended.catch(() => {});
    await Promise.race([ended, this.#isReady()]);
    for (const [, user, password] of this.said.matchAll(/^ +(\w+) +([0-9a-z]{20})$/gm)) this.passwords[user] = password;
  }

  async #isReady() {
    for (;;) {
      const ready = await fetch(`${this.url}readyz`).then((response) => response.ok, () => false);
      // The generated passwords are said once, at the end of the first banner.
      if (ready && this.said.includes(this.passwords.admin ? "is running" : "admin ")) return;
      await new Promise((later) => setTimeout(later, 100));
    }
  }

  /** No goodbye. */
  async kill() {
    this.process.kill("SIGKILL");
    await once(this.process, "exit");
  }

  /** A customer who rings the queue and stays so long. */
  callIn(seconds) {
    const args = ["test-call", "800", "--server", `${this.sip.host}:${this.sip.port}`, "--seconds", String(seconds)];
    return spawn(BINARY, args, { cwd: ROOT, stdio: "ignore" });
  }

  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.kill();
    for (const folder of [this.data, this.config]) await rm(folder, { recursive: true, force: true });
  }
}
