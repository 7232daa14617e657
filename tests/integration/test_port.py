# SPDX-License-Identifier: BSD-2-Clause
"""An endpoint with its own stack is a host on the network: it answers ping, gets an address by DHCP
and SLAAC, finds its neighbours, and talks to another of its kind over a bridge. (A link that has
just come up may cost a neighbour's first answer, for a second: hence tests of more than one.)"""
import re
import time

import pytest

import jsonl
import netns
from ends import Netrig, Stock, until_flows


def start_dnsmasq(world, ns, dev, *words):
    """A DHCP server on `dev` that knows nothing of the host it runs on."""
    proc = world.start(ns, ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0",
                            "--user=root", "--group=root", "--log-dhcp", "--bind-interfaces",
                            f"--interface={dev}", f"--dhcp-leasefile={world.file('leases')}",
                            f"--pid-file={world.file('dnsmasq.pid')}", *words])
    return proc.until(lambda it: "DHCP, IP range" in it.err, "dnsmasq serves")


@pytest.mark.parametrize("host", ["10.2.0.2", "fd00:2::2"], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("size", [56, 1400])
def test_an_own_stack_answers_ping(world, netrig, kind, host, size):
    far = world.ns("far")
    place = world.place(kind, far, "t0", "10.2.0.1/24", "fd00:2::1/64")
    end = Netrig(netrig, place, "--ipv4", "10.2.0.2/24", "--ipv6", "fd00:2::2/64")
    end.server(world, None, udp=True)
    out = far.run(["ping", "-n", "-c", "5", "-i", "0.1", "-W", "2", "-s", size, host])
    assert " 0% packet loss" in out


def test_an_own_stack_gets_its_address_by_dhcp(world, netrig, stock, kind):
    far = world.ns("far")
    place = world.place(kind, far, "t0", "10.2.0.1/24")
    dnsmasq = start_dnsmasq(world, far, "t0", "--dhcp-range=10.2.0.50,10.2.0.60,255.255.255.0,1h")
    Stock(stock).server(world, far, udp=True)
    client = Netrig(netrig, place).client(world, None, "10.2.0.1", "-u", "-b", "5m", "-t", "0.4")
    assert Netrig.server_reports(client)[0].lost == 0, client.story()
    assert re.search(r"DHCPACK\(t0\) 10\.2\.0\.(5\d|60) ", dnsmasq.err), dnsmasq.story()


def test_an_own_stack_gets_an_ipv6_address_from_a_router(world, netrig, kind):
    far = world.ns("far")
    place = world.place(kind, far, "t0", "10.2.0.1/24", "fd00:2::1/64")
    start_dnsmasq(world, far, "t0", "--enable-ra", "--dhcp-range=fd00:2::,ra-only,64,1h",
                  "--dhcp-range=10.2.0.50,10.2.0.60,255.255.255.0,1h")
    mac = "02:00:00:00:00:42"
    end = Netrig(netrig, place, "--ipv4", "10.2.0.2/24", "--ipv6", "auto", "--mac", mac)
    server = end.server(world, None, udp=True)
    argv = ["ping", "-n", "-c", "1", "-W", "1", "fd00:2::ff:fe00:42"]
    deadline = time.monotonic() + 10
    while "bytes from fd00:2::ff:fe00:42" not in far.run(argv, check=False):
        assert time.monotonic() < deadline, server.story()


def test_two_own_stacks_on_one_bridge_measure_each_other(world, netrig, kind):
    far = world.ns("far")
    far.ip("link add br0 type bridge stp_state 0 forward_delay 0")
    places = [world.place(kind, far, dev) for dev in ("t0", "t1")]
    for dev in ("t0", "t1"):
        far.silence_ipv6(dev)
        far.ip(f"link set {dev} master br0 up")
    far.ip("link set br0 up")
    server_end = Netrig(netrig, places[0], "--ipv4", "10.2.0.2/24")
    client_end = Netrig(netrig, places[1], "--ipv4", "10.2.0.3/24")
    server = server_end.server(world, None, udp=True)
    client = client_end.client(world, None, "10.2.0.2", "-u", "-b", "50m", "-t", "1.5")
    flow = until_flows(server_end, server, 1)[0]
    report = client_end.server_reports(client)[0]
    assert (flow.lost, flow.out_of_order, flow.duplicated) == (0, 0, 0), server.story()
    assert (report.bytes, report.total, report.lost) == (flow.bytes, flow.total, 0), client.story()
    assert client_end.flows(client)[0].bytes == pytest.approx(flow.bytes, rel=0.01)


def test_a_stack_with_a_static_neighbour_asks_nobody(world, netrig, stock, kind):
    far = world.ns("far")
    place = world.place(kind, far, "t0", "10.2.0.1/24")
    far.silence_ipv6("t0")
    Stock(stock).server(world, far, udp=True)
    capture = world.capture(far, "t0")
    end = Netrig(netrig, place, "--ipv4", "10.2.0.2/24", "--arp", f"{far.mac('t0')}/10.2.0.1")
    end.client(world, None, "10.2.0.1", "-u", "-b", "1m", "-t", "1.2")
    capture.stop()
    asked = capture.count("arp.opcode == 1 && arp.dst.proto_ipv4 == 10.2.0.1")
    assert asked == 0 and capture.count("udp.dstport == 5001") > 10


def test_a_gateway_leads_to_another_network(world, netrig, stock, kind):
    router, beyond = world.ns("router"), world.ns("beyond")
    place = world.place(kind, router, "t0", "10.2.0.1/24")
    netns.veth(router, "r1", beyond, "b0")
    router.addr("r1", "10.3.0.1/24")
    beyond.addr("b0", "10.3.0.2/24")
    beyond.ip("route add default via 10.3.0.1")
    router.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
    Stock(stock).server(world, beyond, udp=True)
    # the router asks for its neighbour now: while it asks, it drops all but a few packets
    router.run(["ping", "-n", "-c", "1", "-W", "2", "10.3.0.2"])
    end = Netrig(netrig, place, "--ipv4", "10.2.0.2/24", "--ipv4-gateway", "10.2.0.1")
    client = end.client(world, None, "10.3.0.2", "-u", "-b", "5m", "-t", "1.2")
    assert Netrig.server_reports(client)[0].lost == 0, client.story()


def test_the_mac_that_was_asked_for_is_on_the_wire(world, netrig, stock, kind):
    far = world.ns("far")
    place = world.place(kind, far, "t0", "10.2.0.1/24")
    Stock(stock).server(world, far, udp=True)
    capture = world.capture(far, "t0")
    end = Netrig(netrig, place, "--ipv4", "10.2.0.2/24", "--mac", "02:00:00:00:00:77")
    end.client(world, None, "10.2.0.1", "-u", "-b", "1m", "-t", "1.2")
    capture.stop()
    assert set(capture.tshark("udp.dstport == 5001", "eth.src")) == {"02:00:00:00:00:77"}


def test_json_names_where_the_endpoint_stands(world, netrig, kind):
    far = world.ns("far")
    place = world.place(kind, far, "t0", "10.2.0.1/24")
    server = Netrig(netrig, place, "--ipv4", "10.2.0.2/24").server(world, None, udp=True)
    assert place.port in jsonl.one(server.out, "start").get("on", ""), server.story()
