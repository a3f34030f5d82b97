// The page of a third party's browser phone: JsSIP. Bundled by esbuild for the test.

import JsSIP from "jssip";
import { Ear } from "./browser-ear.mjs";

const ear = new Ear();

/** Listens to a session from its first connection on. */
function listen(session) {
  ear.begin();
  if (session.connection) ear.hear(session.connection);
  else session.on("peerconnection", ({ peerconnection }) => ear.hear(peerconnection));
}

const phone = {
  events: [],
  session: null,
  sessions: [],
  start(url, uri, password) {
    const sockets = [new JsSIP.WebSocketInterface(url)];
    phone.ua = new JsSIP.UA({ sockets, uri, password, register: true, session_timers: false });
    phone.ua.on("newRTCSession", ({ session, originator }) => {
      phone.session = session;
      phone.sessions.push(session);
      for (const name of ["accepted", "confirmed", "ended", "failed"]) session.on(name, (event) => phone.events.push(`${name}:${event?.cause ?? ""}`));
      listen(session);
      phone.events.push(`session:${originator}`);
    });
    return new Promise((done, fail) => {
      phone.ua.on("registered", () => done(true));
      phone.ua.on("registrationFailed", ({ cause }) => fail(new Error(cause)));
      phone.ua.start();
    });
  },
  call: (uri) => void phone.ua.call(uri, { mediaConstraints: { audio: true, video: false } }),
  /** Hands the other side over, asking the third first when `consulted` is a session with him. */
  refer: (uri, [session, consulted] = [phone.session]) => void session.refer(uri, {
    ...(consulted && { replaces: consulted }),
    eventHandlers: {
      requestSucceeded: () => phone.events.push("refer:accepted"),
      accepted: () => phone.events.push("refer:answered"),
      failed: () => phone.events.push("refer:failed"),
    },
  }),
  answer: () => phone.session.answer({ mediaConstraints: { audio: true, video: false } }),
  end: () => void phone.session.terminate(),
  hold: () => void phone.session.hold(),
  unhold: () => void phone.session.unhold(),
  press: (digit, as) => void phone.session.sendDTMF(digit, { transportType: as === "info" ? "INFO" : "RFC2833" }),
  hears: () => ear.hears(),
};

globalThis.phone = phone;
