# SPDX-License-Identifier: BSD-2-Clause
"""Whatever is wrong on the command line or with the machine: one exact sentence on standard error,
the right exit status (2 usage, 3 could not measure), and with --json still valid JSON Lines."""
import os

import pytest

import jsonl
from ends import Netrig, Stock

CLIENT = ["-c", "127.0.0.1"]

# what was typed, and a word that the sentence must have
USAGE = {
    "an_unknown_flag": (["-s", "--frobnicate"], "frobnicate"),
    "an_unknown_letter": (["-s", "-Q"], "Q"),
    "neither_role": ([], "-s"),
    "both_roles": (["-s", "-c", "127.0.0.1"], "-s"),
    "a_missing_argument": (["-c"], "-c"),
    "a_word_too_many": (["-s", "hello"], "hello"),
    "a_rate_that_is_none": ([*CLIENT, "-u", "-b", "fast"], "fast"),
    "a_rate_with_a_wrong_suffix": ([*CLIENT, "-u", "-b", "10q"], "10q"),
    "a_rate_below_zero": ([*CLIENT, "-u", "-b", "-5m"], "-5m"),
    "a_rate_that_is_not_a_number": ([*CLIENT, "-u", "-b", "nan"], "nan"),
    "a_rate_beyond_all_numbers": ([*CLIENT, "-u", "-b", "99999999999999999999g"], "9999"),
    "a_port_beyond_65535": ([*CLIENT, "-p", "65536"], "65536"),
    "a_port_of_zero": ([*CLIENT, "-p", "0"], "range"),
    "a_time_that_is_none": ([*CLIENT, "-t", "soon"], "soon"),
    "no_streams": ([*CLIENT, "-P", "0"], "range"),
    "a_length_of_zero": ([*CLIENT, "-l", "0"], "0"),
    "a_datagram_beyond_udp": ([*CLIENT, "-u", "-l", "65508"], "65508"),
    "a_datagram_too_short": ([*CLIENT, "-u", "-l", "4"], "4"),
    "a_style_that_is_none": ([*CLIENT, "-y", "X"], "X"),
    "a_format_that_is_none": ([*CLIENT, "-f", "q"], "q"),
    "two_directions": ([*CLIENT, "-r", "-d"], "-r"),
    "a_direction_for_a_server": (["-s", "-R"], "-R"),
    "a_bound_port_beyond_65535": ([*CLIENT, "-B", "127.0.0.1:99999"], "-B"),
    "a_link_local_peer_without_interface": (["-c", "fe80::1"], "interface"),
    "a_host_without_a_name": (["-c", ""], "name"),
    "tcp_on_a_port": (["-s", "--on", "null"], "TCP"),
    "an_address_without_a_port": (["-s", "-u", "--ipv4", "10.0.0.1/24"], "--on"),
    "an_address_without_a_length": (["-s", "-u", "--on", "null", "--ipv4", "10.0.0.1"], "10.0.0.1"),
    "an_address_with_a_wrong_length": (["-s", "-u", "--on", "null", "--ipv4", "10.0.0.1/33"], "33"),
    "a_neighbour_that_is_none": (["-s", "-u", "--on", "null", "--arp", "10.0.0.1"], "10.0.0.1"),
    "a_mac_that_is_none": (["-s", "-u", "--on", "null", "--mac", "02:00:00:00:00"], "02:00"),
}

# names of ports that do not parse, and what the sentence must have
PORT_NAMES = {
    "without_a_kind": ("t0", "t0"),
    "of_an_unknown_kind": ("tab:t0", "tab"),
    "without_a_target": ("tap:", "tap:"),
    "with_an_unknown_option": ("tap:t0@speed=9", "speed"),
    "with_an_option_that_is_no_switch": ("tap:t0@uso=maybe", "maybe"),
    "with_an_empty_option": ("tap:t0@", "tap:t0@"),
    "empty": ("", "''"),
    "longer_than_names_are": ("tap:" + "x" * 300, "xxx"),
}


def sentence(proc, word):
    """The one line on standard error; it has `word` and is not a wall of text."""
    lines = [line for line in proc.err.splitlines() if line.strip()]
    assert lines, f"nothing on standard error\n{proc.story()}"
    assert len(lines) <= 2, f"more than a sentence and a hint\n{proc.story()}"
    assert word in lines[0], f"'{word}' is not in the sentence\n{proc.story()}"
    assert "ERROR" not in proc.err and "Sanitizer" not in proc.err, proc.story()
    return lines[0]


def check_json(proc, expect_error):
    """Standard output is JSON Lines; a run that failed has said so there, too."""
    errors = jsonl.select(proc.out, "error")
    if expect_error:
        assert errors and errors[-1]["error"], proc.story()


@pytest.mark.parametrize("case", USAGE)
def test_a_wrong_command_line_is_refused(world, netrig, case):
    words, word = USAGE[case]
    proc = world.run(world.ns("a"), Netrig(netrig).argv(*words), timeout_s=5, code=2)
    sentence(proc, word)
    assert proc.out == ""


@pytest.mark.parametrize("case", PORT_NAMES)
def test_a_port_name_that_does_not_parse_is_refused(world, netrig, case):
    name, word = PORT_NAMES[case]
    argv = Netrig(netrig).argv("-s", "-u", "--on", name, "--ipv4", "10.0.0.1/24")
    proc = world.run(world.ns("a"), argv, timeout_s=5, code=None)
    assert proc.code in (2, 3), proc.story()
    sentence(proc, word)


@pytest.mark.parametrize("kind", ["tap", "packet"])
def test_an_interface_that_does_not_exist_is_named(world, netrig, kind):
    argv = Netrig(netrig).argv("-s", "-u", "--on", f"{kind}:nosuch0", "--ipv4", "10.0.0.1/24",
                               "--json")
    proc = world.run(world.ns("a"), argv, timeout_s=5, code=3)
    sentence(proc, "nosuch0")
    check_json(proc, expect_error=True)


def test_no_privilege_is_said_with_what_would_give_it(world, netrig):
    a = world.ns("a")
    a.ip("link add v0 type veth peer name v1")
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    if os.geteuid() == 0 and not os.environ.get("container"):
        drop += ["--ambient-caps=-all"]
    argv = [*drop, *Netrig(netrig).argv("-s", "-u", "--on", "packet:v0", "--ipv4", "10.0.0.1/24",
                                        "--json")]
    proc = world.run(a, argv, timeout_s=5, code=None)
    if "setpriv" in proc.err:
        pytest.skip(f"CANNOT DROP PRIVILEGE HERE: {proc.err.strip()}")
    assert proc.code == 3, proc.story()
    sentence(proc, "v0")
    check_json(proc, expect_error=True)


@pytest.mark.parametrize("proto", [[], ["-u"]], ids=["tcp", "udp"])
def test_a_port_in_use_is_said(world, netrig, proto):
    a = world.ns("a")
    Netrig(netrig).server(world, a, udp=bool(proto))
    proc = world.run(a, Netrig(netrig).argv("-s", *proto, "--json"), timeout_s=5, code=3)
    sentence(proc, "5001")
    check_json(proc, expect_error=True)


@pytest.mark.parametrize("proto", [[], ["-u", "-b", "1m"]], ids=["tcp", "udp"])
def test_a_refusing_peer_is_said(world, netrig, proto):
    a, _b = world.pair()
    argv = Netrig(netrig).argv("-c", "10.1.0.2", *proto, "-t", "1", "--json")
    proc = world.run(a, argv, timeout_s=10, code=3)
    assert "refused" in proc.out + proc.err, proc.story()
    check_json(proc, expect_error=True)


def test_a_peer_that_no_one_knows_is_said(world, netrig):
    a = world.ns("a")
    proc = world.run(a, Netrig(netrig).argv("-c", "no.such.host.invalid", "--json"), timeout_s=15,
                     code=3)
    sentence(proc, "no.such.host.invalid")
    check_json(proc, expect_error=True)


def test_a_network_without_a_way_to_the_peer_is_said(world, netrig):
    a = world.ns("a")
    proc = world.run(a, Netrig(netrig).argv("-c", "192.0.2.1", "-t", "1", "--json"), timeout_s=5,
                     code=3)
    assert "route" in sentence(proc, "192.0.2.1"), proc.story()
    check_json(proc, expect_error=True)


def test_an_own_stack_whose_peer_does_not_answer_says_so(world, netrig, kind):
    far = world.ns("far")
    place = world.place(kind, far, "t0", "10.2.0.1/24")
    argv = Netrig(netrig, place, "--ipv4", "10.2.0.2/24").argv(
        "-c", "10.2.0.99", "-u", "-b", "1m", "-t", "0.5", "--json")
    proc = world.run(place.ns, argv, timeout_s=15, code=3)
    check_json(proc, expect_error=True)


def test_no_dhcp_answer_is_said_with_the_port_and_the_time(world, netrig, kind):
    far = world.ns("far")
    place = world.place(kind, far, "t0", "10.2.0.1/24")
    argv = Netrig(netrig, place).argv("-c", "10.2.0.1", "-u", "--json")
    proc = world.run(place.ns, argv, timeout_s=20, code=3)
    assert "DHCP" in sentence(proc, place.port)
    check_json(proc, expect_error=True)


def test_datagrams_above_the_mtu_are_sent_in_fragments_with_a_warning(world, netrig, stock, kind):
    far = world.ns("far")
    place = world.place(kind, far, "t0", "10.2.0.1/24")
    Stock(stock).server(world, far, "-l", "4000", udp=True)
    end = Netrig(netrig, place, "--ipv4", "10.2.0.2/24")
    client = end.client(world, None, "10.2.0.1", "-u", "-l", "4000", "-b", "4m", "-t", "0.3")
    assert "4000" in sentence(client, "MTU") and "1472" in client.err
    assert end.server_reports(client)[0].lost == 0, client.story()


def test_an_unknown_congestion_control_is_said(world, netrig, stock):
    a, b = world.pair()
    Stock(stock).server(world, b)
    proc = world.run(a, Netrig(netrig).argv("-c", "10.1.0.2", "-t", "0.2", "-Z", "warp", "--json"),
                     timeout_s=10, code=3)
    assert "warp" in proc.err + proc.out, proc.story()
    check_json(proc, expect_error=True)


def test_an_address_that_is_not_ours_cannot_be_bound(world, netrig):
    a, _b = world.pair()
    proc = world.run(a, Netrig(netrig).argv("-s", "-B", "10.9.9.9", "--json"), timeout_s=5, code=3)
    sentence(proc, "10.9.9.9")
    check_json(proc, expect_error=True)


def test_an_output_file_that_cannot_be_written_is_said(world, netrig):
    proc = world.run(world.ns("a"), Netrig(netrig).argv("-s", "-o", "/nosuch/dir/file"),
                     timeout_s=5, code=None)
    assert proc.code in (2, 3), proc.story()
    sentence(proc, "/nosuch/dir/file")


def test_an_unknown_command_is_refused_with_a_near_one(world, netrig):
    proc = world.run(world.ns("a"), [netrig, "iprf"], timeout_s=5, code=2)
    assert "iperf" in sentence(proc, "iprf")
