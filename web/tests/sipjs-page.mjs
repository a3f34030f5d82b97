// The page of a third party's browser phone: SIP.js, with the same words as the JsSIP one. Bundled by esbuild for the test.

import { Inviter, Registerer, SessionState, UserAgent, Web } from "sip.js";
import { Ear } from "./browser-ear.mjs";

const ear = new Ear();
const constraints = { audio: true, video: false };
const handler = Web.defaultSessionDescriptionHandlerFactory();

/** Follows a session: its states, and what it hears. */
function follow(session) {
  phone.session = session;
  phone.sessions.push(session);
  session.stateChange.addListener((state) => {
    if (state === SessionState.Established) phone.events.push("confirmed:");
    if (state === SessionState.Terminated) phone.events.push("ended:");
  });
}

/** A re-INVITE that holds, or takes back. */
const reinvite = (hold) => {
  phone.session.sessionDescriptionHandlerOptionsReInvite = { constraints, hold };
  void phone.session.invite({ sessionDescriptionHandlerOptions: { constraints, hold } });
};

const phone = {
  events: [],
  session: null,
  sessions: [],
  async start(server, uri, password) {
    phone.ua = new UserAgent({
      uri: UserAgent.makeURI(uri),
      authorizationUsername: uri.match(/sip:([^@]+)/)[1],
      authorizationPassword: password,
      transportOptions: { server },
      logLevel: "error",
      sessionDescriptionHandlerFactory(session, options) {
        ear.begin();
        const made = handler(session, options);
        ear.hear(made.peerConnection);
        return made;
      },
      delegate: {
        onInvite(invitation) {
          follow(invitation);
          phone.events.push("session:remote");
        },
      },
    });
    await phone.ua.start();
    const registerer = new Registerer(phone.ua);
    const registered = new Promise((done) => registerer.stateChange.addListener((state) => state === "Registered" && done(true)));
    await registerer.register();
    return registered;
  },
  call(uri) {
    const inviter = new Inviter(phone.ua, UserAgent.makeURI(uri), { sessionDescriptionHandlerOptions: { constraints } });
    follow(inviter);
    void inviter.invite();
  },
  answer: () => void phone.session.accept({ sessionDescriptionHandlerOptions: { constraints } }),
  end: () => void phone.session.bye(),
  hold: () => reinvite(true),
  unhold: () => reinvite(false),
  press(digit, as) {
    if (as !== "info") return void phone.session.sessionDescriptionHandler.sendDtmf(digit);
    const content = `Signal=${digit}\r\nDuration=160`;
    void phone.session.info({ requestOptions: { body: { contentDisposition: "render", contentType: "application/dtmf-relay", content } } });
  },
  refer(uri, [session, consulted] = [phone.session]) {
    const onNotify = (notification) => {
      notification.accept();
      if (notification.request.body.includes(" 200 ")) phone.events.push("refer:answered");
    };
    void session.refer(consulted ?? UserAgent.makeURI(uri), { onNotify });
  },
  hears: () => ear.hears(),
};

globalThis.phone = phone;
