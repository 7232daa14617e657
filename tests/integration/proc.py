# SPDX-License-Identifier: BSD-2-Clause
"""Processes under test: output into files (nothing blocks on a pipe), an end that is always
awaited, and a failure that shows the command and all it said."""
import os
import signal
import subprocess
import tempfile
import time

DEFAULT_TIMEOUT_S = 20


class Failed(AssertionError):
    """A process did something else than it was asked to."""


class Proc:
    """A running program inside a namespace."""

    def __init__(self, ns, argv, stdin=subprocess.DEVNULL, env=None):
        self.argv = [str(word) for word in argv]
        self._out = tempfile.TemporaryFile()
        self._err = tempfile.TemporaryFile()
        self.popen = ns.popen(self.argv, stdin=stdin, stdout=self._out, stderr=self._err,
                              env={**os.environ, **env} if env else None)
        self.pid = self.popen.pid

    @staticmethod
    def _text(file):
        return os.pread(file.fileno(), 1 << 26, 0).decode("utf-8", "replace")

    @property
    def out(self):
        """Standard output so far."""
        return self._text(self._out)

    @property
    def err(self):
        """Standard error so far."""
        return self._text(self._err)

    @property
    def code(self):
        """Exit status, negative signal, or None while it runs."""
        return self.popen.poll()

    def story(self):
        """What a failed assertion should show."""
        return (f"$ {' '.join(self.argv)}\nexit {self.code}\n--- stdout\n{self.out}"
                f"--- stderr\n{self.err}")

    def wait(self, timeout_s=DEFAULT_TIMEOUT_S, code=0):
        """Wait for the end; `code` None takes any exit status."""
        try:
            self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"no end in {timeout_s} s\n{self.story()}") from None
        if code is not None and self.code != code:
            raise Failed(f"exit status {self.code}, not {code}\n{self.story()}")
        return self

    def send(self, number):
        """Send a signal if it still runs."""
        if self.code is None:
            self.popen.send_signal(number)

    def stop(self, timeout_s=5, number=signal.SIGINT):
        """Ask it to end, as a user's Ctrl-C does, then insist."""
        deadline = time.monotonic() + timeout_s
        while self.code is None and time.monotonic() < deadline:
            self.send(number)
            with_timeout = min(1.0, max(0.05, deadline - time.monotonic()))
            try:
                self.popen.wait(with_timeout)
            except subprocess.TimeoutExpired:
                continue
        self.kill()
        return self

    def kill(self):
        """kill -9, and reap."""
        self.send(signal.SIGKILL)
        self.popen.wait(5)

    def until(self, condition, what, timeout_s=10):
        """Poll until `condition(self)` is true; it must not end before."""
        deadline = time.monotonic() + timeout_s
        while not condition(self):
            if self.code is not None and not condition(self):
                raise Failed(f"ended before {what}\n{self.story()}")
            if time.monotonic() > deadline:
                raise Failed(f"not within {timeout_s} s: {what}\n{self.story()}")
            time.sleep(0.01)
        return self

    def until_listening(self, proto, port, timeout_s=10):
        """Wait until the kernel has a socket of `proto` (tcp or udp) at `port`."""
        return self.until(lambda proc: bound(proc.pid, proto, port), f"{proto} port {port} is open",
                          timeout_s)

    # ---- what the kernel says about it ----

    def cpu_s(self):
        """CPU seconds used so far, user and system."""
        fields = _stat(self.pid)
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_bytes(self):
        """Resident memory now."""
        return int(_stat(self.pid)[21]) * os.sysconf("SC_PAGE_SIZE")

    def switches(self):
        """Context switches so far: how often it ran at all."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)


def _stat(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()


def bound(pid, proto, port):
    """Is a socket of `proto` listening (tcp) or bound (udp) at `port` in pid's namespace?"""
    state = {"tcp": "0A", "udp": "07"}[proto]
    for path in (f"/proc/{pid}/net/{proto}", f"/proc/{pid}/net/{proto}6"):
        try:
            with open(path, encoding="ascii") as file:
                for line in list(file)[1:]:
                    fields = line.split()
                    if fields[3] == state and int(fields[1].rpartition(":")[2], 16) == port:
                        return True
        except OSError:
            continue
    return False
