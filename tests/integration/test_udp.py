# SPDX-License-Identifier: BSD-2-Clause
"""UDP on the kernel's sockets and on an own stack behind a port, stock iperf against netrig in both
roles, IPv4 and IPv6. 100 Mbit/s as the issue asks."""
import pytest

import jsonl
from ends import Netrig, Stock, until_flows

LOAD = ["-u", "-b", "100m", "-t", "1"]
FAR = {4: "10.2.0.1", 6: "fd00:2::1"}    # the kernel behind a port
OWN = {4: "10.2.0.2", 6: "fd00:2::2"}    # the stack on it
KERNEL = {4: "10.1.0.2", 6: "fd00:1::2"}  # namespace b of a pair


def own_stack(netrig, place):
    """netrig on a port, with both families."""
    return Netrig(netrig, place, "--ipv4", "10.2.0.2/24", "--ipv6", "fd00:2::2/64")


def family_words(family):
    """What stock iperf needs to hear."""
    return ["-V"] if family == 6 else []


def check_datagrams(sent_by, client, received_by, server, n_flows=1):
    """Each end's figures, the far end's report included, are the same and add up."""
    story = client.story() + server.story()
    received = until_flows(received_by, server, n_flows)[0]
    sent = sent_by.flows(client)[0]
    report = sent_by.server_reports(client)
    assert len(report) == 1, story
    # the datagram that ends a test is counted by some and not by others
    assert abs(report[0].total - received.total) <= 1, story
    assert report[0].lost == received.lost and received.lost >= 0, story
    # this wire loses nothing; a receiver that is not let run for 20 ms may
    assert received.lost < 0.1 * received.total, story
    assert report[0].out_of_order == received.out_of_order == 0, story
    size = round(sent.bytes / max(1, received.total))
    assert abs(received.bytes - (received.total - received.lost) * size) <= 4 * size, story
    assert received.bytes <= sent.bytes * 1.01, story
    if received.lost == 0:
        assert received.bytes == pytest.approx(sent.bytes, rel=0.01), story
        assert received.bps == pytest.approx(sent.bps, rel=0.01), story
    assert 0 <= received.jitter_ms < 1000 * sent.seconds, story
    assert report[0].jitter_ms == pytest.approx(received.jitter_ms, abs=0.002), story


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("client_is", ["netrig", "stock", "both"])
def test_kernel_sockets_agree_with_the_far_end(world, netrig, stock, client_is, family):
    client = Stock(stock) if client_is == "stock" else Netrig(netrig)
    server = Stock(stock) if client_is == "netrig" else Netrig(netrig)
    a, b = world.pair()
    listening = server.server(world, b, *family_words(family), udp=True)
    done = client.client(world, a, KERNEL[family], *LOAD, *family_words(family))
    check_datagrams(client, done, server, listening)


@pytest.mark.parametrize("family", [4, 6])
def test_an_own_stack_sends_what_a_stock_server_reports(world, netrig, stock, kind, family):
    host = world.ns("host")
    place = world.place(kind, host, "t0", "10.2.0.1/24", "fd00:2::1/64")
    server, client = Stock(stock), own_stack(netrig, place)
    listening = server.server(world, host, *family_words(family), udp=True)
    done = client.client(world, None, FAR[family], *LOAD)
    check_datagrams(client, done, server, listening)


@pytest.mark.parametrize("family", [4, 6])
def test_an_own_stack_counts_what_a_stock_client_sends(world, netrig, stock, kind, family):
    host = world.ns("host")
    place = world.place(kind, host, "t0", "10.2.0.1/24", "fd00:2::1/64")
    server, client = own_stack(netrig, place), Stock(stock)
    listening = server.server(world, None, udp=True)
    done = client.client(world, host, OWN[family], *LOAD, *family_words(family))
    check_datagrams(client, done, server, listening)


@pytest.mark.parametrize("words", [["-r"], ["-d"], ["-R"], ["--full-duplex"]], ids=lambda w: w[0])
def test_two_netrigs_measure_both_directions(world, netrig, words):
    a, b = world.pair()
    end = Netrig(netrig)
    server = end.server(world, b, udp=True)
    client = end.client(world, a, "10.1.0.2", *LOAD, *words)
    n_flows = 1 if words == ["-R"] else 2
    received = [f for proc in (client, server) for f in jsonl.results(proc.out) if "lost" in f]
    assert len(until_flows(end, server, n_flows)) == n_flows
    received = [f for proc in (client, server) for f in jsonl.results(proc.out) if "lost" in f]
    assert len(received) == n_flows, client.story() + server.story()
    for flow in received:
        assert flow["bytes"] > 0 and flow["out_of_order"] == 0, client.story() + server.story()


@pytest.mark.parametrize("word", ["-r", "-d"])
def test_a_server_comes_back_to_the_same_client_again(world, netrig, word):
    a, b = world.pair()
    end = Netrig(netrig)
    end.server(world, b, udp=True)
    for _ in range(2):
        client = end.client(world, a, "10.1.0.2", *LOAD, word)
        received = [f for f in jsonl.results(client.out) if "lost" in f]
        assert len(received) == 1 and received[0]["bytes"] > 0, client.story()


@pytest.mark.parametrize("words", [["-r"], ["-R"]], ids=lambda w: w[0])
def test_a_stock_client_may_turn_the_direction_round(world, netrig, stock, words):
    a, b = world.pair()
    server = Netrig(netrig).server(world, b, udp=True)
    client = Stock(stock).client(world, a, "10.1.0.2", *LOAD, *words)
    flows = until_flows(Netrig(netrig), server, 1 if words == ["-R"] else 2)
    assert all(flow.bytes > 0 for flow in flows), server.story()
    heard = [f for f in Stock.flows(client) if f.jitter_ms is not None]
    assert heard and heard[0].bytes > 0, client.story() + server.story()


def test_many_udp_clients_at_once_are_measured_apart(world, netrig, stock):
    a, b = world.pair()
    server = Netrig(netrig).server(world, b, udp=True)
    argv = [stock, "-u", "-c", "10.1.0.2", "-t", "0.6", "-b", "2m", "-f", "k"]
    clients = [world.start(a, argv) for _ in range(15)]
    for client in clients:
        client.wait(20)
    flows = until_flows(Netrig(netrig), server, 15)
    reports = [report for client in clients for report in Stock.server_reports(client)]
    assert len(reports) == 15
    assert [f.lost for f in flows] == [0] * 15
    assert sum(f.bytes for f in flows) == pytest.approx(sum(r.bytes for r in reports), rel=0.01)


def test_parallel_udp_streams_are_separate_flows(world, netrig, stock):
    a, b = world.pair()
    server = Netrig(netrig).server(world, b, udp=True)
    client = Netrig(netrig).client(world, a, "10.1.0.2", "-u", "-b", "10m", "-t", "0.5", "-P", "3")
    assert len(until_flows(Netrig(netrig), server, 3)) == 3
    assert len(Netrig.server_reports(client)) == 3


def test_a_group_is_sent_to_without_waiting_for_an_answer(world, netrig):
    a, b = world.pair()
    a.ip("route add 239.0.0.0/8 dev a0")
    done = Netrig(netrig).client(world, a, "239.1.1.1", "-u", "-t", "1", "-T", "3")
    assert done.code == 0, done.story()
    assert b.counter("b0", "rx_packets") > 80
