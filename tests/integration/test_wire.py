# SPDX-License-Identifier: BSD-2-Clause
"""A capture of each kind of test holds no malformed packet and no wrong checksum, offloads aside:
what is captured behind a middle box or on a receiving interface must be right in full."""
import pytest

from ends import Netrig, Stock, until_flows

TCP = {"tcp": [], "tcp_duplex": ["--full-duplex"], "tcp_reverse": ["-R"]}


def check(capture, excused, marker):
    """Right on the wire, and the capture did see the test."""
    capture.stop()
    capture.check_wire(partial_ok_from=excused)
    assert capture.count(marker) > 20


@pytest.mark.parametrize("mode", TCP)
def test_tcp_between_kernel_sockets_is_right_on_the_wire(world, netrig, mode):
    a, b = world.pair()
    a.offloads_off("a0")
    b.offloads_off("b0")
    server = Netrig(netrig).server(world, b)
    capture = world.capture(b, "b0")
    Netrig(netrig).client(world, a, "10.1.0.2", "-t", "0.3", "-b", "20m", *TCP[mode])
    until_flows(Netrig, server, 2 if mode == "tcp_duplex" else 1)
    check(capture, [], "tcp.port == 5001")


@pytest.mark.parametrize("host", ["10.1.0.2", "fd00:1::2"], ids=["ipv4", "ipv6"])
def test_udp_between_kernel_sockets_is_right_on_the_wire(world, netrig, host):
    a, b = world.pair()
    a.offloads_off("a0")
    b.offloads_off("b0")
    server = Netrig(netrig).server(world, b, "-V", udp=True)
    capture = world.capture(b, "b0")
    Netrig(netrig).client(world, a, host, "-u", "-t", "0.3", "-b", "20m")
    until_flows(Netrig, server, 1)
    check(capture, [], "udp.port == 5001")


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("size", ["64", "4000"])
def test_an_own_stack_without_offloads_is_right_on_the_wire(world, netrig, kind, family, size):
    far = world.ns("far")
    place = world.place(kind, far, "t0", "10.2.0.1/24", "fd00:2::1/64")
    if kind == "packet":
        far.offloads_off("t0")
    server = Netrig(netrig).server(world, far, "-V", udp=True)
    capture = world.capture(far, "t0")
    place.port += "@offload=off"
    end = Netrig(netrig, place, "--ipv4", "10.2.0.2/24", "--ipv6", "fd00:2::2/64")
    end.client(world, None, {4: "10.2.0.1", 6: "fd00:2::1"}[family], "-u", "-t", "1.2", "-b", "4m",
               "-l", size)
    flow = until_flows(Netrig, server, 1)[0]
    # what the far kernel sends back (the report) may leave its sum to the hardware
    check(capture, [far.mac("t0")], "frame.len > 60")
    assert flow.lost == 0 and flow.bytes > 0


def test_an_own_stack_with_offloads_is_well_formed(world, netrig, kind):
    far = world.ns("far")
    place = world.place(kind, far, "t0", "10.2.0.1/24", "fd00:2::1/64")
    server = Netrig(netrig).server(world, far, udp=True)
    capture = world.capture(far, "t0")
    mac = "02:00:00:00:00:55"
    end = Netrig(netrig, place, "--ipv4", "10.2.0.2/24", "--mac", mac)
    end.client(world, None, "10.2.0.1", "-u", "-t", "1.2", "-b", "20m", "-l", "512")
    until_flows(Netrig, server, 1)
    check(capture, [far.mac("t0"), mac], "udp.port == 5001")


def test_an_own_stack_is_right_behind_a_wire(world, netrig, stock, kind):
    place, b, box = world.harmed_place(kind, {}, "sent")
    place.port += "@uso=off" if kind == "tap" else "@offload=off"
    Stock(stock).server(world, b, udp=True)
    capture = world.capture(b, "b0")
    end = Netrig(netrig, place, "--ipv4", "10.1.0.1/24", "--mac", "02:00:00:00:00:56")
    end.client(world, None, "10.1.0.2", "-u", "-t", "1.2", "-b", "10m")
    world.harm_done(box)
    check(capture, [], "udp.dstport == 5001")


def test_ping_arp_and_neighbour_discovery_are_right_on_the_wire(world, netrig, kind):
    far = world.ns("far")
    place = world.place(kind, far, "t0", "10.2.0.1/24", "fd00:2::1/64")
    capture = world.capture(far, "t0")
    end = Netrig(netrig, place, "--ipv4", "10.2.0.2/24", "--ipv6", "fd00:2::2/64")
    end.server(world, None, udp=True)
    for host in ("10.2.0.2", "fd00:2::2"):
        far.run(["ping", "-n", "-c", "15", "-i", "0.02", "-s", "500", "-W", "2", host])
    check(capture, [], "icmp || icmpv6 || arp")


def test_dhcp_is_right_on_the_wire(world, netrig, kind):
    from test_port import start_dnsmasq
    far = world.ns("far")
    place = world.place(kind, far, "t0", "10.2.0.1/24")
    start_dnsmasq(world, far, "t0", "--dhcp-range=10.2.0.50,10.2.0.60,255.255.255.0,1h")
    Netrig(netrig).server(world, far, udp=True)
    capture = world.capture(far, "t0")
    place.port += "@offload=off"
    Netrig(netrig, place).client(world, None, "10.2.0.1", "-u", "-b", "2m", "-t", "0.3")
    capture.stop()
    capture.check_wire(partial_ok_from=[far.mac("t0")])
    assert capture.count("dhcp") >= 4
