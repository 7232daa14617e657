# SPDX-License-Identifier: BSD-2-Clause
"""TCP on the kernel's sockets, stock iperf against netrig in both roles."""
import pytest

import jsonl
from ends import Netrig, Stock, assert_agree, until_flows

# A rate that leaves the processors time: what the ends then differ by is not how late each of them
# was let run. (How fast it goes is the bench's business.)
LOAD = ["-t", "1", "-b", "300m"]

# words of the client, and how many flows each end measures
MODES = {
    "one_stream": ([], 1),
    "parallel": (["-P", "4"], 4),
    "one_after_the_other": (["-r"], 2),
    "both_at_once": (["-d"], 2),
    "reverse": (["-R"], 1),
    "full_duplex": (["--full-duplex"], 2),
}


def ends(netrig, stock, client_is):
    """(client, server) with netrig in the role `client_is` says."""
    pair = {"netrig": (Netrig(netrig), Stock(stock)), "stock": (Stock(stock), Netrig(netrig)),
            "both": (Netrig(netrig), Netrig(netrig))}
    return pair[client_is]


@pytest.mark.parametrize("client_is", ["netrig", "stock", "both"])
@pytest.mark.parametrize("mode", MODES)
def test_both_ends_agree_on_every_flow(world, netrig, stock, client_is, mode):
    words, n_flows = MODES[mode]
    client_end, server_end = ends(netrig, stock, client_is)
    a, b = world.pair()
    server = server_end.server(world, b)
    client = client_end.client(world, a, "10.1.0.2", *LOAD, *words)
    flows = until_flows(server_end, server, n_flows)
    assert_agree(client_end.flows(client), flows, client.story() + server.story())


@pytest.mark.parametrize("client_is", ["netrig", "stock"])
def test_both_ends_agree_over_ipv6(world, netrig, stock, client_is):
    client_end, server_end = ends(netrig, stock, client_is)
    a, b = world.pair()
    server = server_end.server(world, b, "-V")
    client = client_end.client(world, a, "fd00:1::2", "-V", *LOAD)
    flows = until_flows(server_end, server, 1)
    assert_agree(client_end.flows(client), flows, client.story() + server.story())


@pytest.mark.parametrize("client_is", ["netrig", "stock"])
def test_an_amount_is_sent_to_the_byte(world, netrig, stock, client_is):
    client_end, server_end = ends(netrig, stock, client_is)
    a, b = world.pair()
    server = server_end.server(world, b)
    client = client_end.client(world, a, "10.1.0.2", "-n", "32M")
    until_flows(server_end, server, 1)
    netrig_proc = client if client_is == "netrig" else server
    assert jsonl.results(netrig_proc.out)[0]["bytes"] == 32 << 20


def test_a_rate_limit_is_kept(world, netrig, stock):
    a, b = world.pair()
    Stock(stock).server(world, b)
    client = Netrig(netrig).client(world, a, "10.1.0.2", "-t", "1", "-b", "80m")
    assert jsonl.one(client.out, "result")["bytes"] == pytest.approx(10e6, rel=0.05)


def test_a_server_ends_after_one_client_when_asked(world, netrig, stock):
    a, b = world.pair()
    server = Netrig(netrig).server(world, b, "-P", "1")
    Stock(stock).client(world, a, "10.1.0.2", "-t", "0.2")
    server.wait(5)
    assert len(jsonl.results(server.out)) == 1


def test_many_clients_at_once_are_measured_apart(world, netrig, stock):
    a, b = world.pair()
    server = Netrig(netrig).server(world, b)
    argv = [stock, "-c", "10.1.0.2", "-t", "1", "-b", "5m", "-f", "k"]
    clients = [world.start(a, argv) for _ in range(20)]
    for client in clients:
        client.wait(20)
    flows = until_flows(Netrig(netrig), server, 20)
    sent = [flow for client in clients for flow in Stock(stock).flows(client)]
    assert sum(f.bytes for f in flows) == pytest.approx(sum(f.bytes for f in sent), rel=0.01)
