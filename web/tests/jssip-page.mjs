// The page of a third party's browser phone: JsSIP, and an ear that measures. Bundled by esbuild for the test.

import JsSIP from "jssip";

const context = new AudioContext();

/** Listens to a session: spectrum of what comes in. */
function listen(session) {
  const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
  const hear = (connection) =>
    connection.addEventListener("track", ({ track }) => {
      const stream = new MediaStream([track]);
      // Chromium decodes a remote track only while something plays it.
      Object.assign(new Audio(), { srcObject: stream, muted: true }).play();
      context.createMediaStreamSource(stream).connect(analyser);
    });
  if (session.connection) hear(session.connection);
  else session.on("peerconnection", ({ peerconnection }) => hear(peerconnection));
  phone.analyser = analyser;
}

const phone = {
  events: [],
  session: null,
  start(url, uri, password) {
    const sockets = [new JsSIP.WebSocketInterface(url)];
    phone.ua = new JsSIP.UA({ sockets, uri, password, register: true, session_timers: false });
    phone.ua.on("newRTCSession", ({ session, originator }) => {
      phone.session = session;
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
  answer: () => phone.session.answer({ mediaConstraints: { audio: true, video: false } }),
  /** Loudest frequency heard, in Hz, and how loud (dB). */
  async hears() {
    await context.resume();
    const bins = new Float32Array(phone.analyser.frequencyBinCount);
    phone.analyser.getFloatFrequencyData(bins);
    const best = bins.reduce((top, value, at) => (value > bins[top] ? at : top), 4);
    return { hz: (best * context.sampleRate) / 8192, db: bins[best] };
  },
};

globalThis.phone = phone;
