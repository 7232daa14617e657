# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the integration tests.

    python3 -m pytest tests/integration            as root, or as any user

As root the tests use taps. Without privilege everything happens in a user namespace; where
/dev/net/tun is closed to users the tests on a tap are skipped, loudly, and the same tests on
`packet:` over a veth remain. NETRIG names the program (default: build/netrig of this checkout).
"""
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

import netns
from capture import Capture
from proc import Proc

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable

PORT_KINDS = ("tap", "packet")


def pytest_configure(config):
    """Gain what the tests need before any of them runs."""
    config.in_userns = netns.become_privileged()


def pytest_report_header(config):
    """Say where the tests stand."""
    how = "in a user namespace" if config.in_userns else "as root"
    taps = "open" if netns.taps_allowed() else "CLOSED: tests on a tap are skipped"
    return [f"netrig: {program()} ({how}; /dev/net/tun is {taps})"]


def program():
    """The program under test."""
    return os.environ.get("NETRIG") or str(CHECKOUT / "build" / "netrig")


class Place:
    """Where an endpoint with its own stack stands, and the kernel at the far side of its port."""

    def __init__(self, ns, port, far_ns, far_dev):
        self.ns = ns            # netrig runs here
        self.port = port        # its --on
        self.far_ns = far_ns    # the kernel that its frames reach
        self.far_dev = far_dev  # the interface by which they arrive there


class World:
    """Everything one test makes: namespaces, processes, files. `close` removes it all."""

    def __init__(self, directory):
        self.directory = directory
        self._spaces = []
        self._procs = []

    def close(self):
        """End processes, then let go of the namespaces."""
        for proc in reversed(self._procs):
            proc.kill()
        for space in self._spaces:
            space.close()

    def file(self, name):
        """A path for a file of this test."""
        return str(self.directory / name)

    def ns(self, name):
        """A new namespace."""
        space = netns.Netns(name)
        self._spaces.append(space)
        return space

    def start(self, ns, argv, **kwargs):
        """A process that runs until it ends or the test does."""
        proc = Proc(ns, argv, **kwargs)
        self._procs.append(proc)
        return proc

    def run(self, ns, argv, timeout_s=20, code=0, **kwargs):
        """A process that ends by itself; `code` None takes any exit status."""
        return self.start(ns, argv, **kwargs).wait(timeout_s, code)

    # ---- topologies ----

    def pair(self):
        """Two namespaces on one veth pair: a (10.1.0.1, fd00:1::1, a0), b (10.1.0.2, ..., b0)."""
        a, b = self.ns("a"), self.ns("b")
        netns.veth(a, "a0", b, "b0")
        a.addr("a0", "10.1.0.1/24", "fd00:1::1/64")
        b.addr("b0", "10.1.0.2/24", "fd00:1::2/64")
        # an interface that has just come up loses its first neighbour solicitation, for a second
        a.ip(f"neigh replace fd00:1::2 lladdr {b.mac('b0')} dev a0 nud permanent")
        b.ip(f"neigh replace fd00:1::1 lladdr {a.mac('a0')} dev b0 nud permanent")
        return a, b

    def place(self, kind, far_ns, dev, *far_prefixes):
        """A port for an own stack, whose far side is interface `dev` of far_ns's kernel."""
        if kind == "tap":
            far_ns.tap(dev, *far_prefixes)
            return Place(far_ns, f"tap:{dev}", far_ns, dev)
        near = self.ns(f"near-{dev}")
        netns.veth(far_ns, dev, near, "p0")
        near.silence_ipv6("p0")
        near.ip("link set p0 up")
        far_ns.addr(dev, *far_prefixes)
        return Place(near, "packet:p0", far_ns, dev)

    def harmed_pair(self, plan):
        """Namespaces a and b (10.1.0.1, 10.1.0.2) with a middle box that does `plan` to a's
        datagrams. Every frame crosses as on a wire: cut and with its checksums."""
        a, b, wire = self.ns("a"), self.ns("b"), self.ns("wire")
        for space, dev, host in ((a, "a0", 1), (b, "b0", 2)):
            netns.veth(space, dev, wire, f"w{dev}")
            space.offloads_off(dev)
            wire.offloads_off(f"w{dev}")
            wire.silence_ipv6(f"w{dev}")
            wire.ip(f"link set w{dev} up")
            space.addr(dev, f"10.1.0.{host}/24", f"fd00:1::{host}/64")
        return a, b, self.box(wire, "wa0", "wb0", plan)

    def harmed_place(self, kind, plan, harm_what="sent"):
        """An own stack behind a middle box, on the way to namespace b (10.1.0.2 on b0). What the
        stack sends is harmed, or (harm_what "received") what b sends to it."""
        wire, b = self.ns("wire"), self.ns("b")
        place = self.place(kind, wire, "wt0")
        netns.veth(b, "b0", wire, "wb0")
        b.offloads_off("b0")
        wire.offloads_off("wb0")
        for dev in ("wt0", "wb0"):
            wire.silence_ipv6(dev)
            wire.ip(f"link set {dev} up")
        b.addr("b0", "10.1.0.2/24", "fd00:1::2/64")
        ends = ("wt0", "wb0") if harm_what == "sent" else ("wb0", "wt0")
        return place, b, self.box(wire, *ends, plan)

    def box(self, ns, dev_a, dev_b, plan):
        """Start a middle box and wait until it forwards."""
        proc = self.start(ns, [PYTHON, HERE / "middlebox.py", dev_a, dev_b, json.dumps(plan)])
        return proc.until(lambda box: "ready" in box.out, "the middle box is ready")

    @staticmethod
    def harm_done(box):
        """End a middle box; what it did. No frame may have been lost by the box itself."""
        did = json.loads(box.stop().out.splitlines()[-1])
        assert did["lost_in_box"] == 0 and did["super_frames"] == 0, did
        return did

    def capture(self, ns, dev):
        """Capture `dev` from now on."""
        return Capture(self, ns, dev)


@pytest.fixture
def tmp_path():
    """A directory of this test's own. (pytest's goes by the name of a user who, in a user
    namespace, is not the owner of what that name has left there.)"""
    with tempfile.TemporaryDirectory(prefix="netrig-test-") as directory:
        yield Path(directory)


@pytest.fixture
def world(tmp_path):
    """A world of this test's own, gone afterwards."""
    made = World(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def netrig():
    """The program under test. Without it nothing can pass, so that ends the session."""
    path = program()
    if not os.access(path, os.X_OK):
        pytest.exit(f"{path} is missing: build it, or set NETRIG", returncode=1)
    return path


@pytest.fixture(scope="session")
def stock():
    """iperf 2 as the distribution has it."""
    path = shutil.which("iperf")
    if not path:
        pytest.exit("iperf (2.1) is missing: install the package iperf", returncode=1)
    return path


@pytest.fixture(params=PORT_KINDS)
def kind(request):
    """Each kind of port that an own stack may stand on."""
    if request.param == "tap" and not netns.taps_allowed():
        pytest.skip("NO TAP HERE: /dev/net/tun is closed to this user; packet: on a veth is tested")
    return request.param
