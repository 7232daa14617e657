#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A wire that does known harm.

    middlebox.py IF_A IF_B PLAN

Forwards every Ethernet frame between two interfaces through AF_PACKET sockets. PLAN is a JSON
object; the harm is done to UDP datagrams of an iperf test that come in at IF_A, by their number
(iperf's first is 1):

    {"drop": [n, ...],          never forwarded
     "duplicate": [n, ...],     forwarded twice
     "delay": {"n": k, ...},    forwarded after k more numbered datagrams have passed
     "drop_fins": n,            the first n datagrams that end a test (number below zero)
     "drop_replies": n}         the first n datagrams from IF_B's side to IF_A's

At its end (SIGTERM or SIGINT) it prints what it did, as one JSON object. Frames keep their
offload metadata (PACKET_VNET_HDR), so a checksum left to the hardware stays left to it; a
super-frame cannot be told apart into datagrams here and is counted in "super_frames", which a test
checks to be 0.
"""
import json
import selectors
import signal
import socket
import struct
import sys

ETH_P_ALL = 0x0003
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP = 1
PACKET_VNET_HDR = 15
PACKET_IGNORE_OUTGOING = 23
PACKET_MR_PROMISC = 1
VNET_HDR_BYTES = 10
SO_RCVBUFFORCE = 33


def open_raw(dev):
    """A socket that takes and gives whole frames of `dev`, its own excepted."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
    sock.bind((dev, ETH_P_ALL))
    membership = struct.pack("iHH8s", socket.if_nametoindex(dev), PACKET_MR_PROMISC, 0, b"")
    sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership)
    sock.setblocking(False)
    return sock


def udp_payload_offset(frame):
    """Where the payload of an unfragmented UDP datagram begins, or 0."""
    ether_type = frame[12:14]
    if ether_type == b"\x08\x00" and len(frame) >= 42 and frame[23] == 17:
        fragmented = (frame[20] & 0x3F) | frame[21]
        return 0 if fragmented else 14 + (frame[14] & 15) * 4 + 8
    if ether_type == b"\x86\xdd" and len(frame) >= 62 and frame[20] == 17:
        return 62
    return 0


def iperf_number(frame, port):
    """The number of an iperf datagram to `port`, or None. The test's end has a negative one."""
    offset = udp_payload_offset(frame)
    if not offset or len(frame) < offset + 16:
        return None
    if int.from_bytes(frame[offset - 6:offset - 4], "big") != port:
        return None
    # the low 32 bits come first, the high 32 bits (sign of a 64-bit number) behind the time stamp
    return struct.unpack_from("!i", frame, offset)[0]


class Box:
    """The wire's state."""

    def __init__(self, plan):
        self.port = plan.get("port", 5001)
        self.drop = set(plan.get("drop", ()))
        self.duplicate = set(plan.get("duplicate", ()))
        self.delay = {int(number): k for number, k in plan.get("delay", {}).items()}
        self.drop_fins = plan.get("drop_fins", 0)
        self.drop_replies = plan.get("drop_replies", 0)
        self.held = []  # [datagrams still to pass, frame]
        self.did = {"forwarded": 0, "dropped": 0, "duplicated": 0, "delayed": 0, "super_frames": 0,
                    "numbered": 0, "highest": 0, "fins": 0, "fins_dropped": 0, "replies": 0,
                    "replies_dropped": 0, "lost_in_box": 0}

    def from_a(self, frame):
        """The frames to send on for one that came from A, in order."""
        number = iperf_number(memoryview(frame)[VNET_HDR_BYTES:].tobytes(), self.port)
        if frame[1] & 0x7F:
            self.did["super_frames"] += 1
        if number is None:
            return [frame]
        self.did["highest"] = max(self.did["highest"], abs(number))
        if number < 0:
            return self._fin(frame)
        self.did["numbered"] += 1
        return self._numbered(frame, number)

    def _fin(self, frame):
        self.did["fins"] += 1
        flushed = [held for _, held in self.held]
        self.held.clear()
        if self.did["fins_dropped"] < self.drop_fins:
            self.did["fins_dropped"] += 1
            return flushed
        return flushed + [frame]

    def _numbered(self, frame, number):
        if number in self.drop:
            self.drop.discard(number)
            self.did["dropped"] += 1
            return []
        if number in self.delay:
            self.held.append([self.delay.pop(number), frame])
            self.did["delayed"] += 1
            return []
        out = [frame]
        if number in self.duplicate:
            self.duplicate.discard(number)
            self.did["duplicated"] += 1
            out.append(frame)
        for entry in self.held:
            entry[0] -= 1
        out += [held for left, held in self.held if left <= 0]
        self.held = [entry for entry in self.held if entry[0] > 0]
        return out

    def from_b(self, frame):
        """The same for the other direction."""
        plain = memoryview(frame)[VNET_HDR_BYTES:].tobytes()
        offset = udp_payload_offset(plain)
        if offset and int.from_bytes(plain[offset - 8:offset - 6], "big") == self.port:
            self.did["replies"] += 1
            if self.did["replies_dropped"] < self.drop_replies:
                self.did["replies_dropped"] += 1
                return []
        return [frame]


def pump(source, target, harm, box):
    """Forward what waits at `source`, at most a batch, so that both ways get their turn."""
    for _ in range(256):
        try:
            frame = source.recv(70000)
        except BlockingIOError:
            return
        for out in harm(frame):
            try:
                target.send(out)
                box.did["forwarded"] += 1
            except OSError:
                box.did["lost_in_box"] += 1


def main():
    """Forward until told to end."""
    dev_a, dev_b, plan = sys.argv[1:4]
    box = Box(json.loads(plan))
    sock_a, sock_b = open_raw(dev_a), open_raw(dev_b)
    selector = selectors.DefaultSelector()
    selector.register(sock_a, selectors.EVENT_READ, (sock_a, sock_b, box.from_a))
    selector.register(sock_b, selectors.EVENT_READ, (sock_b, sock_a, box.from_b))

    def end(_signal, _frame):
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    print("ready", flush=True)
    try:
        while True:
            for key, _ in selector.select():
                pump(*key.data, box)
    finally:
        print(json.dumps(box.did), flush=True)


if __name__ == "__main__":
    main()
