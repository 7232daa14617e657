# SPDX-License-Identifier: BSD-2-Clause
"""Reads netrig's JSON Lines strictly: every line is one JSON object with the four names that every
line has; no NaN; nothing between or after."""
import json

EVERY_LINE = ("event", "tool", "role", "t_s")


def _refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def parse(text):
    """All lines as dicts. A line that is not valid fails."""
    events = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            event = json.loads(line, parse_constant=_refuse)
        except ValueError as error:
            raise AssertionError(f"line {number} is not JSON ({error}): {line}") from None
        assert isinstance(event, dict), f"line {number} is no object: {line}"
        missing = [name for name in EVERY_LINE if name not in event]
        assert not missing, f"line {number} lacks {missing}: {line}"
        events.append(event)
    return events


def select(text, event, **want):
    """The events of one kind whose members are as wanted."""
    return [line for line in parse(text) if line["event"] == event
            and all(line.get(key) == value for key, value in want.items())]


def one(text, event, **want):
    """The one event that is as wanted."""
    found = select(text, event, **want)
    assert len(found) == 1, f"{len(found)} {event} events with {want}, not 1, in:\n{text}"
    return found[0]


def results(text):
    """The results of single flows (sums left out)."""
    return [event for event in select(text, "result") if not event.get("sum")]
