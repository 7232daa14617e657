# SPDX-License-Identifier: BSD-2-Clause
"""What the structure checks share: the layers, the allow-list, reading C without its comments."""

import argparse
import fnmatch
import pathlib
import re
import sys

LAYERS = ["base", "frame", "virtio", "port", "stack", "net", "load", "proto", "lab", "cli"]

# Sources that compile unchanged into the guest image: they make no system call.
FREESTANDING = re.compile(
    r"(base/(?!clock_linux\.)|frame/|virtio/|stack/|load/|proto/"
    r"|port/(port|port_name|timer|port_pool|port_pair|port_null)\.[ch]$"
    r"|net/(net|net_stack\w*|net_internal)\.[ch]$)")


def is_freestanding(path):
    """path is below src, as 'base/err.c'."""
    return bool(FREESTANDING.match(path))


class Report:
    """Collects faults; an allow-list entry of tools/allowed turns one off and says why."""

    def __init__(self, check, root, ours):
        self.check = check
        self.faults = []
        self.used = set()
        self.allowed = {}
        self.ours = ours
        path = root / "tools" / "allowed"
        for number, line in enumerate(path.read_text().splitlines() if path.exists() else [], 1):
            if not line.strip() or line.startswith("#"):
                continue
            entry, colon, reason = line.partition(": ")
            if not colon or len(entry.split()) != 2 or not reason.strip():
                self.faults.append(f"tools/allowed:{number}: not 'RULE SUBJECT: reason'")
                continue
            rule, subject = entry.split()
            self.allowed[rule, subject] = reason

    def fault(self, rule, subject, text):
        """subject: the name under which tools/allowed may excuse it (there, with * and ?)."""
        excuses = {entry for entry in self.allowed
                   if entry[0] == rule and fnmatch.fnmatchcase(subject, entry[1])}
        self.used |= excuses
        if not excuses:
            self.faults.append(f"{text} [{rule} {subject}]")

    def finish(self, summary):
        for rule, subject in sorted(set(self.allowed) - self.used):
            if rule in self.ours:
                self.faults.append(f"tools/allowed: '{rule} {subject}' excuses nothing any more")
        for fault in self.faults:
            print(f"{self.check}: {fault}", file=sys.stderr)
        if self.faults:
            sys.exit(1)
        print(f"{self.check}: {summary}")


def arguments(description, with_build=False):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent,
                        help="top of the source tree")
    if with_build:
        parser.add_argument("build", type=pathlib.Path, help="build directory")
    return parser.parse_args()


def sources(root, folder, suffixes):
    """Files below root/folder, as paths relative to root/folder."""
    top = root / folder
    return sorted(str(p.relative_to(top)) for p in top.rglob("*") if p.suffix in suffixes)


def code_of(path):
    """The text of a C file, comments and contents of literals blanked, lines kept."""
    def blank(match):
        text = match.group(0)
        if text.startswith(("'", '"')):
            return text[0] * 2
        return re.sub(r"[^\n]", " ", text)
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    text = path.read_text()
    # Include lines keep their quotes: they are what the layer check reads.
    parts = []
    for line in re.sub(r"/\*.*?\*/", blank, text, flags=re.S).splitlines():
        parts.append(line if re.match(r"\s*#\s*include", line) else re.sub(pattern, blank, line))
    return "\n".join(parts)


def includes_of(path):
    """(line number, 'q' or 's', name) of each #include."""
    found = []
    for number, line in enumerate(code_of(path).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', line)
        if match:
            found.append((number, "q" if match.group(1) else "s", match.group(1) or match.group(2)))
    return found
