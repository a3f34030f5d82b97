"""Tones to speak with, and ears that tell whose tone is heard, with what gaps."""

import array
import math
import wave

RATE = 8000
FRAME = 160  # 20 ms


def write_tone(path, frequency, seconds=60):
    """A WAV file with one tone, 8 kHz mono 16 bits. It loops without a click: whole periods."""
    count = RATE * seconds
    samples = array.array("h", (int(8000 * math.sin(2 * math.pi * frequency * at / RATE)) for at in range(count)))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())


def read(path):
    """Samples of a WAV file, brought to 8 kHz mono by leaving samples out (phones record at 8, 16 or 48 kHz)."""
    with wave.open(str(path), "rb") as sound:
        rate, channels = sound.getframerate(), sound.getnchannels()
        samples = array.array("h", sound.readframes(sound.getnframes()))
    return samples[:: channels * max(1, rate // RATE)]


def power_at(samples, frequency):
    """Goertzel: the part of the power that lies at one frequency, 0 to 1; 0 for silence."""
    power = sum(sample * sample for sample in samples)
    if power < len(samples) * 10_000:
        return 0.0
    turn = 2 * math.cos(2 * math.pi * frequency / RATE)
    one = two = 0.0
    for sample in samples:
        one, two = sample + turn * one - two, one
    return 2 * (one * one + two * two - turn * one * two) / (len(samples) * power)


class Heard:
    """What one phone recorded, judged in frames of 20 ms."""

    def __init__(self, path):
        self.samples = read(path)
        self.frames = [self.samples[at : at + FRAME] for at in range(0, len(self.samples) - FRAME + 1, FRAME)]

    def milliseconds_of(self, frequency):
        return 20 * sum(power_at(frame, frequency) > 0.6 for frame in self.frames)

    def longest_gap_of(self, frequency):
        """The longest time without the tone between its first and its last frame, in milliseconds."""
        heard = [at for at, frame in enumerate(self.frames) if power_at(frame, frequency) > 0.4]
        return max((20 * (after - before - 1) for before, after in zip(heard, heard[1:])), default=10**6)

    def share_of(self, frequency):
        """Over the whole recording: for echoes of one's own voice."""
        return power_at(self.samples, frequency)

    def milliseconds_of_others(self, frequency):
        """Sound that is not this tone: music, mostly."""
        loud = [sum(sample * sample for sample in frame) > FRAME * 10_000 for frame in self.frames]
        return 20 * sum(is_loud and power_at(frame, frequency) < 0.4 for is_loud, frame in zip(loud, self.frames))
