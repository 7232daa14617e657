# SPDX-License-Identifier: BSD-2-Clause
"""`netrig lab`: networks that work, statuses that pass through, and nothing left behind."""
import fcntl
import json
import os
import pty
import signal
import subprocess
import tempfile
import termios
import time
import uuid
from pathlib import Path

import pytest

import labtools
import netns
from conftest import PYTHON, program

WIRE = ["ns:far", "veth:a,b@far", "addr:a=10.9.0.1/24", "addr:b@far=10.9.0.2/24",
        "addr:a=fd09::1/64", "addr:b@far=fd09::2/64"]


@pytest.fixture(params=["privileged", "nobody"])
def lab(request, tmp_path_factory):
    """A function that makes a command line of `netrig lab ...`, as root and as nobody."""
    if request.param == "privileged":
        return lambda *words: [program(), "lab", *words]
    if not labtools.can_be_nobody():
        pytest.skip("only root can become nobody (unprivileged, the other variant is the same)")
    directory = tmp_path_factory.mktemp("nobody")
    for place in (directory, *directory.parents):  # pytest closes what it makes to others
        if Path(tempfile.gettempdir()) in place.parents:
            place.chmod(0o755)
    copy = labtools.open_to_all(program(), directory)
    return lambda *words: labtools.as_nobody([copy, "lab", *words])


@pytest.fixture
def host():
    """A host of its own."""
    try:
        made = labtools.Host()
    except OSError as error:
        pytest.skip(f"no host of its own here: {error}")
    yield made
    made.close()


def netrig(*words):
    """`netrig lab ...` on a host of its own."""
    return [program(), "lab", *words]


# ---- run ----


def test_the_network_of_a_run_carries_packets(lab):
    result = labtools.run(lab("run", *WIRE, "--", "sh", "-c",
                              "ping -c 1 -W 2 10.9.0.2 && ping -c 1 -W 2 fd09::2"))
    assert result.status == 0, result.err + result.out
    assert result.out.count(" 0% packet loss") == 2


def test_a_bridge_forwards_at_once(lab):
    words = ["ns:l", "ns:r", "veth:p,eth0@l", "veth:q,eth0@r", "bridge:br0=p+q",
             "addr:eth0@l=10.9.1.1/24", "addr:eth0@r=10.9.1.2/24"]
    me = lab("exec", "l", "--", "ping", "-c", "1", "-W", "1", "10.9.1.2")
    result = labtools.run(lab("run", *words, "--", *me[me.index("lab") - 1:]))
    assert result.status == 0, result.err + result.out


def test_routes_and_mtu_are_set(lab):
    me = lab("exec", "far", "--", "ip", "route")
    me = " ".join(me[me.index("lab") - 1:])
    result = labtools.run(lab("run", *WIRE, "route:far=10.9.0.1", "mtu:a=1300", "--", "sh", "-c",
                              f"cat /sys/class/net/a/mtu; {me}"))
    assert result.out.startswith("1300\ndefault via 10.9.0.1 dev b"), result.out + result.err


def test_exec_sees_its_own_namespace(lab):
    me = lab("exec", "far", "--", "ls", "/sys/class/net")
    result = labtools.run(lab("run", *WIRE, "--", *me[me.index("lab") - 1:]))
    assert result.out.split() == ["b", "lo"], result.err


def test_exec_runs_its_command_in_place(lab):
    me = lab("exec", "far", "--", "sh", "-c", "exit 9")
    assert labtools.run(lab("run", *WIRE, "--", *me[me.index("lab") - 1:])).status == 9


def test_a_tap_is_made_or_refused_in_one_sentence(lab):
    result = labtools.run(lab("run", "tap:t0", "--", "cat", "/sys/class/net/t0/tun_flags"))
    nobody = "setpriv" in lab()[0]
    if netns.taps_allowed() and not nobody:
        assert int(result.out, 16) & 0x5802 == 0x5802  # tap, no packet information, vnet header, persistent
    elif result.status != 0:
        assert result.status == 3
        assert result.sentence() == (
            "tap t0: /dev/net/tun is closed to this user; use veth: with packet: ports instead, or "
            "let root open it with 'chmod 666 /dev/net/tun'")


@pytest.mark.parametrize("status", [0, 1, 3, 42, 255])
def test_the_exit_status_passes_through(lab, status):
    result = labtools.run(lab("run", "--", "sh", "-c", f"exit {status}"))
    assert (result.status, result.err) == (status, "")


def test_a_death_by_signal_passes_through(lab):
    assert labtools.run(lab("run", "--", "sh", "-c", "kill -TERM $$")).status == 128 + 15


def test_what_the_command_left_running_is_ended(lab):
    mark = f"mark-{uuid.uuid4()}"
    result = labtools.run(lab("run", "--", "sh", "-c",
                              f"setsid sh -c ': {mark}; sleep 1000' </dev/null >/dev/null 2>&1 & "
                              "exit 5"))
    assert result.status == 5
    assert labtools.processes_with(mark) == []


def test_standard_streams_are_the_commands(lab):
    result = labtools.run(lab("run", "--", "sh", "-c", "cat; echo no >&2"), input="yes")
    assert (result.out, result.err) == ("yes", "no\n")


def test_a_lab_inside_a_lab(lab):
    inner = lab("run", "veth:c,d", "--", "ls", "/sys/class/net")
    result = labtools.run(lab("run", "veth:a,b", "--", *inner[inner.index("lab") - 1:]))
    assert result.out.split() == ["c", "d", "lo"], result.err


@pytest.fixture
def start(lab):
    """Start a lab; what a failed test leaves of it is ended."""
    made = []

    def make(script="echo ready; exec sleep 1000"):
        # exec: a dash that is just starting a child may swallow SIGINT.
        made.append(Running(lab, script))
        return made[-1]

    yield make
    for running in made:
        with running.proc as proc:
            proc.kill()


class Running:
    """A lab with a command that waits, and the namespaces that are its own."""

    def __init__(self, lab, script):
        self.mark = f"mark-{uuid.uuid4()}"
        self.proc = subprocess.Popen(
            lab("run", *WIRE, "--", "sh", "-c", script),
            env={**os.environ, "MARK": self.mark}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True, preexec_fn=netns.die_with_parent)
        assert self.proc.stdout.readline() == "ready\n"

    def end(self):
        """Its exit status and what it said."""
        out, err = self.proc.communicate(timeout=labtools.LIMIT_S)
        return self.proc.returncode, out, err

    def gone(self):
        """Is no process of it left?"""
        return labtools.processes_with(self.mark) == []


def test_kill_9_leaves_nothing_behind(start):
    links_before = labtools.run(["ip", "-o", "link"]).out
    running = start("(setsid sleep 1000 &); echo ready; sleep 1000")
    inside = [pid for pid in labtools.processes_with(running.mark) if pid != running.proc.pid]
    assert inside
    space = os.open(f"/proc/{inside[0]}/ns/pid", os.O_RDONLY)
    space_id = os.fstat(space).st_ino
    os.close(space)
    running.proc.send_signal(signal.SIGKILL)
    running.end()
    labtools.wait_until(running.gone, "the processes of the lab end")
    labtools.wait_until(lambda: space_id not in pid_spaces(), "its PID namespace ends")
    assert labtools.run(["ip", "-o", "link"]).out == links_before


def test_kill_9_while_the_lab_is_made_leaves_nothing_behind(lab):
    words = [f"veth:l{i},r{i}" for i in range(60)]
    for after_ms in (0, 1, 2, 4, 8, 16, 32):
        mark = f"mark-{uuid.uuid4()}"
        with subprocess.Popen(lab("run", *words, "--", "sleep", "1000"), stdout=subprocess.DEVNULL,
                              env={**os.environ, "MARK": mark}) as proc:
            time.sleep(after_ms / 1000)
            proc.send_signal(signal.SIGKILL)
        labtools.wait_until(lambda gone=mark: not labtools.processes_with(gone),
                            f"the processes end after {after_ms} ms")


def pid_spaces():
    """The PID namespaces that some process is in."""
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                found.add(os.stat(f"/proc/{name}/ns/pid").st_ino)
            except OSError:
                pass
    return found


def test_ctrl_c_ends_it_cleanly(start):
    running = start()
    os.killpg(running.proc.pid, signal.SIGINT)
    status, _, err = running.end()
    assert (status, err) == (130, "")
    assert running.gone()


def on_terminal(argv, typed, **more):
    """Run on a terminal of its own, type when it says ready; its status and all it said."""
    ours, theirs = pty.openpty()
    proc = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, **more,
                            preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)))
    os.close(theirs)
    said = b""
    try:
        while True:
            said += os.read(ours, 4096)
            if b"ready" in said and typed:
                os.write(ours, typed)
                typed = b""
    except OSError:  # EIO: nobody has the terminal any more
        pass
    os.close(ours)
    return proc.wait(labtools.LIMIT_S), said.decode().replace("\r\n", "\n")


COUNT_SIGINT = """
import os, signal, time
came, note = os.pipe()
os.set_blocking(note, False)
signal.set_wakeup_fd(note)  # a byte for each, at once
signal.signal(signal.SIGINT, lambda *_: None)
print("ready", flush=True)
time.sleep(0.5)
os.write(note, b"-")
raise SystemExit(len(os.read(came, 99)) - 1)
"""


def test_ctrl_c_on_a_terminal_reaches_the_command_once(lab):
    status, said = on_terminal(lab("run", *WIRE, "--", PYTHON, "-c", COUNT_SIGINT), b"\x03")
    assert status == 1, said


@pytest.mark.parametrize("no_color", [False, True])
def test_a_terminal_sees_colour_unless_no_color(no_color):
    env = {**os.environ, "TERM": "xterm", "NO_COLOR": "1" if no_color else ""}
    status, said = on_terminal([program(), "lab", "frob"], b"", env=env)
    assert status == 2
    assert ("\x1b[" in said) != no_color


def test_a_signal_to_netrig_alone_reaches_the_command(start):
    running = start("trap 'echo got; exit 4' TERM; echo ready; while :; do sleep 0.05; done")
    running.proc.send_signal(signal.SIGTERM)
    status, out, _ = running.end()
    assert (status, out) == (4, "got\n")
    assert running.gone()


def test_a_command_may_outlast_ctrl_c(start):
    running = start("trap : INT; echo ready; sleep 0.3; sleep 0.1; exit 6")
    os.killpg(running.proc.pid, signal.SIGINT)
    assert running.end()[0] == 6


# ---- what is refused ----


@pytest.mark.parametrize("words, part", [
    (["run"], "behind '--'"),
    (["run", "--"], "behind '--'"),
    (["run", "frob", "--", "true"], "'frob' is no word of a lab"),
    (["run", "veth:a,b@far", "--", "true"], "say ns:far before it"),
    (["run", "addr:a=10.0.0.1/33", "--", "true"], "10.0.0.1/33"),
    (["run", "--jsn", "--", "true"], "unknown option '--jsn'; the nearest is '--json'"),
    (["run", "--json", "--", "true"], "'--json' has no place in 'netrig lab run'"),
    (["exec", "far"], "exec NS -- COMMAND"),
    (["up", "name"], "up NAME WORD..."),
    (["up", "../x", "tap:t"], "cannot name a lab"),
    (["down", "../x"], "cannot name a lab"),
    (["down", "a", "b"], "down [NAME]"),
    (["list", "a"], "list takes no name"),
    (["frob"], "none of run, exec, up, down and list"),
    ([], "run, exec, up, down or list"),
])
def test_a_wrong_command_line_is_one_sentence_and_2(lab, words, part):
    result = labtools.run(lab(*words))
    assert result.status == 2
    assert part in result.sentence()


@pytest.mark.parametrize("words, part", [
    (["run", "--", "/no/such/program"], "cannot run '/no/such/program': No such file"),
    (["run", "addr:none=10.0.0.1/24", "--", "true"], "there is no interface 'none'"),
    (["run", "route:=10.0.0.1", "--", "true"], "default route via 10.0.0.1 in home"),
    (["run", "bridge:br0=none", "--", "true"], "there is no interface 'none'"),
    (["exec", "far", "--", "true"], "this is not inside a lab"),
])
def test_what_cannot_be_done_is_one_sentence_and_3(lab, words, part):
    env = {key: value for key, value in os.environ.items() if key != "NETRIG_LAB"}
    result = labtools.run(lab(*words), env=env)
    assert result.status == 3, result.err
    assert part in result.sentence()


@pytest.mark.parametrize("value", ["x", "1", "1:", "1:far", "1:far=x", "999999999:far=3", "1:far=0",
                                   ":far=3", "-1:far=3", "1:far=99999999999999999999"])
def test_a_damaged_netrig_lab_is_refused(lab, value):
    result = labtools.run(lab("exec", "far", "--", "true"), env={**os.environ, "NETRIG_LAB": value},
                          stdin=subprocess.DEVNULL)
    assert result.status == 3
    result.sentence()


def test_an_unknown_namespace_names_those_there_are(lab):
    me = lab("exec", "near", "--", "true")
    result = labtools.run(lab("run", *WIRE, "--", *me[me.index("lab") - 1:]))
    assert result.status == 3
    assert "no namespace 'near'" in result.sentence()


def test_dry_run_does_nothing(lab):
    result = labtools.run(lab("run", "--dry-run", "ns:far", "veth:a,b@far", "mtu:a=1400"))
    assert result.status == 0
    assert result.out == "  1  namespace far\n  2  pair a and b@far\n  3  MTU 1400 on a\n"


def test_up_needs_root_and_says_what_does_not():
    if not labtools.can_be_nobody():
        pytest.skip("only root can become nobody")
    result = labtools.run(labtools.as_nobody([program(), "lab", "up", "x", "tap:t"]))
    if result.status == 126 or "failed to execute" in result.err:
        pytest.skip("the program is where nobody cannot reach it")
    assert result.status == 3
    assert result.sentence() == ("'netrig lab up' changes the host's network and needs root; "
                                 "'netrig lab run' does not")


# ---- up, down, list ----

UP = ["ns:x", "veth:va,vb@x", "veth:vc,vd", "bridge:br0=va+vc", "addr:br0=10.9.2.1/24",
      "addr:vb@x=10.9.2.2/24", "addr:vb@x=fd09:2::2/64", "addr:old=10.9.3.1/24", "mtu:old=1400",
      "route:=10.9.3.2", "route:x=10.9.2.1"]


def add_old(host):
    """An interface that was there before the lab."""
    host.run(["sh", "-c", "ip link add old type veth peer name older && ip link set old up && "
              "ip link set older up && ip addr add 10.9.4.1/24 dev old"])


def test_up_works_and_down_leaves_what_was_before(host):
    add_old(host)
    before = host.state()
    assert host.run(netrig("up", "one", *UP)).status == 0
    assert " 0% packet loss" in host.run(["ping", "-c", "1", "-W", "2", "10.9.2.2"]).out
    assert host.run(netrig("exec", "--lab", "one", "x", "--", "ip", "-br", "addr", "show", "vb")
                    ).out.split()[2] == "10.9.2.2/24"
    assert "old@older: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400" in host.state()
    result = host.run(netrig("down", "one"))
    assert (result.status, result.out) == (0, "1 lab is down\n")
    assert host.state() == before


def test_down_may_be_repeated_and_needs_no_lab(host):
    assert host.run(netrig("down")).status == 0
    assert host.run(netrig("down", "one")).status == 0
    host.run(netrig("up", "one", "bridge:br0"))
    host.run(netrig("up", "two", "bridge:br1"))
    assert host.run(netrig("down")).out == "2 labs are down\n"
    result = host.run(netrig("down"))
    assert (result.status, result.out) == (0, "")


def test_list_names_the_labs(host):
    host.run(netrig("up", "two", "bridge:br1"))
    host.run(netrig("up", "one", "ns:x", "bridge:br0", "mtu:br0=1400"))
    assert [line.split()[:2] for line in host.run(netrig("list")).out.splitlines()] == [
        ["one", "3"], ["two", "1"]]
    lines = host.run(netrig("list", "--json")).out.splitlines()
    assert [json.loads(line) for line in lines] == [
        {"event": "lab", "tool": "lab", "name": "one", "steps": 3},
        {"event": "lab", "tool": "lab", "name": "two", "steps": 1}]


def test_what_existed_before_is_refused_and_kept(host):
    add_old(host)
    before = host.state()
    for words, part in ((["bridge:br0", "veth:old,new"], "interface 'old' exists"),
                        (["bridge:br0", "veth:new,old"], "interface 'old' exists"),
                        (["bridge:old"], "interface 'old' exists"),
                        (["bridge:br0", "addr:old=10.9.4.1/24"], "has that address already")):
        result = host.run(netrig("up", "one", *words))
        assert result.status == 3
        assert part in result.sentence()
        assert host.state() == before


def test_a_lab_that_stands_is_not_made_again(host):
    host.run(netrig("up", "one", "bridge:br0"))
    before = host.state()
    result = host.run(netrig("up", "one", "bridge:br1"))
    assert result.status == 3
    assert result.sentence() == "lab 'one' stands; 'netrig lab down one' takes it down"
    assert host.state() == before


def test_a_failed_step_undoes_the_others(host):
    before = host.state()
    result = host.run(netrig("up", "one", *UP[:5], "mtu:none=1400"))
    assert result.status == 3
    assert result.sentence() == "MTU 1400 on none: there is no interface 'none'"
    assert host.state() == before


def test_an_interface_that_took_the_name_is_kept(host):
    host.run(netrig("up", "one", "bridge:br0"))
    host.run(["sh", "-c", "ip link del br0; ip link add br0 type bridge"])
    assert host.run(netrig("down")).status == 0
    assert "br0" in host.state()


def test_a_damaged_or_foreign_journal_is_refused(host):
    host.run(["mkdir", "-p", "/run/netrig/lab"])
    host.run(["sh", "-c", "printf 'ns x - -\\nfrob\\n' > /run/netrig/lab/bad.journal"])
    result = host.run(netrig("down", "bad"))
    assert result.status == 3
    assert "line 2 of the journal bad.journal is damaged" in result.sentence()
    host.run(["sh", "-c", "printf 'ns x - -\\n' > /run/netrig/lab/bad.journal; "
              "chmod 666 /run/netrig/lab/bad.journal"])
    result = host.run(netrig("down", "bad"))
    assert result.status == 3
    assert "only this user can write" in result.sentence()


def test_a_line_that_was_cut_off_is_left_out(host):
    host.run(["mkdir", "-p", "/run/netrig/lab"])
    host.run(["ip", "link", "add", "keep", "type", "bridge"])
    host.run(["sh", "-c", "printf 'link - gone -\\nlink - keep' > /run/netrig/lab/cut.journal"])
    assert host.run(netrig("down")).status == 0
    state = host.state()
    assert "keep" in state
    assert "cut.journal" not in state


def test_xdg_runtime_dir_holds_the_journals(host, tmp_path):
    env = {"XDG_RUNTIME_DIR": str(tmp_path)}
    assert host.run(netrig("up", "one", "bridge:br0"), env=env).status == 0
    assert (tmp_path / "netrig/lab/one.journal").exists()
    assert host.run(netrig("down"), env=env).out == "1 lab is down\n"


# A kill at the n-th call of each kind, for each n until the command gets to its end.
CALLS = ["sendmsg", "write", "fsync", "openat", "mount", "setns", "unshare", "mkdirat", "flock",
         "ioctl", "socket"]
KILL_UP = [*(["tap:vt"] if netns.taps_allowed() else []), "ns:x", "veth:va,vb@x", "bridge:br0=va",
           "addr:vb@x=10.9.2.2/24", "addr:old=10.9.3.1/24", "mtu:old=1400", "route:x=10.9.2.1"]


# LeakSanitizer refuses to work where strace does.
TRACED = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def killed_at(host, call, n, words):
    """Run it and kill it at its n-th call; False if it got to its end before."""
    result = host.run(["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                       f"inject={call}:signal=SIGKILL:when={n}", *words], env=TRACED)
    assert result.status in (0, -signal.SIGKILL, 128 + signal.SIGKILL), result.err
    return result.status != 0


@pytest.fixture
def strace_host(host):
    """A host on which calls can be counted and killed at."""
    if host.run(["strace", "-qq", "-o", "/dev/null", "true"]).status != 0:
        pytest.skip("strace is missing or may not trace")
    add_old(host)
    return host


@pytest.mark.parametrize("call", CALLS)
def test_a_kill_of_up_at_any_call_is_undone_by_down(strace_host, call):
    host = strace_host
    before = host.state()
    n = 1
    while killed_at(host, call, n, netrig("up", "one", *KILL_UP)):
        result = host.run(netrig("down"))
        assert (result.status, result.err) == (0, ""), f"{call} {n}"
        assert host.state() == before, f"{call} {n}"
        n += 1
    assert n > 1 or call == "ioctl"
    assert host.run(netrig("down")).status == 0
    assert host.state() == before


@pytest.mark.parametrize("call", ["sendmsg", "write", "umount2", "unlink", "unlinkat", "setns"])
def test_a_kill_of_down_at_any_call_is_finished_by_the_next_up(strace_host, call):
    host = strace_host
    before = host.state()
    host.run(netrig("up", "one", *KILL_UP))
    standing = host.state()
    n = 1
    while killed_at(host, call, n, netrig("down", "one")):
        left = host.state()
        result = host.run(netrig("up", "one", *KILL_UP))
        if result.status == 3:  # then nothing may have been undone yet
            assert "stands" in result.sentence()
            assert left == standing, f"{call} {n}"
        else:
            assert (result.status, result.err) == (0, ""), f"{call} {n}"
        standing = host.state()
        n += 1
    assert n > 1
    assert host.state() == before
