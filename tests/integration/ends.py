# SPDX-License-Identifier: BSD-2-Clause
"""The two ends of an iperf test behind one face: netrig or stock iperf, as server or client. What
each of them says it measured becomes a list of flows, so that a test compares ends without
caring which program stands where."""
from dataclasses import dataclass
from typing import Optional

import jsonl
from iperftext import Report


LAST_ACK_S = 0.04  # Linux's longest delay of an acknowledgement


@dataclass
class Flow:
    """One flow in one direction, from its start to its end, as one end saw it."""
    bytes: float
    seconds: float
    bps: float
    lost: Optional[int] = None
    total: Optional[int] = None
    out_of_order: Optional[int] = None
    duplicated: Optional[int] = None
    jitter_ms: Optional[float] = None


class Stock:
    """Stock iperf 2."""

    name = "stock"

    def __init__(self, path):
        self.path = path

    def server(self, world, ns, *words, udp=False):
        """A server that is ready."""
        proto = ["-u"] if udp else []
        proc = world.start(ns, [self.path, "-s", *proto, "-f", "k", *words])
        return proc.until_listening("udp" if udp else "tcp", _port(words))

    def client(self, world, ns, host, *words, timeout_s=20):
        """A client that has ended."""
        return world.run(ns, [self.path, "-c", host, "-f", "k", *words], timeout_s)

    @staticmethod
    def flows(proc):
        """What it measured itself."""
        return [_of_line(line) for line in Report(proc.out).total(server_report=False)]

    @staticmethod
    def server_reports(proc):
        """What the server told this client (UDP)."""
        return [_of_line(line) for line in Report(proc.out).figures(server_report=True)]


class Netrig:
    """netrig iperf; `place` None stands on the kernel's sockets."""

    name = "netrig"

    def __init__(self, path, place=None, *stack_words):
        self.path = path
        self.place = place
        self.stack_words = ["--on", place.port, *stack_words] if place else []

    def argv(self, *words):
        """A command line of it."""
        return [self.path, "iperf", *self.stack_words, *words]

    def server(self, world, ns, *words, udp=False):
        """A server that is ready."""
        proto = ["-u"] if udp else []
        proc = world.start(self.place.ns if self.place else ns,
                           self.argv("-s", *proto, "--json", *words))
        return proc.until(lambda it: '"start"' in it.out, "it listens")

    def client(self, world, ns, host, *words, timeout_s=20):
        """A client that has ended."""
        return world.run(self.place.ns if self.place else ns,
                         self.argv("-c", host, "--json", *words), timeout_s)

    @staticmethod
    def flows(proc):
        """What it measured itself."""
        return [_of_event(event) for event in jsonl.results(proc.out)]

    @staticmethod
    def server_reports(proc):
        """What the server told this client (UDP)."""
        return [_of_event(event) for event in jsonl.select(proc.out, "server_report")]


def _port(words):
    words = list(words)
    return int(words[words.index("-p") + 1]) if "-p" in words else 5001


def _of_line(line):
    return Flow(line.bytes, line.seconds, line.bps, line.lost, line.total, line.out_of_order, None,
                line.jitter_ms)


def _of_event(event):
    assert "bps" in event, f"a flow without a rate: {event}"
    return Flow(event["bytes"], event["seconds"], event["bps"], event.get("lost"),
                event.get("datagrams"), event.get("out_of_order"), event.get("duplicated"),
                event.get("jitter_ms"))


def until_flows(end, proc, n, timeout_s=10):
    """Wait until a server has reported `n` flows; returns them."""
    proc.until(lambda it: len(end.flows(it)) >= n, f"{n} flows are reported", timeout_s)
    flows = end.flows(proc)
    assert len(flows) == n, f"{len(flows)} flows, not {n}\n{proc.story()}"
    return flows


def assert_agree(flows, others, story=""):
    """Both ends saw the same flows: bytes and times, hence rates, within 1 %. (The flows of two
    ends are told apart by nothing but their size; in a sorted list the right ones meet.) The times
    of a short test may differ by more, by as long as a peer may keep its last acknowledgement."""
    assert len(flows) == len(others), f"{len(flows)} and {len(others)} flows\n{story}"
    def by_size(flow):
        return flow.bytes

    for one, two in zip(sorted(flows, key=by_size), sorted(others, key=by_size)):
        assert one.bytes > 0, story
        assert abs(one.bytes - two.bytes) <= 0.01 * one.bytes, f"{one}\n{two}\n{story}"
        late_s = max(0.01 * one.seconds, LAST_ACK_S)
        assert abs(one.seconds - two.seconds) <= late_s, f"{one}\n{two}\n{story}"
        for end in (one, two):
            assert abs(end.bps - 8 * end.bytes / end.seconds) <= 0.01 * end.bps, f"{end}\n{story}"
