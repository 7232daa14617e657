# SPDX-License-Identifier: BSD-2-Clause
"""The instruments themselves, proved with stock iperf at both ends: a figure that these tests
could not tell right from wrong would prove nothing about netrig."""
import os
import socket
import time

import pytest

import jsonl
from iperftext import Report, csv_rows
from proc import Failed, Proc

HARM = {"drop": [10, 11, 500], "delay": {"100": 1, "200": 3}, "duplicate": [300, 301]}


def test_stock_figures_are_read_from_both_ends(world, stock):
    a, b = world.pair()
    server = world.start(b, [stock, "-s", "-f", "k"]).until_listening("tcp", 5001)
    client = world.run(a, [stock, "-c", "10.1.0.2", "-t", "0.5", "-f", "k"])
    server.until(lambda proc: "Kbits/sec" in proc.out, "the server's report")
    sent, received = Report(client.out).one(), Report(server.stop().out).one()
    assert sent.bytes == pytest.approx(received.bytes, rel=0.01)
    assert sent.bps == pytest.approx(received.bps, rel=0.1)


def test_a_clean_wire_loses_nothing(world, stock):
    a, b, box = world.harmed_pair({})
    world.start(b, [stock, "-s", "-u", "-f", "k"]).until_listening("udp", 5001)
    client = world.run(a, [stock, "-u", "-c", "10.1.0.2", "-t", "0.5", "-b", "20m", "-f", "k"])
    report = Report(client.out).one(server_report=True)
    did = world.harm_done(box)
    assert (report.lost, report.out_of_order) == (0, 0)
    # a stock server counts the datagram that ends a test, or does not
    assert did["highest"] - report.total in (0, 1) and did["highest"] > 500


def test_the_middle_box_does_exactly_the_harm_it_was_told(world, stock):
    a, b, box = world.harmed_pair(HARM)
    world.start(b, [stock, "-s", "-u", "-f", "k"]).until_listening("udp", 5001)
    client = world.run(a, [stock, "-u", "-c", "10.1.0.2", "-t", "0.5", "-b", "20m", "-f", "k"])
    report = Report(client.out).one(server_report=True)
    did = world.harm_done(box)
    assert (did["dropped"], did["delayed"], did["duplicated"]) == (3, 2, 2)
    # stock iperf takes a duplicate for a reordered one and for a found one: 2 + 2, and 3 - 2
    assert (report.out_of_order, report.lost) == (4, 1)


def test_a_lost_end_of_test_is_seen_as_retries(world, stock):
    a, b, box = world.harmed_pair({"drop_fins": 2})
    world.start(b, [stock, "-s", "-u", "-f", "k"]).until_listening("udp", 5001)
    client = world.run(a, [stock, "-u", "-c", "10.1.0.2", "-t", "0.2", "-b", "5m", "-f", "k"])
    did = world.harm_done(box)
    # stock iperf numbers its retries on, so each lost one is a lost datagram to its server
    assert Report(client.out).one(server_report=True).lost == 2
    assert did["fins_dropped"] == 2 and did["fins"] >= 3


def test_tshark_finds_a_wrong_checksum_and_a_malformed_packet(world):
    a, b = world.pair()
    capture = world.capture(b, "b0")
    mac_a, mac_b = (bytes.fromhex(ns.mac(dev).replace(":", ""))
                    for ns, dev in ((a, "a0"), (b, "b0")))
    wrong_sum = mac_b + mac_a + bytes.fromhex("080045000020000100004011ffff0a0100010a010002"
                                              "13891389000c12340000000000000000")
    with a.entered():
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        raw.bind(("a0", 0))
    raw.send(wrong_sum)
    raw.send(mac_b + mac_a + bytes.fromhex("08004500001c0001000040110000"))
    raw.close()
    time.sleep(0.2)
    capture.stop()
    with pytest.raises(AssertionError):
        capture.check_wire()


def test_tshark_finds_nothing_wrong_in_a_stock_test(world, stock):
    a, b, _box = world.harmed_pair({})
    capture = world.capture(b, "b0")
    world.start(b, [stock, "-s", "-u"]).until_listening("udp", 5001)
    world.run(a, [stock, "-u", "-c", "10.1.0.2", "-t", "0.2", "-b", "5m"])
    capture.stop().check_wire(partial_ok_from=[b.mac("b0")])
    assert capture.count("udp.dstport == 5001") > 50


def test_csv_columns_are_named_and_counted(world, stock):
    a, b = world.pair()
    world.start(b, [stock, "-s"]).until_listening("tcp", 5001)
    rows = csv_rows(world.run(a, [stock, "-c", "10.1.0.2", "-t", "0.4", "-y", "C"]).out)
    assert len(rows) == 1 and rows[0]["rport"] == "5001" and rows[0]["bytes"] > 0
    with pytest.raises(AssertionError):
        csv_rows("1,2,3")


def test_json_lines_that_are_not_json_are_refused():
    good = '{"event":"start","tool":"iperf","role":"client","t_s":0.0}'
    assert jsonl.one(good, "start")["role"] == "client"
    for bad in (good[:-1], "hello", "[]", '{"event":"start"}',
                good[:-1] + ',"jitter_ms":NaN}', good + good):
        with pytest.raises(AssertionError):
            jsonl.parse(bad)


def test_processes_end_with_the_test_and_a_hang_is_a_failure(world):
    a = world.ns("a")
    with pytest.raises(Failed, match="no end in"):
        world.run(a, ["sleep", "60"], timeout_s=0.2)
    lasting = world.start(a, ["sleep", "60"])
    world.close()
    assert lasting.code == -9
    assert not os.path.exists(f"/proc/{lasting.pid}")


def test_a_process_sees_only_its_namespace(world):
    a, b = world.pair()
    assert "a0" in a.ip("-br link") and "a0" not in b.ip("-br link")
    assert isinstance(world.start(a, ["true"]).wait(), Proc)
