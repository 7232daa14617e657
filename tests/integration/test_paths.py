# SPDX-License-Identifier: BSD-2-Clause
"""Loss, reordering and duplicates are what a wire really did: the middle box drops, delays and
repeats datagrams of known numbers, and the reports say exactly that."""
import pytest

import jsonl
from ends import Netrig, Stock, until_flows

HARM = {"drop": [10, 11, 50, 200], "delay": {"100": 1, "150": 4, "151": 2}, "duplicate": [120, 121]}
LOST, REORDERED, DUPLICATED = 4, 3, 2
LOAD = ["-u", "-b", "12m", "-t", "0.5"]

OWN_WORDS = ["--ipv4", "10.1.0.1/24", "--ipv6", "fd00:1::1/64"]


def check_harm(world, box, flow, counted_by):
    """`flow` is what the receiver says; a stock receiver knows no duplicates: it takes each for one
    more reordered and one fewer lost datagram (its own comment says so)."""
    did = world.harm_done(box)
    assert (did["dropped"], did["delayed"], did["duplicated"]) == (LOST, REORDERED, DUPLICATED), did
    if counted_by == "stock":
        assert (flow.lost, flow.out_of_order) == (LOST - DUPLICATED, REORDERED + DUPLICATED)
    else:
        assert (flow.lost, flow.out_of_order) == (LOST, REORDERED)
        assert flow.duplicated in (DUPLICATED, None)
    # the end of the test has a number too, which some count and some do not
    assert flow.total in (did["highest"], did["highest"] - 1)


@pytest.mark.parametrize("host", ["10.1.0.2", "fd00:1::2"], ids=["ipv4", "ipv6"])
def test_a_kernel_server_counts_exactly_what_the_wire_did(world, netrig, stock, host):
    a, b, box = world.harmed_pair(HARM)
    words = ["-V"] if ":" in host else []
    server = Netrig(netrig).server(world, b, *words, udp=True)
    client = Stock(stock).client(world, a, host, *LOAD, *words)
    flow = until_flows(Netrig, server, 1)[0]
    assert flow.duplicated == DUPLICATED
    check_harm(world, box, flow, "netrig")
    report = Stock.server_reports(client)[0]
    assert (report.lost, report.out_of_order) == (LOST, REORDERED), client.story()


def test_a_kernel_client_shows_what_a_stock_server_counted(world, netrig, stock):
    a, b, box = world.harmed_pair(HARM)
    Stock(stock).server(world, b, udp=True)
    client = Netrig(netrig).client(world, a, "10.1.0.2", *LOAD)
    check_harm(world, box, Netrig.server_reports(client)[0], "stock")


def test_two_netrigs_agree_exactly(world, netrig):
    a, b, box = world.harmed_pair(HARM)
    server = Netrig(netrig).server(world, b, udp=True)
    client = Netrig(netrig).client(world, a, "10.1.0.2", *LOAD)
    flow = until_flows(Netrig, server, 1)[0]
    report = Netrig.server_reports(client)[0]
    assert (report.lost, report.out_of_order) == (flow.lost, flow.out_of_order)
    check_harm(world, box, flow, "netrig")


def test_an_own_stack_counts_exactly_what_the_wire_did(world, netrig, stock, kind):
    place, b, box = world.harmed_place(kind, HARM, "received")
    server_end = Netrig(netrig, place, *OWN_WORDS)
    server = server_end.server(world, None, udp=True)
    client = Stock(stock).client(world, b, "10.1.0.1", *LOAD)
    flow = until_flows(server_end, server, 1)[0]
    assert flow.duplicated == DUPLICATED
    check_harm(world, box, flow, "netrig")
    report = Stock.server_reports(client)[0]
    assert (report.lost, report.out_of_order) == (LOST, REORDERED), client.story()


def test_an_own_stack_shows_what_a_stock_server_counted(world, netrig, stock, kind):
    place, b, box = world.harmed_place(kind, HARM, "sent")
    place.port += "@uso=off" if kind == "tap" else "@offload=off"
    Stock(stock).server(world, b, udp=True)
    client = Netrig(netrig, place, *OWN_WORDS).client(world, None, "10.1.0.2", *LOAD)
    check_harm(world, box, Netrig.server_reports(client)[0], "stock")


def test_an_own_stack_with_all_its_offloads_loses_nothing_on_a_clean_wire(world, netrig, kind):
    far = world.ns("far")
    place = world.place(kind, far, "t0", "10.1.0.2/24")
    server = Netrig(netrig).server(world, far, udp=True)
    end = Netrig(netrig, place, "--ipv4", "10.1.0.1/24")
    client = end.client(world, None, "10.1.0.2", "-u", "-b", "100m", "-l", "200", "-t", "1.2")
    flow = until_flows(Netrig, server, 1)[0]
    sent = end.flows(client)[0]
    assert (flow.lost, flow.out_of_order, flow.duplicated) == (0, 0, 0), client.story()
    assert flow.bytes == pytest.approx(sent.bytes, rel=0.001), client.story() + server.story()


@pytest.mark.parametrize("client_is", ["netrig", "stock"])
def test_a_test_ends_well_though_its_last_datagrams_and_reports_are_lost(world, netrig, stock,
                                                                         client_is):
    a, b, box = world.harmed_pair({"drop_fins": 2, "drop_replies": 2})
    server = Netrig(netrig).server(world, b, udp=True)
    end = Netrig(netrig) if client_is == "netrig" else Stock(stock)
    client = end.client(world, a, "10.1.0.2", *LOAD)
    flow = until_flows(Netrig, server, 1)[0]
    did = world.harm_done(box)
    assert (did["fins_dropped"], did["replies_dropped"]) == (2, 2) and did["fins"] >= 5, did
    report = end.server_reports(client)[0]
    assert (report.lost, report.total) == (flow.lost, flow.total), client.story() + server.story()


def test_jitter_of_an_even_wire_is_small_against_its_datagrams_distance(world, netrig, stock):
    a, b, _box = world.harmed_pair({})
    server = Netrig(netrig).server(world, b, udp=True)
    Stock(stock).client(world, a, "10.1.0.2", *LOAD)
    result = jsonl.one(until_flows(Netrig, server, 1) and server.out, "result")
    distance_ms = 1e3 * result["seconds"] / result["datagrams"]
    assert 0 < result["jitter_ms"] < 5 * distance_ms
