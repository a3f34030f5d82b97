"""Real softphones, driven headless. Each speaks a tone of its own and records what it hears."""

import json
import os
import re
import socket
import subprocess
import time
from pathlib import Path

from sound import write_tone


class Timeout(Exception):
    pass


def wait(what, so, seconds=15):
    """Polls until it is so; these are other people's programs, and this is their only way to be asked."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = so()
        if found:
            return found
        time.sleep(0.05)
    raise Timeout(f"{what}: not within {seconds} s")


def ask_to_end(phone):
    try:
        phone.says("quit")
        phone.process.wait(4)
    except (OSError, subprocess.TimeoutExpired):
        phone.process.kill()
        phone.process.wait(5)


class Baresip:
    """baresip with its control port; `folder` is its home."""

    def __init__(
        self,
        folder,
        user,
        switch,
        port,
        tone,
        password="secret",
        regint=120,
        codecs="PCMU,PCMA",
        secure=False,
    ):
        ipv6 = switch.startswith("[")
        host = "[::1]" if ipv6 else "127.0.0.1"
        self.folder, self.user, self.switch, self.tone = Path(folder), user, switch, tone
        self.folder.mkdir(parents=True)
        write_tone(self.folder / "voice.wav", tone)
        control = port + 4
        (self.folder / "config").write_text(
            f"""sip_listen {host}:{port}
audio_player aubridge,nowhere-{user}
audio_source aufile,{self.folder}/voice.wav
audio_alert aubridge,nowhere-{user}
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
audio_buffer 20-160
rtp_ports {port + 10}-{port + 40}
module_path /usr/lib/baresip/modules
module g711.so
module g722.so
module opus.so
module srtp.so
module aufile.so
module aubridge.so
module sndfile.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {self.folder}
"""
        )
        (self.folder / "accounts").write_text(
            f'<sip:{user}@{switch};transport=udp>;auth_pass={password};regint={regint};answermode=manual;'
            f"audio_codecs={codecs}{';mediaenc=srtp-mand' if secure else ''}\n"
        )
        (self.folder / "contacts").write_text("")
        self.log = open(self.folder / "log", "wb")
        command = ["baresip", "-6" if ipv6 else "-4", "-n", host.strip("[]"), "-f", str(self.folder)]
        # What its sound library makes beside it goes with its folder.
        env = {**os.environ, "TMPDIR": str(self.folder), "HOME": str(self.folder)}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=self.log, stderr=subprocess.STDOUT, env=env
        )
        self.control = wait(f"{user}: control port", lambda: self._connect(control))
        self.control.settimeout(0.02)
        self.buffer, self.events, self.replies = b"", [], []

    def _connect(self, port):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1)
        except OSError:
            return None

    def _read(self):
        try:
            while True:
                got = self.control.recv(65536)
                if not got:
                    return
                self.buffer += got
        except (TimeoutError, socket.timeout):
            pass
        while b":" in self.buffer:
            length, rest = self.buffer.split(b":", 1)
            if len(rest) < int(length) + 1:
                return
            message = json.loads(rest[: int(length)].decode("utf-8", "replace"), strict=False)
            self.buffer = rest[int(length) + 1 :]
            (self.events if message.get("event") else self.replies).append(message)

    def says(self, command, parameters=""):
        text = json.dumps({"command": command, "params": parameters, "token": "t"})
        self.control.sendall(f"{len(text)}:{text},".encode())

    def saw(self, kind, since=0):
        self._read()
        return [event for event in self.events[since:] if event["type"] == kind]

    def mark(self):
        self._read()
        return len(self.events)

    def is_registered(self):
        self.says("reginfo")
        time.sleep(0.1)
        self._read()
        return any("OK " in reply.get("data", "") for reply in self.replies[-1:])

    def dials(self, number):
        self.says("dial", number)

    def answers(self):
        self.says("accept")

    def hangs_up(self):
        self.says("hangup")

    def holds(self):
        self.says("hold")

    def resumes(self):
        self.says("resume")

    def transfers(self, number):
        self.says("transfer", number)

    def presses(self, digits):
        for digit in digits:
            self.says("sndcode", digit)
            time.sleep(0.3)

    def is_ringing(self, since=0):
        return bool(self.saw("CALL_INCOMING", since))

    def is_talking(self, since=0):
        return bool(self.saw("CALL_ESTABLISHED", since))

    def is_over(self, since=0):
        return bool(self.saw("CALL_CLOSED", since))

    def bits_heard(self):
        """A second, at present, by its own count."""
        counts = re.findall(rb"audio=\d+/(\d+) \(bit/s\)", (self.folder / "log").read_bytes())
        return int(counts[-1]) if counts else 0

    def recordings(self):
        """What it heard, oldest first; one file a call."""
        return sorted(self.folder.glob("dump-*-dec.wav"), key=lambda path: path.stat().st_mtime)

    def quits(self):
        if self.process.poll() is None:
            ask_to_end(self)
        self.control.close()
        self.log.close()


class Linphone:
    """linphonec, driven at its prompt; sound comes from and goes to files."""

    def __init__(self, folder, user, switch, port, tone, password="secret"):
        self.folder, self.user, self.switch, self.tone = Path(folder), user, switch, tone
        self.folder.mkdir(parents=True)
        write_tone(self.folder / "voice.wav", tone)
        (self.folder / ".local/share/linphone").mkdir(parents=True)
        (self.folder / "rc").write_text(
            f"[sip]\nsip_port={port}\nsip_tcp_port=0\nuse_ipv6=0\n[net]\nmtu=1300\n[rtp]\naudio_rtp_port={port + 10}\n"
            "[audio_codec_0]\nmime=PCMU\nrate=8000\nchannels=1\nenabled=1\n"
        )
        self.out = open(self.folder / "log", "w+b")
        home = {"HOME": str(self.folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TMPDIR": str(self.folder)}
        command = ["linphonec", "-c", str(self.folder / "rc"), "-l", str(self.folder / "debug"), "-d", "5"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=self.out, stderr=subprocess.STDOUT, env=home
        )
        self.says("ipv6 disable")
        self.says("soundcard use files")
        self.says(f"record {self.folder}/heard.wav")
        self.says(f"play {self.folder}/voice.wav")
        self.account = f"register sip:{user}@{switch} sip:{switch} {password}"

    def registers(self):
        self.says(self.account)

    def says(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def text(self):
        return Path(self.folder / "log").read_text(errors="replace")

    def mark(self):
        return len(self.text())

    def saw(self, pattern, since=0):
        return re.search(pattern, self.text()[since:])

    def is_registered(self):
        self.says("status register")
        time.sleep(0.3)
        return bool(self.saw(r"registered, identity="))

    def dials(self, number):
        self.says(f"call {number}")

    def answers(self):
        self.says("answer")

    def hangs_up(self):
        self.says("terminate")

    def holds(self):
        self.says("pause")

    def resumes(self):
        self.says("resume")

    def is_ringing(self, since=0):
        return bool(self.saw(r"Receiving new incoming call", since))

    def is_talking(self, since=0):
        return bool(self.saw(r"Call \d+ .*connected|Media streams established", since))

    def is_over(self, since=0):
        return bool(self.saw(r"Call \d+ .*ended", since))

    def recordings(self):
        path = self.folder / "heard.wav"
        return [path] if path.exists() else []

    def quits(self):
        if self.process.poll() is None:
            ask_to_end(self)
        self.out.close()
