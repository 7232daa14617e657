# SPDX-License-Identifier: BSD-2-Clause
"""Captures an interface with dumpcap (which, other than tcpdump, works in a user namespace) and
lets tshark look for malformed packets and wrong checksums. What a capture sees on the sending side
of an interface with checksum offload has only the pseudo-header's sum: `partial_ok_from` names the
MACs whose frames are excused from that."""
import os
import signal
import subprocess
import time

from netns import die_with_parent

_CHECKSUMS = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
              "-o", "tcp.check_checksum:TRUE"]
_BAD_SUM = ("ip.checksum.status == 0 || udp.checksum.status == 0 || tcp.checksum.status == 0 || "
            "icmp.checksum.status == 0 || icmpv6.checksum.status == 0")
_MALFORMED = "_ws.malformed || _ws.expert.severity == 8388608"


class Capture:
    """dumpcap on one interface, from construction to stop()."""

    def __init__(self, world, ns, dev):
        self.path = world.file(f"{ns.name}-{dev}.pcap")
        # -B: MiB, room for a burst
        self.proc = world.start(ns, ["dumpcap", "-q", "-P", "-B", "16", "-i", dev, "-w", self.path])
        self.proc.until(lambda proc: "File: " in proc.err, "dumpcap captures")

    def stop(self):
        """End the capture; dumpcap gets a moment to take what is still in the kernel's ring."""
        time.sleep(0.3)
        self.proc.stop(number=signal.SIGINT)
        assert os.path.getsize(self.path) > 24, f"nothing captured\n{self.proc.story()}"
        return self

    def tshark(self, display_filter, *fields, checksums=False):
        """The packets that match: one summary line each, or the wanted fields."""
        argv = ["tshark", "-n", "-r", self.path, "-Y", display_filter]
        argv += _CHECKSUMS if checksums else []
        for field in fields:
            argv += ["-e", field]
        if fields:
            argv += ["-T", "fields"]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, check=False, preexec_fn=die_with_parent)
        assert done.returncode == 0, f"$ {argv}\n{done.stderr}"
        return done.stdout.splitlines()

    def count(self, display_filter="frame"):
        """How many packets match."""
        return len(self.tshark(display_filter, "frame.number"))

    def check_wire(self, partial_ok_from=()):
        """No malformed packet and no wrong checksum, offloads aside."""
        # a wrong checksum is an error to tshark's experts, too; hence two passes
        bad = self.tshark(_MALFORMED)
        assert not bad, f"{len(bad)} malformed packets:\n" + "\n".join(bad[:10])
        wrong = f"({_BAD_SUM})"
        for mac in partial_ok_from:
            wrong += f" && !(eth.src == {mac} && !(ip.checksum.status == 0))"
        bad = self.tshark(wrong, checksums=True)
        assert not bad, f"{len(bad)} wrong checksums:\n" + "\n".join(bad[:10])
