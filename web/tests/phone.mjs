// A telephone of a few lines: registers by digest over UDP, rings, answers, calls, hangs up. Without a voice it is silent.

import { createHash, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";

const md5 = (text) => createHash("md5").update(text).digest("hex");
const token = () => randomBytes(8).toString("hex");

export class Phone {
  /** @param {{ server: { host: string, port: number }, user: string, password: string }} options */
  constructor({ server, user, password, voice = null }) {
    Object.assign(this, { server, user, password, voice });
    this.socket = createSocket("udp4");
    this.socket.on("message", (bytes) => this.#received(bytes.toString()));
    this.waiting = new Map();
    this.calls = [];
    this.rings = null;
    this.ended = null;
  }

  async open() {
    this.socket.bind(0, "127.0.0.1");
    await once(this.socket, "listening");
    this.port = this.socket.address().port;
    await this.register();
  }

  close() {
    this.socket.close();
  }

  async register(expires = 300) {
    const callId = token();
    const uri = `sip:${this.server.host}`;
    const send = (number, more) =>
      this.#request("REGISTER", uri, number, { callId, to: `<sip:${this.user}@${this.server.host}>`, more: [`Expires: ${expires}`, ...more] });
    let answer = await send(1, []);
    if (answer.status === 401) answer = await send(2, [this.#authorize(answer, "REGISTER", uri)]);
    if (answer.status !== 200) throw new Error(`REGISTER: ${answer.status}`);
  }

  /** The next call that rings here. */
  async ringing() {
    if (this.rings) return this.rings;
    return new Promise((tell) => (this.onRing = tell));
  }

  answer() {
    const call = this.rings;
    this.#respond(call.invite, 200, "OK", this.#sdp(), call.tag);
    call.answered = true;
    this.voice?.speakTo(call.invite.body);
  }

  /** Calls somebody and acknowledges the answer; resolves to it. */
  async call(whom) {
    const uri = `sip:${whom}@${this.server.host}`;
    const asked = { callId: token(), to: `<${uri}>`, tag: token() };
    const invite = (number, more) => this.#request("INVITE", uri, number, { ...asked, more, body: this.#sdp() });
    let [number, answer] = [1, await invite(1, [])];
    this.#acknowledge(answer, uri, number, asked);
    if (answer.status === 401 || answer.status === 407) {
      const line = this.#authorize(answer, "INVITE", uri);
      [number, answer] = [2, await invite(2, [answer.status === 407 ? line.replace("Authorization", "Proxy-Authorization") : line])];
      this.#acknowledge(answer, uri, number, asked);
    }
    this.dialog = { answer, number, asked };
    if (answer.status === 200) this.voice?.speakTo(answer.body);
    return answer;
  }

  /** Ends the call that it made. */
  async hangUp() {
    const { answer, number, asked } = this.dialog;
    const target = answer.all("Contact")[0].match(/<([^>]+)>/)[1];
    return this.#request("BYE", target, number + 1, { ...asked, to: answer.all("To")[0], more: [] });
  }

  /** Ends the call that it answered. */
  async drop() {
    const { invite, tag } = this.rings;
    const target = invite.all("Contact")[0].match(/<([^>]+)>/)[1];
    const from = `${invite.all("To")[0]}`.replace(/;tag=.*/, "");
    const answer = await this.#request("BYE", target, 1, { callId: invite.all("Call-ID")[0], to: invite.all("From")[0], from, tag, more: [] });
    this.#over();
    return answer;
  }

  #acknowledge(answer, uri, number, { callId, tag }) {
    const target = answer.status < 300 ? answer.all("Contact")[0].match(/<([^>]+)>/)[1] : uri;
    const via = answer.status < 300 ? `SIP/2.0/UDP 127.0.0.1:${this.port};branch=z9hG4bK${token()};rport` : answer.all("Via")[0];
    this.#send([
      `ACK ${target} SIP/2.0`,
      `Via: ${via}`,
      "Max-Forwards: 70",
      `From: <sip:${this.user}@${this.server.host}>;tag=${tag}`,
      `To: ${answer.all("To")[0]}`,
      `Call-ID: ${callId}`,
      `CSeq: ${number} ACK`,
      "Content-Length: 0",
    ]);
  }

  /** Resolves when the other side has ended the call. */
  async hungUp() {
    if (this.ended) return this.ended;
    return new Promise((tell) => (this.onEnd = tell));
  }

  #sdp() {
    const lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", `m=audio ${this.voice?.port ?? this.port + 1} RTP/AVP 8 101`, "a=rtpmap:101 telephone-event/8000", "a=sendrecv"];
    return lines.join("\r\n") + "\r\n";
  }

  #authorize(challenge, method, uri) {
    const offered = [...challenge.all("WWW-Authenticate"), ...challenge.all("Proxy-Authenticate")];
    const line = offered.find((one) => !/algorithm=SHA-256/i.test(one));
    const field = (name) => line.match(new RegExp(`${name}="?([^",]+)"?`))?.[1];
    const [realm, nonce, cnonce, nc] = [field("realm"), field("nonce"), token(), "00000001"];
    const response = md5([md5(`${this.user}:${realm}:${this.password}`), nonce, nc, cnonce, "auth", md5(`${method}:${uri}`)].join(":"));
    const fields = { username: this.user, realm, nonce, uri, response, cnonce };
    const quoted = Object.entries(fields).map(([name, value]) => `${name}="${value}"`);
    return `Authorization: Digest ${quoted.join(", ")}, qop=auth, nc=${nc}, algorithm=MD5`;
  }

  #request(method, uri, number, { callId, to, more, tag = token(), body = "", from = `<sip:${this.user}@${this.server.host}>` }) {
    const branch = `z9hG4bK${token()}`;
    const lines = [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP 127.0.0.1:${this.port};branch=${branch};rport`,
      "Max-Forwards: 70",
      `From: ${from};tag=${tag}`,
      `To: ${to}`,
      `Call-ID: ${callId}`,
      `CSeq: ${number} ${method}`,
      `Contact: <sip:${this.user}@127.0.0.1:${this.port}>`,
      ...more,
      ...(body ? ["Content-Type: application/sdp"] : []),
      `Content-Length: ${body.length}`,
    ];
    this.#send(lines, body);
    return new Promise((tell) => this.waiting.set(branch, tell));
  }

  #send(lines, body = "") {
    this.socket.send(lines.join("\r\n") + "\r\n\r\n" + body, this.server.port, this.server.host);
  }

  #respond(request, status, reason, body = "", tag = "") {
    const copied = ["Via", "From", "Call-ID", "CSeq", "Record-Route"].flatMap((name) => request.all(name).map((value) => `${name}: ${value}`));
    const to = request.all("To")[0];
    const lines = [`SIP/2.0 ${status} ${reason}`, ...copied, `To: ${to.includes("tag=") || !tag ? to : `${to};tag=${tag}`}`];
    if (status < 300) lines.push(`Contact: <sip:${this.user}@127.0.0.1:${this.port}>`);
    if (body) lines.push("Content-Type: application/sdp");
    this.#send([...lines, `Content-Length: ${body.length}`], body);
  }

  #received(text) {
    const message = parse(text);
    if (message.status) {
      const branch = message.all("Via")[0].match(/branch=([^;,\s]+)/)?.[1];
      if (message.status >= 200) this.waiting.get(branch)?.(message);
      return;
    }
    if (message.method === "INVITE") this.#invited(message);
    else if (message.method === "CANCEL") {
      this.#respond(message, 200, "OK", "", this.rings?.tag);
      if (this.rings && !this.rings.answered) this.#respond(this.rings.invite, 487, "Request Terminated", "", this.rings.tag);
      this.#over();
    } else if (message.method === "BYE") {
      this.#respond(message, 200, "OK");
      this.#over();
    } else if (message.method !== "ACK") this.#respond(message, 200, "OK", "", token());
  }

  #invited(invite) {
    if (this.rings?.invite.all("Call-ID")[0] === invite.all("Call-ID")[0]) {
      const isAgain = this.rings.invite.all("CSeq")[0] === invite.all("CSeq")[0];
      if (!isAgain) this.#respond(invite, 200, "OK", this.#sdp(), this.rings.tag);
      return;
    }
    this.rings = { invite, tag: token(), answered: false };
    this.ended = null;
    this.#respond(invite, 180, "Ringing", "", this.rings.tag);
    this.onRing?.(this.rings);
  }

  #over() {
    this.ended = this.rings ?? true;
    this.rings = null;
    this.onEnd?.(this.ended);
    this.onEnd = this.onRing = null;
  }
}

/** @param {string} text */
function parse(text) {
  const [head, body = ""] = text.split("\r\n\r\n");
  const [first, ...rest] = head.split("\r\n");
  const headers = rest.map((line) => [line.slice(0, line.indexOf(":")).trim().toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]);
  const status = first.startsWith("SIP/2.0 ") ? Number(first.split(" ")[1]) : 0;
  const all = (name) => headers.filter(([key]) => key === name.toLowerCase()).map(([, value]) => value);
  return { status, method: first.split(" ")[0], all, body };
}
