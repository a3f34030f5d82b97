#!/usr/bin/env python3
"""Composes the sounds that come with the switch: hold_music.wav and hello.wav, µ-law at 8 kHz.

    python3 media/compose.py        writes both beside itself; hello.wav needs espeak-ng

The hold music is a loop: notes that ring beyond its end ring on at its beginning, so that no joint is heard.
"""
import array
import math
import shutil
import struct
import subprocess
import sys
import wave
from pathlib import Path

RATE = 8000
HERE = Path(__file__).resolve().parent

BEATS_A_MINUTE = 84
BEAT = 60 / BEATS_A_MINUTE
# One bar a line: the chord's bass, the three notes broken over it, the melody as (beat, MIDI note, beats).
BARS = [
    (41, (60, 65, 69), [(0, 77, 1.5), (1.5, 76, 0.5), (2, 72, 2)]),
    (45, (60, 64, 69), [(0, 76, 1), (1, 72, 1), (2, 69, 2)]),
    (46, (62, 65, 70), [(0, 74, 1.5), (1.5, 72, 0.5), (2, 70, 1), (3, 74, 1)]),
    (48, (60, 64, 67), [(0, 72, 3), (3, 70, 1)]),
    (38, (62, 65, 69), [(0, 69, 1), (1, 74, 1), (2, 77, 1.5), (3.5, 76, 0.5)]),
    (45, (60, 64, 69), [(0, 76, 1), (1, 72, 3)]),
    (46, (62, 65, 70), [(0, 70, 1), (1, 74, 1), (2, 77, 1), (3, 79, 1)]),
    (48, (60, 64, 70), [(0, 79, 1.5), (1.5, 76, 0.5), (2, 72, 2)]),
    (41, (60, 65, 69), [(0, 81, 2), (2, 79, 0.5), (2.5, 77, 0.5), (3, 76, 1)]),
    (40, (60, 67, 72), [(0, 79, 2), (2, 76, 1), (3, 72, 1)]),
    (38, (62, 65, 69), [(0, 77, 1.5), (1.5, 76, 0.5), (2, 74, 1), (3, 72, 1)]),
    (48, (60, 64, 67), [(0, 72, 2), (2, 67, 1), (3, 70, 1)]),
    (46, (62, 65, 70), [(0, 74, 1), (1, 77, 1), (2, 82, 1.5), (3.5, 81, 0.5)]),
    (45, (60, 65, 69), [(0, 81, 1), (1, 77, 1), (2, 72, 2)]),
    (43, (62, 65, 70), [(0, 74, 1), (1, 70, 1), (2, 74, 1), (3, 77, 1)]),
    (48, (60, 64, 70), [(0, 76, 1.5), (1.5, 74, 0.5), (2, 72, 2)]),
]


def strike(track, start, note, seconds, level, overtones):
    """Adds a plucked note; what exceeds the track goes on at its beginning."""
    hz = 440 * 2 ** ((note - 69) / 12)
    length = int((seconds + 0.9) * RATE)
    first = int(start * RATE)
    for at in range(length):
        time = at / RATE
        fade = math.exp(-2.2 * time / max(seconds, 0.4)) * min(1, at / 40) * min(1, (length - at) / 400)
        value = 0
        for harmonic, share in enumerate(overtones, 1):
            if hz * harmonic < 3600:
                value += share * math.exp(-1.3 * (harmonic - 1) * time) * math.sin(2 * math.pi * hz * harmonic * time)
        track[(first + at) % len(track)] += level * fade * value


def hold_music():
    track = [0.0] * round(len(BARS) * 4 * BEAT * RATE)
    for number, (bass, chord, melody) in enumerate(BARS):
        start = number * 4 * BEAT
        for beat in (0, 2):
            strike(track, start + beat * BEAT, bass + 12, 1.6 * BEAT, 0.55, (1, 0.5, 0.25))
        for eighth, place in enumerate((0, 1, 2, 1, 0, 1, 2, 1)):
            strike(track, start + eighth * BEAT / 2, chord[place], 0.5 * BEAT, 0.30, (1, 0.35, 0.12))
        for beat, note, beats in melody:
            strike(track, start + beat * BEAT, note, beats * BEAT, 0.62, (1, 0.28, 0.16, 0.06))
    peak = max(abs(value) for value in track)
    # A third of full scale: as loud as speech on the line.
    return [int(value / peak * 11000) for value in track]


def hello():
    """A sentence by espeak-ng, brought from 22,050 Hz to 8,000 by its own low-pass filter."""
    text = "Hello. This is a test call of your switch. If you can hear me, the way there works. Please say something."
    made = HERE / "hello.tmp.wav"
    subprocess.run(["espeak-ng", "-v", "en-gb", "-s", "150", "-w", str(made), text], check=True)
    with wave.open(str(made)) as file:
        rate = file.getframerate()
        heard = array.array("h", file.readframes(file.getnframes()))
    made.unlink()
    cut, half = 3400 / rate, 32
    taps = []
    for at in range(-half, half + 1):
        ideal = 2 * cut if at == 0 else math.sin(2 * math.pi * cut * at) / (math.pi * at)
        taps.append(ideal * (0.54 + 0.46 * math.cos(math.pi * at / half)))
    samples = []
    for place in range(int(len(heard) * RATE / rate)):
        middle = round(place * rate / RATE)
        total = 0.0
        for offset, tap in zip(range(-half, half + 1), taps):
            if 0 <= middle + offset < len(heard):
                total += tap * heard[middle + offset]
        samples.append(total)
    peak = max(abs(value) for value in samples)
    return [int(value / peak * 14000) for value in samples] + [0] * (RATE // 2)


def ulaw(sample):
    sign, size = (0x80, -sample) if sample < 0 else (0, sample)
    size = min(size, 32635) + 0x84
    segment = size.bit_length() - 8
    return ~(sign | segment << 4 | size >> segment + 3 & 0x0F) & 0xFF


def write(name, samples):
    body = bytes(map(ulaw, samples))
    pad = b"\0" * (len(body) % 2)
    form = struct.pack("<HHIIHHH", 7, 1, RATE, RATE, 1, 8, 0)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"fact" + struct.pack("<II", 4, len(body))
    chunks += b"data" + struct.pack("<I", len(body)) + body + pad
    (HERE / name).write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    print(f"{name}: {len(body) / RATE:.1f} s")


if __name__ == "__main__":
    write("hold_music.wav", hold_music())
    if shutil.which("espeak-ng"):
        write("hello.wav", hello())
    else:
        sys.exit("hello.wav was not made: espeak-ng is not installed")
