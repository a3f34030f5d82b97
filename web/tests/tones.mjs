// Sound for tests: a tone to speak with, and Goertzel's ear for one.

import { writeFile } from "node:fs/promises";

export const RATE = 8000;

/** One tone as 16-bit samples. */
export function tone(hz, seconds, rate = RATE) {
  return Int16Array.from({ length: seconds * rate }, (_, at) => 9000 * Math.sin((2 * Math.PI * hz * at) / rate));
}

/** A WAV file for Chromium's fake microphone. */
export async function writeWav(path, samples, rate) {
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + samples.byteLength, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(samples.byteLength, 40);
  await writeFile(path, Buffer.concat([head, Buffer.from(samples.buffer)]));
}

/** What lies at one frequency, squared (Goertzel's algorithm). */
function found(samples, hz, rate) {
  const turn = 2 * Math.cos((2 * Math.PI * hz) / rate);
  let [one, two] = [0, 0];
  for (const sample of samples) [one, two] = [sample + turn * one - two, one];
  return one * one + two * two - turn * one * two;
}

/** The share of a signal's power that lies at one frequency: 1 for a pure tone, near 0 for anything else. */
export function share(samples, hz, rate = RATE) {
  const power = samples.reduce((sum, one) => sum + one * one, 0);
  return power === 0 ? 0 : (2 * found(samples, hz, rate)) / (samples.length * power);
}

/** How loud a tone is beside whatever else is heard, in dB of the loudest that 16 bits can say. */
export function level(samples, hz, rate = RATE) {
  return samples.length === 0 ? -200 : Math.max(-200, 20 * Math.log10((2 * Math.sqrt(Math.max(0, found(samples, hz, rate)))) / samples.length / 32_768));
}

/** G.711 A-law of one sample, and back (ITU-T G.711). */
export function toAlaw(sample) {
  const sign = sample < 0 ? 0 : 0x80;
  let rest = Math.min(sample < 0 ? -sample - 1 : sample, 32767) >> 4;
  let exponent = 0;
  while (rest > 31) [rest, exponent] = [rest >> 1, exponent + 1];
  const code = rest < 16 && exponent === 0 ? rest : ((exponent + 1) << 4) | (rest & 15);
  return (sign | code) ^ 0x55;
}

export function fromAlaw(code) {
  const octet = code ^ 0x55;
  const [exponent, mantissa] = [(octet >> 4) & 7, octet & 15];
  const size = exponent === 0 ? (mantissa << 4) + 8 : ((mantissa << 4) + 0x108) << (exponent - 1);
  return octet & 0x80 ? size : -size;
}
