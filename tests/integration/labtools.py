# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of `netrig lab` share: running it as root and as nobody, a host of their own."""
import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import netns

NOBODY = 65534
LIMIT_S = 30  # no command of these tests takes a tenth of it


class Result:
    """How a command ended."""

    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def sentence(self):
        """What stands on stderr, which must be one sentence after "netrig lab: "."""
        lines = self.err.splitlines()
        assert len(lines) == 1, f"not one line: {self.err!r}"
        assert lines[0].startswith("netrig lab: "), lines[0]
        assert not lines[0].removesuffix("...").endswith("."), lines[0]
        return lines[0][len("netrig lab: "):]


def run(argv, **more):
    """Run to the end; every output is text."""
    return Result(subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False,
                                 preexec_fn=netns.die_with_parent, **more))


def can_be_nobody():
    """May this process become another user? Not in a user namespace that maps only itself."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        return os.geteuid() == 0 and int(file.readline().split()[2]) > NOBODY


def as_nobody(argv):
    """The command line that runs argv without any privilege."""
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *argv]


def open_to_all(program, directory):
    """A copy of the program where any user reaches it (a checkout may be closed to others)."""
    copy = Path(directory) / "netrig"
    shutil.copy(program, copy)
    copy.chmod(0o755)
    return str(copy)


def wait_until(condition, what, limit_s=10):
    """Wait for something that the kernel does in its own time."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(0.01)


def processes_with(mark):
    """The processes whose environment or command line holds `mark`."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            if mark.encode() in text and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


class Host:
    """A host of its own for `lab up`: a network namespace and an empty /run. What is done in it
    cannot touch this machine, and it is gone with its last process."""

    def __init__(self):
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c",
             "mount -t tmpfs tmpfs /run && ip link set lo up && echo ready && exec sleep 1000"],
            stdout=subprocess.PIPE, text=True, preexec_fn=netns.die_with_parent)
        if self.holder.stdout.readline() != "ready\n":
            self.close()
            raise OSError("cannot make a network and a mount namespace")

    def close(self):
        """Gone, with all that is in it."""
        self.holder.send_signal(signal.SIGKILL)
        self.holder.wait()
        self.holder.stdout.close()

    def run(self, argv, env=None):
        """Run a command on this host, without XDG_RUNTIME_DIR unless `env` has it."""
        clean = {key: value for key, value in os.environ.items() if key != "XDG_RUNTIME_DIR"}
        clean.update(env or {})
        return run(["nsenter", f"--target={self.holder.pid}", "--net", "--mount", *argv], env=clean)

    def state(self):
        """What a lab could have left: links, addresses, routes, namespaces, journals."""
        return self.run(["sh", "-c", "ip -o link | sed 's/^[0-9]*: //'; ip -o addr show scope "
                         "global; ip route; find /run/netns /run/netrig -type f 2>/dev/null; "
                         "grep -c nsfs /proc/self/mounts"]).out
