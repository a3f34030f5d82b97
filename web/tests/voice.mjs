// The voice and the ear of a plain telephone: A-law over RTP, 20 ms a packet.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { fromAlaw, toAlaw, tone } from "./tones.mjs";

export class Voice {
  /** @param {number} hz */
  static async open(hz) {
    const it = new Voice();
    it.socket = createSocket("udp4");
    it.socket.bind(0, "127.0.0.1");
    await once(it.socket, "listening");
    it.port = it.socket.address().port;
    it.sound = Uint8Array.from(tone(hz, 1), toAlaw);
    it.heard = [];
    it.digits = "";
    let last = -1;
    it.socket.on("message", (packet) => {
      if ((packet[1] & 0x7f) === 8) it.heard.push(...Array.from(packet.subarray(12), fromAlaw));
      // A digit is a timestamp of its own (RFC 4733).
      else if ((packet[1] & 0x7f) === 101 && packet.readUInt32BE(4) !== last) {
        last = packet.readUInt32BE(4);
        it.digits += "0123456789*#ABCD"[packet[12]];
      }
    });
    return it;
  }

  /** Speaks to whoever that description names, until closed. */
  speakTo(sdp) {
    const port = Number(sdp.match(/^m=audio (\d+)/m)[1]);
    const host = sdp.match(/^c=IN IP4 (\S+)/m)[1];
    let count = 0;
    this.timer ??= setInterval(() => {
      const packet = Buffer.alloc(172);
      packet[0] = 0x80;
      packet[1] = 8;
      packet.writeUInt16BE(count & 0xffff, 2);
      packet.writeUInt32BE((count * 160) >>> 0, 4);
      packet.writeUInt32BE(0xfeed, 8);
      for (let at = 0; at < 160; at++) packet[12 + at] = this.sound[(count * 160 + at) % this.sound.length];
      count++;
      this.socket.send(packet, port, host);
    }, 20);
  }

  /** The last second that was heard. */
  lastSecond() {
    return this.heard.slice(-8000);
  }

  close() {
    clearInterval(this.timer);
    this.socket.close();
  }
}
