# SPDX-License-Identifier: BSD-2-Clause
"""What every trial of the bench needs: fresh namespaces, processes, figures of both programs. All
of it is taken down after each trial, so that no trial inherits anything from the one before."""
import os
import shutil
import subprocess
import time
from pathlib import Path

import jsonl
import netns
from iperftext import csv_rows
from proc import Proc

HERE = Path(__file__).resolve().parent
NOBODY_MAC = "02:00:00:00:00:fe"  # frames to it are counted by the kernel and then thrown away


class Missing(Exception):
    """This figure cannot be had here; the sentence says why."""


class Rig:
    """One trial's world."""

    def __init__(self, directory, seconds):
        self.directory = directory
        self.seconds = seconds
        self._spaces = []
        self._procs = []
        self._said = []

    @staticmethod
    def program():
        """The netrig under test."""
        return os.environ.get("NETRIG") or str(HERE.parent / "build" / "netrig")

    def netrig(self):
        """Its path, if it is there."""
        if not os.access(self.program(), os.X_OK):
            raise Missing(f"no program at {self.program()}")
        return self.program()

    @staticmethod
    def iperf():
        """Stock iperf 2."""
        path = shutil.which("iperf")
        if not path:
            raise Missing("iperf (package iperf) is not installed")
        return path

    @staticmethod
    def pkt_gen():
        """netmap's pkt-gen, which no distribution has."""
        path = os.environ.get("PKT_GEN")
        if not path or not os.access(path, os.X_OK):
            raise Missing("pkt-gen (set PKT_GEN to a built one)")
        return path

    def tapwrite(self):
        """The write(2) loop of tapwrite.c, built on first use."""
        path = self.directory / "tapwrite"
        if not path.exists():
            compiler = shutil.which("cc") or shutil.which("gcc")
            if not compiler:
                raise Missing("a C compiler for tapwrite.c")
            subprocess.run([compiler, "-O2", "-o", path, HERE / "tapwrite.c"], check=True)
        return path

    def clean(self):
        """End everything; the namespaces go with their last process."""
        for proc in reversed(self._procs):
            proc.kill()
        for space in self._spaces:
            space.close()
        self._procs, self._spaces = [], []

    def note_commands(self, claim, side):
        """Keep what was run, to be shown under the table."""
        if self._said:
            claim.commands[side] = self._said

    # ---- topologies and processes ----

    def ns(self, name):
        """A namespace of this trial."""
        space = netns.Netns(name)
        self._spaces.append(space)
        return space

    def pair(self):
        """Two namespaces joined by a veth pair: 10.9.0.1 and 10.9.0.2."""
        a, b = self.ns("a"), self.ns("b")
        netns.veth(a, "a0", b, "b0")
        a.addr("a0", "10.9.0.1/24")
        b.addr("b0", "10.9.0.2/24")
        return a, b

    def tap(self, *prefixes):
        """A namespace with tap t0, silent save for what we do."""
        if not netns.taps_allowed():
            raise Missing("/dev/net/tun is closed to this user (root may open it)")
        ns = self.ns("host")
        ns.ip("tuntap add dev t0 mode tap vnet_hdr")
        ns.silence_ipv6("t0")
        ns.addr("t0", *prefixes)
        return ns

    def start(self, ns, *argv):
        """Start a program, remembering its command line."""
        proc = Proc(ns, argv)
        self._procs.append(proc)
        self._said.append(" ".join([os.path.basename(str(argv[0])), *map(str, argv[1:])]))
        return proc

    # ---- figures ----

    def client(self, ns, *argv):
        """Run a client to its end."""
        return self.start(ns, *argv).wait(self.seconds + 15)

    def netrig_received(self, server):
        """The server's own result: what it received in the test that has just ended."""
        server.until(lambda proc: '"result"' in proc.out, "the server's result", 10)
        time.sleep(0.05)
        results = [line for line in jsonl.parse(server.stop().out)
                   if line["event"] == "result" and not line.get("sum")]
        return results[-1]

    def iperf_received(self, server):
        """The same of a stock server that prints -y C."""
        server.until(lambda proc: proc.out.strip(), "the server's report", 10)
        time.sleep(0.05)
        return csv_rows(server.stop().out)[-1]

    def counted_pps(self, ns, proc, warm_up_s):
        """Frames a second that reach the kernel through t0 while `proc` sends."""
        time.sleep(warm_up_s)
        frames, at = ns.counter("t0", "rx_packets"), time.monotonic()
        time.sleep(self.seconds)
        frames, at = ns.counter("t0", "rx_packets") - frames, time.monotonic() - at
        if proc.code is not None:
            raise RuntimeError(f"the sender ended early: {proc.story()}")
        if frames == 0:
            raise RuntimeError("no frame arrived")
        return frames / at
