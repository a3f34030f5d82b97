// What this browser speaks and hears with: microphone, speaker and ringer as chosen, and how loud. Kept in this browser.

import { signal } from "@preact/signals";

/** Chosen devices by use; empty is the system's own choice. */
export const chosen = signal({ microphone: kept("microphone"), speaker: kept("speaker"), ringer: kept("ringer") });

/** How loud, in hundredths: what is heard, and the ringer. */
export const volume = signal({ speaker: Number(kept("speaker.volume") || 100), ringer: Number(kept("ringer.volume") || 70) });

/** What there is to choose from: `{ id, name }`. */
export const devices = signal({ microphone: /** @type {any[]} */ ([]), speaker: /** @type {any[]} */ ([]) });

/** Whether speakers can be chosen at all here. */
export const choosesSpeakers = "setSinkId" in HTMLMediaElement.prototype;

/** @param {string} key */
function kept(key) {
  return localStorage.getItem(`audio.${key}`) ?? "";
}

/** Sounds that play now, with what they are for. @type {Map<HTMLAudioElement, "speaker" | "ringer">} */
const playing = new Map();

/** @param {"microphone" | "speaker" | "ringer"} use @param {string} id */
export function choose(use, id) {
  chosen.value = { ...chosen.value, [use]: id };
  localStorage.setItem(`audio.${use}`, id);
  for (const [audio, its] of playing) if (its === use) route(audio, use);
}

/** @param {"speaker" | "ringer"} use @param {number} loud */
export function setVolume(use, loud) {
  volume.value = { ...volume.value, [use]: loud };
  localStorage.setItem(`audio.${use}.volume`, String(loud));
  for (const [audio, its] of playing) if (its === use) audio.volume = loud / 100;
}

/** Names are told only once a microphone was allowed. */
export async function lookForDevices() {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  const of = (/** @type {string} */ kind) => all.filter((one) => one.kind === kind && one.deviceId && one.label).map((one) => ({ id: one.deviceId, name: one.label }));
  devices.value = { microphone: of("audioinput"), speaker: of("audiooutput") };
}
navigator.mediaDevices?.addEventListener?.("devicechange", lookForDevices);

/** The chosen microphone, or any when that one is gone. @returns {Promise<MediaStream>} */
export async function openMicrophone() {
  const usual = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  const ask = (/** @type {MediaTrackConstraints} */ audio) => navigator.mediaDevices.getUserMedia({ audio });
  const id = chosen.value.microphone;
  if (!id) return ask(usual);
  return ask({ ...usual, deviceId: { exact: id } }).catch((why) => {
    if (["OverconstrainedError", "NotFoundError"].includes(why.name)) return ask(usual);
    throw why;
  });
}

/** @param {HTMLAudioElement} audio @param {"speaker" | "ringer"} use */
function route(audio, use) {
  audio.volume = volume.value[use] / 100;
  // A speaker that was unplugged is no reason to hear nothing.
  if (choosesSpeakers) /** @type {any} */ (audio).setSinkId(chosen.value[use]).catch(() => {});
}

/** Plays a stream until the returned function is called. @param {MediaStream} stream @param {"speaker" | "ringer"} use */
export function play(stream, use) {
  const audio = new Audio();
  audio.autoplay = true;
  audio.srcObject = stream;
  playing.set(audio, use);
  route(audio, use);
  audio.play().catch(() => {});
  return () => {
    playing.delete(audio);
    audio.pause();
    audio.srcObject = null;
  };
}

/** @type {(() => void) | null} */
let stopRinging = null;

/** Rings, or stops. A page that nobody has touched yet may not make a sound; it shows the call all the same. @param {boolean} on */
export function ring(on) {
  if (on === Boolean(stopRinging)) return;
  if (!on) return stopRinging?.();
  const context = new AudioContext();
  const [out, loud] = [context.createMediaStreamDestination(), context.createGain()];
  loud.gain.value = 0;
  loud.connect(out);
  const tones = [440, 480].map((hz) => {
    const tone = context.createOscillator();
    tone.frequency.value = hz;
    tone.connect(loud);
    tone.start();
    return tone;
  });
  const bell = () => {
    const at = context.currentTime;
    loud.gain.setTargetAtTime(0.25, at, 0.02);
    loud.gain.setTargetAtTime(0, at + 1, 0.02);
  };
  bell();
  const again = setInterval(bell, 3000);
  const stop = play(out.stream, "ringer");
  stopRinging = () => {
    stopRinging = null;
    clearInterval(again);
    stop();
    for (const tone of tones) tone.stop();
    context.close();
  };
}

/** In place of a microphone that is gone: silence, so that whoever is talked to does not take the line for dead. */
export function silence() {
  const context = new AudioContext();
  const [nothing, out] = [context.createConstantSource(), context.createMediaStreamDestination()];
  nothing.offset.value = 0;
  nothing.connect(out);
  nothing.start();
  return { track: out.stream.getAudioTracks()[0], end: () => context.close() };
}

/** Tells how loud a stream is, 0 to 1, until the returned function is called. @param {MediaStream} stream @param {(level: number) => void} tell */
export function meter(stream, tell) {
  const context = new AudioContext();
  const ear = context.createAnalyser();
  ear.fftSize = 1024;
  context.createMediaStreamSource(stream).connect(ear);
  const samples = new Float32Array(ear.fftSize);
  const look = setInterval(() => {
    ear.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    tell(Math.max(0, Math.min(1, (10 * Math.log10(power + 1e-9) + 60) / 60)));
  }, 100);
  return () => {
    clearInterval(look);
    context.close();
  };
}

/** How long a clip from the microphone may be, in milliseconds. */
export const CLIP_TIME = 300_000;

/**
 * Records what the microphone hears until it is told to stop: a WAV file then.
 * @param {(level: number) => void} tell
 * @returns {Promise<() => Promise<Blob>>}
 */
export async function recordClip(tell) {
  const stream = await openMicrophone();
  const unmeter = meter(stream, tell);
  const recorder = new MediaRecorder(stream);
  /** @type {Blob[]} */
  const pieces = [];
  recorder.ondataavailable = ({ data }) => pieces.push(data);
  const ended = new Promise((done) => (recorder.onstop = done));
  recorder.start();
  const enough = setTimeout(() => recorder.stop(), CLIP_TIME);
  return async () => {
    clearTimeout(enough);
    if (recorder.state !== "inactive") recorder.stop();
    await ended;
    unmeter();
    for (const track of stream.getTracks()) track.stop();
    const context = new AudioContext();
    try {
      return wav(await context.decodeAudioData(await new Blob(pieces).arrayBuffer()));
    } finally {
      context.close();
    }
  };
}

/** One channel of 16 bits: every switch reads that. @param {AudioBuffer} sound */
function wav(sound) {
  const samples = sound.getChannelData(0);
  const file = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (/** @type {number} */ at, /** @type {string} */ word) => [...word].forEach((letter, n) => file.setUint8(at + n, letter.charCodeAt(0)));
  text(0, "RIFF");
  file.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  file.setUint32(16, 16, true);
  file.setUint16(20, 1, true);
  file.setUint16(22, 1, true);
  file.setUint32(24, sound.sampleRate, true);
  file.setUint32(28, 2 * sound.sampleRate, true);
  file.setUint16(32, 2, true);
  file.setUint16(34, 16, true);
  text(36, "data");
  file.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, at) => file.setInt16(44 + 2 * at, Math.max(-32768, Math.min(32767, sample * 32768)), true));
  return new Blob([file.buffer], { type: "audio/wav" });
}

/** How long the echo test listens, in milliseconds. */
export const ECHO_TIME = 4000;

/** Records what the microphone hears and plays it back. @param {(stage: "speak" | "listen" | "", level: number) => void} tell */
export async function echoTest(tell) {
  const stream = await openMicrophone();
  const unmeter = meter(stream, (level) => tell("speak", level));
  const recorder = new MediaRecorder(stream);
  /** @type {Blob[]} */
  const pieces = [];
  recorder.ondataavailable = ({ data }) => pieces.push(data);
  const ended = new Promise((done) => (recorder.onstop = done));
  recorder.start();
  await new Promise((later) => setTimeout(later, ECHO_TIME));
  recorder.stop();
  await ended;
  unmeter();
  for (const track of stream.getTracks()) track.stop();
  tell("listen", 0);
  const context = new AudioContext();
  try {
    const [sound, out] = [context.createBufferSource(), context.createMediaStreamDestination()];
    sound.buffer = await context.decodeAudioData(await new Blob(pieces).arrayBuffer());
    sound.connect(out);
    const stop = play(out.stream, "speaker");
    sound.start();
    await new Promise((done) => (sound.onended = done));
    stop();
  } finally {
    context.close();
    tell("", 0);
  }
}
