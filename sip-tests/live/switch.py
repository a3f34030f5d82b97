"""Starts a switch of its own for a test: own ports, own data folder, gone at the end."""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2]

SIP_PORT = 25060
HTTP_PORT = 25080
RTP_PORT = 27000
RTP_PORTS = 1000

# Two switches may run side by side, each with its phones: a lane has the ports of the one before it and this many more.
LANE = 600


def main_file(sip, http, rtp, data):
    return f"""
realm = "strowger"
include = ["centre.toml"]
data_dir = "{data}"

[sip]
listen = ["udp:127.0.0.1:{sip}", "tcp:127.0.0.1:{sip}", "udp:[::1]:{sip}"]

[http]
listen = "127.0.0.1:{http}"

[rtp]
bind = "::"
ports = "{rtp}-{rtp + RTP_PORTS - 1}"

[log]
level = "warn"
"""


class Switch:
    """Runs `strowger run` on a centre; use as a context manager. Its folder, and what a test puts there, is taken away at the
    end; STROWGER_KEEP=1 in the environment leaves it."""

    def __init__(self, centre, name="switch", lane=0):
        self.folder = Path(tempfile.mkdtemp(prefix=f"strowger-{name}-"))
        self.lane, self.http = lane, HTTP_PORT + lane * LANE
        sip = SIP_PORT + lane * LANE
        main = main_file(sip, self.http, RTP_PORT + lane * RTP_PORTS, self.folder / "data")
        (self.folder / "strowger.toml").write_text(main)
        (self.folder / "centre.toml").write_text(centre)
        self.address = f"127.0.0.1:{sip}"
        self.address_ipv6 = f"[::1]:{sip}"
        self.process = None

    def __enter__(self):
        # The ports are fixed: two runs on one machine take turns.
        self.turn = open(Path(tempfile.gettempdir()) / f"strowger-live-tests-{self.lane}.lock", "w")
        fcntl.flock(self.turn, fcntl.LOCK_EX)
        binary = os.environ.get("STROWGER", str(HOUSE / "target" / "debug" / "strowger"))
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            [binary, "run", "--config", str(self.folder / "strowger.toml")],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        from phones import wait

        try:
            wait("the switch is ready", self.is_ready, 20)
        except BaseException:
            self.stop()
            self.leave(failed=True)
            raise
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"the switch ended by itself:\n{self.said()}")
        return self.get("/readyz") is not None

    def get(self, path):
        """The body of a page, or None."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=2) as answer:
                return answer.read().decode()
        except OSError:
            return None

    def metric(self, name):
        """The sum of a metric over its labels, or None when there is none of that name."""
        lines = (self.get("/metrics") or "").splitlines()
        values = [float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name]
        return sum(values) if values else None

    def said(self):
        return (self.folder / "log").read_text(errors="replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(8)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        self.log.close()
        self.turn.close()

    def __exit__(self, kind, *_):
        self.stop()
        self.leave(failed=kind is not None)

    def leave(self, failed):
        if failed:
            print("the switch's log ends:")
            print("\n".join(self.said().splitlines()[-40:]))
        if os.environ.get("STROWGER_KEEP"):
            print(f"left: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
