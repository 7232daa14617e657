# SPDX-License-Identifier: BSD-2-Clause
"""The claims: what is measured on each side, and what must come of it."""
import os
import resource
import socket
import time

from rig import NOBODY_MAC, Missing

SERVER = "10.9.0.2"
FRAME_64_BYTES = 64 + 42  # a UDP datagram of 64 bytes on IPv4 and Ethernet, without FCS
N_CLIENTS = 1000
PLAIN_TEST = bytes(1024)  # no flags: a client that sends; then it falls silent


class Claim:
    """One row of the table."""

    def __init__(self, name, what, unit, wanted, **sides):
        self.name, self.what, self.unit, self.wanted = name, what, unit, wanted
        self.peer_name = sides.pop("peer_name", "")
        self._sides = sides
        self.commands = {}

    def sides(self):
        """Each side's name and its trial: netrig, peer, and perhaps others beside."""
        return self._sides

    @staticmethod
    def hopeless(cause):
        """Will the next round fail in the same way?"""
        return "no program" in cause or "not installed" in cause or "PKT_GEN" in cause \
            or "closed to this user" in cause

    def show(self, value):
        """A figure with its unit."""
        scale, prefix = next(((s, p) for s, p in ((1e9, "G"), (1e6, "M"), (1e3, "k"))
                              if abs(value) >= s), (1, ""))
        if self.unit in ("bit/s", "pps"):
            return f"{value / scale:.2f} {prefix}{self.unit}"
        return f"{value:.2f} {self.unit}"

    def wanted_text(self):
        """What must hold."""
        return f">= {self.wanted:g} x"

    def verdict(self, ours, ratio):
        """True: holds; False: does not; None: not measured."""
        return None if ours is None or ratio is None else ratio >= self.wanted


class Ceiling(Claim):
    """A row whose own figure may not pass a bound; the peer's is there to compare."""

    def wanted_text(self):
        return f"< {self.wanted:g} {self.unit}"

    def verdict(self, ours, ratio):
        return None if ours is None else ours < self.wanted


# ---- kernel sockets over veth ----

def tcp_netrig(rig):
    """Goodput that the server received, bit/s."""
    a, b = rig.pair()
    server = rig.start(b, rig.netrig(), "iperf", "-s", "--json").until_listening("tcp", 5001)
    rig.client(a, rig.netrig(), "iperf", "-c", SERVER, "-t", rig.seconds, "-Z", "cubic", "--json")
    return rig.netrig_received(server)["bps"]


def tcp_iperf(rig):
    """The same between two stock iperfs."""
    a, b = rig.pair()
    server = rig.start(b, rig.iperf(), "-s", "-y", "C").until_listening("tcp", 5001)
    rig.client(a, rig.iperf(), "-c", SERVER, "-t", rig.seconds, "-Z", "cubic")
    return rig.iperf_received(server)["bps"]


def udp_netrig(len_bytes):
    """Datagrams a second that the server received."""
    def run(rig):
        a, b = rig.pair()
        server = rig.start(b, rig.netrig(), "iperf", "-s", "-u", "--json")
        server.until_listening("udp", 5001)
        rig.client(a, rig.netrig(), "iperf", "-u", "-c", SERVER, "-t", rig.seconds, "-b", "0",
                   "-l", len_bytes, "--json")
        result = rig.netrig_received(server)
        return result["bytes"] / len_bytes / result["seconds"]
    return run


def udp_iperf(len_bytes):
    """The same between two stock iperfs, with the flags that serve them best: a rate above all
    they can do (2.1.8 refuses -b 0), and socket buffers as large as the system grants."""
    def run(rig):
        a, b = rig.pair()
        server = rig.start(b, rig.iperf(), "-s", "-u", "-y", "C", "-l", len_bytes, "-w", "4M")
        server.until_listening("udp", 5001)
        rig.client(a, rig.iperf(), "-u", "-c", SERVER, "-t", rig.seconds, "-b", "10g", "-w", "4M",
                   "-l", len_bytes)
        row = rig.iperf_received(server)
        return row["bytes"] / len_bytes / (row["end_s"] - row["start_s"])
    return run


# ---- own stack on a tap ----

def tap_netrig(rig):
    """Frames of one 64-byte datagram each, as the kernel counts them on the tap."""
    ns = rig.tap()
    sender = rig.start(ns, rig.netrig(), "iperf", "-u", "-c", SERVER, "-t", rig.seconds + 3,
                       "-b", "0", "-l", 64, "--on", "tap:t0@offload=off", "--ipv4", "10.9.0.1/24",
                       "--arp", f"{NOBODY_MAC}/{SERVER}", "--json")
    return rig.counted_pps(ns, sender, 1.0)


def tap_pkt_gen(rig):
    """pkt-gen sending frames of the same size to the same MAC."""
    ns = rig.tap()
    sender = rig.start(ns, rig.pkt_gen(), "-i", "tap:t0", "-f", "tx", "-l", FRAME_64_BYTES,
                       "-w", 1, "-D", NOBODY_MAC)
    return rig.counted_pps(ns, sender, 2.0)


def tap_write(rig):
    """A bare write(2) loop with the same frames."""
    ns = rig.tap()
    sender = rig.start(ns, rig.tapwrite(), "t0", FRAME_64_BYTES, NOBODY_MAC)
    return rig.counted_pps(ns, sender, 0.5)


def uso_netrig(rig):
    """64-byte datagrams that a server on kernel sockets received from an endpoint on a tap."""
    ns = rig.tap(f"{SERVER}/24")
    server = rig.start(ns, rig.netrig(), "iperf", "-s", "-u", "--json").until_listening("udp", 5001)
    rig.client(ns, rig.netrig(), "iperf", "-u", "-c", SERVER, "-t", rig.seconds, "-b", "0",
               "-l", 64, "--on", "tap:t0", "--ipv4", "10.9.0.1/24", "--json")
    result = rig.netrig_received(server)
    return result["bytes"] / 64 / result["seconds"]


# ---- idleness and memory ----

def idle_cpu(*words):
    """CPU milliseconds that a server uses in a second in which nothing comes."""
    def run(rig):
        b = rig.ns("b")
        server = rig.start(b, *_server(rig, words)).until_listening("tcp", 5001)
        time.sleep(0.3)
        before, at = server.cpu_s(), time.monotonic()
        time.sleep(max(2.0, rig.seconds))
        return (server.cpu_s() - before) / (time.monotonic() - at) * 1e3
    return run


def memory_of_clients(*words):
    """Resident MiB of a server that holds a thousand connected clients."""
    def run(rig):
        _allow_descriptors(2 * N_CLIENTS + 100)
        b = rig.ns("b")
        server = rig.start(b, *_server(rig, words)).until_listening("tcp", 5001)
        with b.entered():
            clients = []
            try:
                for _ in range(N_CLIENTS):
                    clients.append(socket.create_connection(("127.0.0.1", 5001), timeout=10))
                    clients[-1].sendall(PLAIN_TEST)
                time.sleep(1.0)
                if server.code is not None:
                    raise RuntimeError(f"the server ended: {server.story()}")
                _check_accepted(server)
                return server.rss_bytes() / (1 << 20)
            finally:
                for client in clients:
                    client.close()
    return run


def _allow_descriptors(n):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < n:
        if hard != resource.RLIM_INFINITY and hard < n:
            raise Missing(f"only {hard} descriptors are allowed (ulimit -n)")
        resource.setrlimit(resource.RLIMIT_NOFILE, (n, hard))


def _server(rig, words):
    return [rig.netrig() if word == "netrig" else rig.iperf() if word == "stock" else word
            for word in words]


def _check_accepted(server):
    n = sum(1 for fd in os.listdir(f"/proc/{server.pid}/fd")
            if "socket:" in _link(f"/proc/{server.pid}/fd/{fd}"))
    if n < N_CLIENTS:
        raise Missing(f"only {n} of {N_CLIENTS} clients were accepted")


def _link(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


NETRIG_SERVER = ("netrig", "iperf", "-s", "--json")
STOCK_SERVER = ("stock", "-s")

CLAIMS = [
    Claim("tcp", "TCP, kernel sockets, veth, cubic", "bit/s", 1.0,
          netrig=tcp_netrig, peer=tcp_iperf, peer_name="iperf 2"),
    Claim("udp-64", "UDP 64 B received, kernel sockets, veth", "pps", 3.0,
          netrig=udp_netrig(64), peer=udp_iperf(64), peer_name="iperf 2"),
    Claim("udp-1470", "UDP 1470 B received, kernel sockets, veth", "pps", 2.0,
          netrig=udp_netrig(1470), peer=udp_iperf(1470), peer_name="iperf 2"),
    Claim("tap-64", "UDP 64 B from a tap, a frame each", "pps", 1.7,
          netrig=tap_netrig, peer=tap_pkt_gen, peer_name="pkt-gen", **{"write(2)": tap_write}),
    Claim("tap-uso", "UDP 64 B from a tap received, USO", "pps", 10.0,
          netrig=uso_netrig, peer=tap_pkt_gen, peer_name="pkt-gen", **{"write(2)": tap_write}),
    Ceiling("idle", "CPU of an idle server", "ms/s", 1.0,
            netrig=idle_cpu(*NETRIG_SERVER), peer=idle_cpu(*STOCK_SERVER), peer_name="iperf 2"),
    Ceiling("memory", "memory of a server with 1,000 clients", "MiB", 64.0,
            netrig=memory_of_clients(*NETRIG_SERVER), peer=memory_of_clients(*STOCK_SERVER),
            peer_name="iperf 2"),
]
