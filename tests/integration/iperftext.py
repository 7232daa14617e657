# SPDX-License-Identifier: BSD-2-Clause
"""Reads what iperf 2 prints for people (with -f k, so that four or more digits are there) and its
comma-separated values."""
import re

_SCALE = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_BITS = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}

_LINE = re.compile(
    r"^\[\s*(?P<id>\*?\d+|SUM(?:-\d+)?|FD\d+)\]\s+(?P<start>[\d.]+)-\s*(?P<end>[\d.]+)\s+sec\s+"
    r"(?P<bytes>[\d.]+)\s+(?P<bprefix>[KMGT]?)Bytes?\s+"
    r"(?P<rate>[\d.]+)\s+(?P<rprefix>[KMGT]?)bits/sec(?P<rest>.*)$")
_UDP = re.compile(
    r"(?P<jitter>[\d.]+)\s+ms\s+(?P<lost>\d+)/\s*(?P<total>-?\d+)\s+\((?P<loss>[^)]*)\)")
_OOO = re.compile(r"^\[\s*(?P<id>\*?\d+|SUM)\]\s+.*?(?P<n>\d+)\s+datagrams received out-of-order")


class Line:
    """One figure line of a report."""

    def __init__(self, match, server_report):
        self.id = match["id"]
        self.start_s = float(match["start"])
        self.end_s = float(match["end"])
        self.bytes = float(match["bytes"]) * _SCALE[match["bprefix"]]
        self.bps = float(match["rate"]) * _BITS[match["rprefix"]]
        self.server_report = server_report
        udp = _UDP.search(match["rest"])
        self.is_udp = udp is not None
        self.jitter_ms = float(udp["jitter"]) if udp else None
        self.lost = int(udp["lost"]) if udp else None
        self.total = int(udp["total"]) if udp else None
        self.out_of_order = 0 if udp else None

    @property
    def seconds(self):
        """How long it measured."""
        return self.end_s - self.start_s

    def __repr__(self):
        return f"<{self.__dict__}>"


class Report:
    """All figure lines of one program's output, in order."""

    def __init__(self, text):
        self.text = text
        self.lines = []
        server = False
        for line in text.splitlines():
            if "Server Report" in line:
                server = True
                continue
            match = _LINE.match(line)
            if match:
                self.lines.append(Line(match, server))
                server = False
                continue
            ooo = _OOO.match(line)
            if ooo:
                self._out_of_order(ooo["id"], int(ooo["n"]))

    def _out_of_order(self, line_id, n):
        for line in reversed(self.lines):
            if line.id == line_id:
                line.out_of_order = n
                return

    def figures(self, **want):
        """Lines whose attributes are as wanted, without sums."""
        return [line for line in self.lines if not line.id.startswith("SUM")
                and all(getattr(line, key) == value for key, value in want.items())]

    def one(self, **want):
        """The one line that is as wanted."""
        lines = self.figures(**want)
        assert len(lines) == 1, f"{len(lines)} lines with {want}, not 1, in:\n{self.text}"
        return lines[0]

    def total(self, **want):
        """The last (the longest) line for each id that is as wanted: the totals."""
        last = {}
        for line in self.figures(**want):
            if line.id not in last or line.seconds >= last[line.id].seconds * 0.999:
                last[line.id] = line
        return list(last.values())

    def sum(self):
        """The last [SUM] line."""
        sums = [line for line in self.lines if line.id == "SUM"]
        assert sums, f"no [SUM] in:\n{self.text}"
        return sums[-1]


CSV_TCP = ("time", "laddr", "lport", "raddr", "rport", "id", "span", "bytes", "bps")
CSV_UDP = CSV_TCP + ("jitter_ms", "lost", "total", "loss_percent", "ooo")


def csv_rows(text):
    """Each line of -y C as a dict; a line with another number of columns fails."""
    rows = []
    for line in text.splitlines():
        fields = line.split(",")
        names = {len(CSV_TCP): CSV_TCP, len(CSV_UDP): CSV_UDP}.get(len(fields))
        assert names, f"{len(fields)} columns, not {len(CSV_TCP)} or {len(CSV_UDP)}: {line}"
        row = dict(zip(names, fields))
        start, _, end = row["span"].partition("-")
        row["start_s"], row["end_s"] = float(start), float(end)
        row["bytes"], row["bps"] = int(row["bytes"]), float(row["bps"])
        rows.append(row)
    return rows
