# SPDX-License-Identifier: BSD-2-Clause
"""A server holds a thousand clients in little memory, half-open ones too, and sleeps when nothing
comes."""
import contextlib
import os
import resource
import socket
import time

import pytest

import jsonl
import netns
from conftest import CHECKOUT
from ends import Netrig

N_CLIENTS = 1000
LIMIT_BYTES = 64 << 20


@pytest.fixture
def plain_netrig(netrig):
    """The program without sanitizers, whose shadow memory would drown what is measured
    (NETRIG_PLAIN, or build/netrig)."""
    if not is_sanitized(netrig):
        return netrig
    plain = os.environ.get("NETRIG_PLAIN") or str(CHECKOUT / "build" / "netrig")
    if not os.access(plain, os.X_OK) or is_sanitized(plain):
        pytest.skip(f"NO PLAIN BUILD: memory is not measured under ASan, and {plain} is missing")
    return plain


def is_sanitized(path):
    """Was it built with -fsanitize=address?"""
    with open(path, "rb") as file:
        return b"__asan_init" in file.read()


@contextlib.contextmanager
def descriptors(n):
    """Allow this process and its children `n` descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < n:
        pytest.skip(f"ONLY {hard} DESCRIPTORS: a thousand clients need {n} (ulimit -n)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, n), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("data", [bytes(1024), b"", b"\x80\x00\x00"],
                         ids=["sending", "half_open", "header_half_sent"])
def test_a_thousand_clients_fit_in_64_mib_and_others_are_served(world, plain_netrig, data):
    b = world.ns("b")
    with descriptors(2 * N_CLIENTS + 200):
        server = Netrig(plain_netrig).server(world, b)
        clients = []
        with b.entered():
            for _ in range(N_CLIENTS):
                clients.append(socket.create_connection(("127.0.0.1", 5001), timeout=10))
                if data:
                    clients[-1].sendall(data)
        server.until(lambda it: sockets_of(it.pid) >= N_CLIENTS, "all are accepted", 15)
        rss_bytes = server.rss_bytes()
        client = Netrig(plain_netrig).client(world, b, "127.0.0.1", "-n", "1M")
        server.until(lambda it: any(r["bytes"] == 1 << 20 for r in jsonl.results(it.out)),
                     "the client after them is served")
        for sock in clients:
            sock.close()
    assert rss_bytes < LIMIT_BYTES, f"{rss_bytes / (1 << 20):.1f} MiB"
    assert Netrig.flows(client)[0].bytes == 1 << 20


def sockets_of(pid):
    """How many sockets the process has."""
    n = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            n += os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:")
    return n


@pytest.mark.parametrize("where", ["tcp", "udp", "tap", "packet"])
def test_an_idle_server_uses_no_cpu(world, plain_netrig, where):
    if where in ("tap", "packet"):
        if where == "tap" and not netns.taps_allowed():
            pytest.skip("NO TAP HERE: /dev/net/tun is closed to this user")
        far = world.ns("far")
        place = world.place(where, far, "t0", "10.2.0.1/24")
        far.silence_ipv6("t0")
        server = Netrig(plain_netrig, place, "--ipv4", "10.2.0.2/24").server(world, None, udp=True)
    else:
        server = Netrig(plain_netrig).server(world, world.ns("b"), udp=where == "udp")
    time.sleep(1.0)
    cpu_s, woken = server.cpu_s(), server.switches()
    time.sleep(2.0)
    assert server.cpu_s() == cpu_s, server.story()
    # the clocks of an IP stack may tick ten times a second; nothing may poll
    assert server.switches() - woken <= (30 if where in ("tap", "packet") else 2)


def test_an_idle_server_with_connected_clients_uses_no_cpu(world, plain_netrig):
    b = world.ns("b")
    server = Netrig(plain_netrig).server(world, b)
    with b.entered():
        clients = [socket.create_connection(("127.0.0.1", 5001), timeout=5) for _ in range(100)]
    for sock in clients:
        sock.sendall(bytes(1024))
    time.sleep(0.5)
    cpu_s, woken = server.cpu_s(), server.switches()
    time.sleep(2.0)
    assert server.cpu_s() - cpu_s <= 0.01
    # each client may be looked at once a second, not more
    assert server.switches() - woken <= 250
    for sock in clients:
        sock.close()
