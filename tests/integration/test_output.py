# SPDX-License-Identifier: BSD-2-Clause
"""What netrig prints: JSON Lines that are valid one by one and while it runs, iperf's CSV columns,
intervals that add up to the total, and exit statuses that mean something."""
import re
import time

import pytest

import jsonl
from ends import Netrig, Stock, until_flows
from iperftext import Report, csv_rows

LOADS = {"tcp": ["-Z", "cubic"], "udp": ["-u", "-b", "20m"]}
RUN = ["-t", "1", "-i", "0.25"]


def intervals_of(text, result):
    """The intervals of one flow in one direction."""
    return [event for event in jsonl.select(text, "interval", direction=result["direction"])
            if event.get("flow") == result.get("flow")]


@pytest.mark.parametrize("load", LOADS)
def test_intervals_add_up_to_the_total_at_both_ends(world, netrig, load):
    a, b = world.pair()
    server = Netrig(netrig).server(world, b, "-i", "0.25", udp=load == "udp")
    client = Netrig(netrig).client(world, a, "10.1.0.2", *RUN, *LOADS[load])
    until_flows(Netrig, server, 1)
    for proc in (client, server):
        result = jsonl.results(proc.out)[0]
        parts = intervals_of(proc.out, result)
        assert len(parts) >= 4, proc.story()
        for name in ("bytes", "datagrams", "lost", "out_of_order", "duplicated"):
            if name in result:
                assert sum(part[name] for part in parts) == result[name], f"{name}\n{proc.story()}"
        # the time in which the last bytes are acknowledged belongs to no interval
        assert parts[0]["start_s"] == 0 and parts[-1]["end_s"] <= result["end_s"], proc.story()
        assert result["end_s"] - parts[-1]["end_s"] < 0.25, proc.story()
        for one, two in zip(parts, parts[1:]):
            assert one["end_s"] == two["start_s"], proc.story()


@pytest.mark.parametrize("load", LOADS)
def test_parallel_flows_add_up_to_the_sum(world, netrig, load):
    a, b = world.pair()
    server = Netrig(netrig).server(world, b, udp=load == "udp")
    client = Netrig(netrig).client(world, a, "10.1.0.2", *RUN, *LOADS[load], "-P", "3")
    until_flows(Netrig, server, 3)
    total = jsonl.one(client.out, "sum_result")
    assert total["flows"] == 3
    assert total["bytes"] == sum(flow["bytes"] for flow in jsonl.results(client.out))
    sums = jsonl.select(client.out, "sum_interval")
    assert sum(part["bytes"] for part in sums) == total["bytes"], client.story()


@pytest.mark.parametrize("load", LOADS)
def test_json_lines_say_what_they_are(world, netrig, load):
    a, b = world.pair()
    server = Netrig(netrig).server(world, b, udp=load == "udp")
    client = Netrig(netrig).client(world, a, "10.1.0.2", *RUN, *LOADS[load])
    until_flows(Netrig, server, 1)
    for proc, role in ((client, "client"), (server, "server")):
        events = jsonl.parse(proc.out)
        assert events[0]["event"] == "start", proc.story()
        assert all(e["tool"] == "iperf" and e["role"] == role for e in events)
        assert [e["t_s"] for e in events] == sorted(e["t_s"] for e in events)
        result = jsonl.results(proc.out)[0]
        assert result["layer"] == "goodput"
        assert result["bps"] == pytest.approx(8 * result["bytes"] / result["seconds"], rel=1e-3)
        assert result["seconds"] == pytest.approx(result["end_s"] - result["start_s"], abs=1e-6)
    assert client.err == "" and server.err == ""


def test_json_comes_while_the_test_runs(world, netrig):
    a, b = world.pair()
    Netrig(netrig).server(world, b)
    client = world.start(a, Netrig(netrig).argv("-c", "10.1.0.2", "-t", "3", "-i", "0.2", "--json"))
    client.until(lambda it: len(jsonl.select(it.out, "interval")) >= 2, "two intervals are there")
    assert client.code is None
    client.stop()


@pytest.mark.parametrize("load", LOADS)
def test_csv_has_iperfs_columns(world, netrig, load):
    a, b = world.pair()
    udp = ["-u"] if load == "udp" else []
    server = world.start(b, Netrig(netrig).argv("-s", *udp, "-y", "C"))
    server.until_listening(load, 5001)
    client = world.run(a, Netrig(netrig).argv("-c", "10.1.0.2", *RUN, *LOADS[load], "-y", "C"))
    server.until(lambda it: it.out.strip(), "the server's line")
    time.sleep(0.1)
    for proc, ours, theirs in ((client, "10.1.0.1", "10.1.0.2"), (server, "10.1.0.2", "10.1.0.1")):
        rows = csv_rows(proc.out)
        assert all(re.fullmatch(r"\d{14}(\.\d+)?", row["time"]) for row in rows), proc.story()
        assert all((row["laddr"], row["raddr"]) == (ours, theirs) for row in rows), proc.story()
        assert rows[-1]["bytes"] > 0 and rows[-1]["bps"] > 0
    assert all(row["rport"] == "5001" for row in csv_rows(client.out))
    if load == "udp":
        row = csv_rows(server.out)[-1]
        assert (row["lost"], row["ooo"]) == ("0", "0") and int(row["total"]) > 100
        assert float(row["loss_percent"]) == 0 and float(row["jitter_ms"]) >= 0


def test_text_for_people_reads_like_iperfs(world, netrig):
    a, b = world.pair()
    world.start(b, Netrig(netrig).argv("-s")).until_listening("tcp", 5001)
    client = world.run(a, Netrig(netrig).argv("-c", "10.1.0.2", "-t", "0.5", "-i", "0.25",
                                              "-f", "k", "-P", "2"))
    report = Report(client.out)
    assert len(report.total()) == 2, client.story()
    assert report.sum().bytes == pytest.approx(sum(line.bytes for line in report.total()), rel=0.01)


def test_text_for_people_has_the_servers_report_of_udp(world, netrig, stock):
    a, b = world.pair()
    Stock(stock).server(world, b, udp=True)
    client = world.run(a, Netrig(netrig).argv("-c", "10.1.0.2", "-u", "-t", "0.5", "-b", "10m",
                                              "-f", "k"))
    lines = [line for line in Report(client.out).figures() if line.is_udp]
    assert len(lines) == 1 and lines[0].lost == 0 and lines[0].total > 300, client.story()


def test_a_report_can_go_to_a_file(world, netrig):
    a, b = world.pair()
    Netrig(netrig).server(world, b)
    path = world.file("report")
    client = world.run(a, Netrig(netrig).argv("-c", "10.1.0.2", "-t", "0.3", "--json", "-o", path))
    assert client.out == ""
    with open(path, encoding="utf-8") as file:
        assert jsonl.results(file.read())[0]["bytes"] > 0


def test_a_test_that_measured_exits_with_0_and_help_too(world, netrig):
    a, b = world.pair()
    Netrig(netrig).server(world, b)
    Netrig(netrig).client(world, a, "10.1.0.2", "-t", "0.2")
    for words in (["--help"], ["iperf", "--help"], ["--version"], ["ports"]):
        assert world.run(a, [netrig, *words], timeout_s=5).out.strip()


def test_trip_times_measure_the_way_there(world, netrig):
    a, b = world.pair()
    server = Netrig(netrig).server(world, b, udp=True)
    Netrig(netrig).client(world, a, "10.1.0.2", "-u", "-b", "5m", "-t", "0.4", "--trip-times")
    until_flows(Netrig, server, 1)
    latency = jsonl.results(server.out)[0]["latency_us"]
    assert latency["count"] > 100 and 0 < latency["min"] <= latency["mean"] <= latency["max"]


def test_a_start_time_in_the_future_is_kept(world, netrig):
    a, b = world.pair()
    Netrig(netrig).server(world, b)
    start = time.time() + 1.0
    before = time.monotonic()
    Netrig(netrig).client(world, a, "10.1.0.2", "-t", "0.2", "--txstart-time", f"{start:.3f}")
    assert time.monotonic() - before >= 1.0
