// An ear in a page: what comes in from the other side, as a spectrum.

export class Ear {
  context = new AudioContext();

  /** A new call, of which nothing was heard yet. */
  begin() {
    this.analyser = new AnalyserNode(this.context, { fftSize: 8192, smoothingTimeConstant: 0 });
  }

  /** @param {RTCPeerConnection} connection */
  hear(connection) {
    const { analyser } = this;
    connection.addEventListener("track", ({ track }) => {
      const stream = new MediaStream([track]);
      // Chromium decodes a remote track only while something plays it.
      Object.assign(new Audio(), { srcObject: stream, muted: true }).play();
      this.context.createMediaStreamSource(stream).connect(analyser);
    });
  }

  /** Loudest frequency heard, in Hz, and how loud (dB). */
  async hears() {
    await this.context.resume();
    const bins = new Float32Array(this.analyser.frequencyBinCount);
    this.analyser.getFloatFrequencyData(bins);
    const best = bins.reduce((top, value, at) => (value > bins[top] ? at : top), 4);
    return { hz: (best * this.context.sampleRate) / 8192, db: bins[best] };
  }
}
