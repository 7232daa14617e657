# SPDX-License-Identifier: BSD-2-Clause
"""Peers that lie, vanish or fall silent harm nobody but themselves: the server lives on, its other
clients are unharmed, and what it says stays valid JSON."""
import random
import signal
import socket
import struct
import time

import pytest

import jsonl
import netns
from ends import Netrig, Stock, until_flows

SERVER = ("10.1.0.2", 5001)
RUN_NOW, VERSION1, EXTEND = 0x00000001, 0x80000000, 0x40000000


def tcp_header(flags, threads=1, port=5001, length=0, win_band=0, amount=-100):
    """iperf 2's request at the head of a TCP stream."""
    return struct.pack("!IiiiiI", flags & 0xFFFFFFFF, threads, port, length, win_band,
                       amount & 0xFFFFFFFF)


def garbage():
    """Byte strings that no honest client sends, the same in every run."""
    rng = random.Random(2)
    cases = [b"", b"\x00", b"\xff" * 3, b"\x80\x00\x00\x01", b"GET / HTTP/1.1\r\n\r\n",
             tcp_header(VERSION1 | RUN_NOW)[:-1], tcp_header(VERSION1 | RUN_NOW, port=0),
             tcp_header(VERSION1 | RUN_NOW, threads=-1, port=-1, length=-1, win_band=-1),
             tcp_header(0xFFFFFFFF), tcp_header(0xFFFFFFFF) + b"\xff" * 200,
             tcp_header(EXTEND | 0xFFFF), tcp_header(VERSION1, length=0x7FFFFFFF)]
    cases += [rng.randbytes(rng.choice((1, 4, 12, 16, 23, 24, 25, 60, 200, 1470)))
              for _ in range(60)]
    return cases


def honest(world, netrig, ns, server, udp, before):
    """An honest client still gets what it asks for; the server has reported `before` flows."""
    words = ["-u", "-b", "5m"] if udp else ["-n", "1M"]
    client = Netrig(netrig).client(world, ns, SERVER[0], *words, *(["-t", "0.3"] if udp else []))
    sent = Netrig.flows(client)[0]
    server.until(lambda it: len(jsonl.results(it.out)) > before, "the honest client's result")
    assert any(flow["bytes"] == pytest.approx(sent.bytes, rel=0.01)
               for flow in jsonl.results(server.out)[before:]), client.story() + server.story()
    assert server.code is None, server.story()
    jsonl.parse(server.out)


def test_garbage_on_tcp_harms_nobody(world, netrig):
    a, b = world.pair()
    server = Netrig(netrig).server(world, b)
    with a.entered():
        for data in garbage():
            with socket.create_connection(SERVER, timeout=5) as sock:
                sock.sendall(data)
    time.sleep(0.3)
    honest(world, netrig, a, server, False, len(jsonl.results(server.out)))


def test_headers_that_come_in_single_bytes_are_understood(world, netrig):
    a, b = world.pair()
    server = Netrig(netrig).server(world, b)
    with a.entered(), socket.create_connection(SERVER, timeout=5) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in tcp_header(0) + bytes(100):
            sock.sendall(bytes([byte]))
    flows = until_flows(Netrig, server, 1)
    assert flows[0].bytes == 124


@pytest.mark.parametrize("where", ["kernel", "tap", "packet"])
def test_garbage_on_udp_harms_nobody(world, netrig, stock, where):
    a, server, target = udp_server(world, netrig, where)
    with a.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for data in garbage():
            sock.sendto(data, (target, 5001))
        for number in (0, -1, 1 << 30, -(1 << 30), 5):
            sock.sendto(struct.pack("!iIII", number, 0, 0, 0) + bytes(100), (target, 5001))
    time.sleep(0.3)
    client = Stock(stock).client(world, a, target, "-u", "-b", "5m", "-t", "0.3")
    report = Stock.server_reports(client)
    assert report and report[0].lost == 0, client.story() + server.story()
    assert server.code is None, server.story()
    jsonl.parse(server.out)


def udp_server(world, netrig, where):
    """(namespace of the peers, server, its address) for a server on the kernel or a port."""
    if where == "kernel":
        a, b = world.pair()
        return a, Netrig(netrig).server(world, b, udp=True), "10.1.0.2"
    if where == "tap" and not netns.taps_allowed():
        pytest.skip("NO TAP HERE: /dev/net/tun is closed to this user")
    far = world.ns("far")
    place = world.place(where, far, "t0", "10.2.0.1/24")
    end = Netrig(netrig, place, "--ipv4", "10.2.0.2/24")
    return far, end.server(world, None, udp=True), "10.2.0.2"


def test_garbage_frames_on_a_port_harm_nobody(world, netrig, stock, kind):
    far, server, target = udp_server(world, netrig, kind)
    rng = random.Random(3)
    far.run(["ping", "-n", "-c", "1", "-W", "2", target])
    mac = bytes.fromhex(neighbour_mac(far, target).replace(":", ""))
    with far.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind(("t0", 0))
        for _ in range(300):
            kind_of = rng.choice((b"\x08\x00", b"\x08\x06", b"\x86\xdd", b"\x81\x00"))
            body = bytearray(rng.randbytes(rng.choice((1, 8, 19, 20, 28, 40, 48, 100, 600))))
            body[0] = rng.choice((0x45, 0x46, 0x4F, 0x60, 0x40, body[0]))
            raw.send(mac + b"\x02\x00\x00\x00\x00\x09" + kind_of + bytes(body))
    client = Stock(stock).client(world, far, target, "-u", "-b", "5m", "-t", "0.3")
    assert Stock.server_reports(client)[0].lost == 0, client.story() + server.story()
    assert server.code is None, server.story()


def neighbour_mac(ns, host):
    """The MAC that the kernel has learned for `host`."""
    return ns.ip(f"neigh show {host}").split("lladdr ")[1].split()[0]


@pytest.mark.parametrize("words", [["-t", "10"], ["-t", "10", "-R"],
                                   ["-t", "10", "-u", "-b", "5m"]],
                         ids=["tcp", "tcp_reverse", "udp"])
def test_a_client_killed_in_mid_test_leaves_the_server_and_the_others_well(world, netrig, stock,
                                                                           words):
    a, b = world.pair()
    udp = "-u" in words
    server = Netrig(netrig).server(world, b, udp=udp)
    victim = world.start(a, [stock, "-c", "10.1.0.2", *words])
    server.until(lambda it: '"connected"' in it.out, "the victim is connected")
    time.sleep(0.3)
    victim.kill()
    honest(world, netrig, a, server, udp, len(jsonl.results(server.out)))


@pytest.mark.parametrize("words", [[], ["-R"], ["--full-duplex"]], ids=["tcp", "reverse", "duplex"])
def test_a_client_whose_server_is_killed_in_mid_test_says_so(world, netrig, words):
    a, b = world.pair()
    server = Netrig(netrig).server(world, b)
    client = world.start(a, Netrig(netrig).argv("-c", "10.1.0.2", "-t", "10", "--json", *words))
    client.until(lambda it: '"connected"' in it.out, "the client is connected")
    time.sleep(0.3)
    server.kill()
    client.wait(10, code=3)
    assert jsonl.select(client.out, "error"), client.story()


def test_a_udp_client_whose_server_is_killed_says_so(world, netrig):
    a, b = world.pair()
    server = Netrig(netrig).server(world, b, udp=True)
    client = world.start(a, Netrig(netrig).argv("-c", "10.1.0.2", "-u", "-b", "5m", "-t", "1",
                                                "--json"))
    server.until(lambda it: '"connected"' in it.out, "the client is connected")
    server.kill()
    client.wait(15, code=3)
    assert jsonl.select(client.out, "error"), client.story()


def test_a_silent_network_ends_a_udp_test_without_a_report(world, netrig):
    a, b, box = world.harmed_pair({"drop_replies": 1000})
    Netrig(netrig).server(world, b, udp=True)
    client = world.run(a, Netrig(netrig).argv("-c", "10.1.0.2", "-u", "-b", "1m", "-t", "0.3",
                                              "--json"), timeout_s=15, code=None)
    did = world.harm_done(box)
    assert did["fins"] >= 10, did
    assert not jsonl.select(client.out, "server_report")
    assert jsonl.select(client.out, "warning") + jsonl.select(client.out, "error"), client.story()


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_device_deleted_in_mid_test_is_said(world, netrig, kind, role):
    far = world.ns("far")
    place = world.place(kind, far, "t0", "10.2.0.1/24")
    end = Netrig(netrig, place, "--ipv4", "10.2.0.2/24")
    if role == "server":
        proc = end.server(world, None, udp=True)
        world.start(far, Netrig(netrig).argv("-c", "10.2.0.2", "-u", "-b", "5m", "-t", "10"))
    else:
        Netrig(netrig).server(world, far, udp=True)
        proc = world.start(place.ns, end.argv("-c", "10.2.0.1", "-u", "-b", "5m", "-t", "10",
                                              "--json"))
    proc.until(lambda it: '"connected"' in it.out, "the test runs")
    time.sleep(0.3)
    far.ip("link del t0")
    proc.wait(5, code=3)
    device = place.port.split(":")[1]
    assert f"{device}: the interface is gone" in proc.err, proc.story()
    assert jsonl.select(proc.out, "error")[-1]["error"] == f"{place.port}: the interface is gone"


def test_a_client_that_never_ends_does_not_hold_up_others(world, netrig):
    a, b = world.pair()
    server = Netrig(netrig).server(world, b)
    with a.entered():
        stuck = [socket.create_connection(SERVER, timeout=5) for _ in range(50)]
    stuck[0].sendall(tcp_header(VERSION1 | RUN_NOW, port=6001))
    stuck[1].sendall(b"\x00" * 5)
    honest(world, netrig, a, server, False, 0)
    for sock in stuck:
        sock.close()


def test_an_interrupted_test_reports_what_it_measured(world, netrig):
    a, b = world.pair()
    Netrig(netrig).server(world, b)
    client = world.start(a, Netrig(netrig).argv("-c", "10.1.0.2", "-t", "30", "--json"))
    client.until(lambda it: '"connected"' in it.out, "the client is connected")
    time.sleep(0.5)
    client.send(signal.SIGINT)
    client.wait(5, code=None)
    assert jsonl.one(client.out, "result")["bytes"] > 0, client.story()
