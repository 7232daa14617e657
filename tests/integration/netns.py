# SPDX-License-Identifier: BSD-2-Clause
"""Network namespaces without names.

A namespace lives exactly as long as somebody holds its descriptor or runs in it. This process
holds the descriptors, and every process it starts dies with it (PR_SET_PDEATHSIG), so nothing is
left behind on any way out, kill -9 included: no names under /run/netns, no journal, no clean-up
that could be missed. As root the namespaces are made directly; without privilege this process
first moves into a user namespace of its own, where it may make them too.
"""
import contextlib
import ctypes
import json
import os
import signal
import subprocess

CLONE_NEWNET = 0x40000000
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def unshare(flags):
    """Leave this process's namespaces of the kinds in `flags` for new ones."""
    _check(_libc.unshare(flags), "unshare")


def setns(fd):
    """Move this thread into the network namespace behind `fd`."""
    _check(_libc.setns(fd, CLONE_NEWNET), "setns")


def die_with_parent():
    """Between fork and exec: SIGKILL for this process when its parent is gone."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def become_privileged():
    """Without root: enter a user namespace in which this process may make network namespaces.

    Returns True if a user namespace was needed. Must run before there are threads.
    """
    if os.geteuid() == 0:
        return False
    uid, gid = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER | CLONE_NEWNET)
    for path, text in (("/proc/self/setgroups", "deny"), ("/proc/self/uid_map", f"0 {uid} 1"),
                       ("/proc/self/gid_map", f"0 {gid} 1")):
        _write(path, text)
    return True


def taps_allowed():
    """May this process open /dev/net/tun? In a user namespace the file's mode decides."""
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError:
        return False
    return True


class Netns:
    """One network namespace, held by a descriptor."""

    def __init__(self, name):
        self.name = name
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            unshare(CLONE_NEWNET)
            self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        finally:
            setns(home)
            os.close(home)
        with self.entered():
            # the kernel's own link-local addresses count at once, so that routers may speak
            _write("/proc/sys/net/ipv6/conf/default/accept_dad", "0")
        self.ip("link set lo up")

    def close(self):
        """Let go of it; the kernel removes it after its last process."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    @property
    def path(self):
        """A path by which iproute2 finds this namespace."""
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    @contextlib.contextmanager
    def entered(self):
        """Run a block of this process inside (to make sockets there)."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            setns(self.fd)
            yield
        finally:
            setns(home)
            os.close(home)

    def popen(self, argv, **kwargs):
        """subprocess.Popen inside, dying with this process."""
        fd = self.fd

        def enter():
            setns(fd)
            die_with_parent()

        return subprocess.Popen([str(word) for word in argv], preexec_fn=enter, **kwargs)

    def run(self, argv, check=True, timeout_s=20):
        """Run a tool inside and return its output; a failure shows what it said."""
        proc = self.popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
        try:
            out, _ = proc.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            proc.kill()
            out, _ = proc.communicate()
            raise RuntimeError(f"no end in {timeout_s} s: {argv}\n{out}") from None
        if check and proc.returncode != 0:
            raise RuntimeError(f"exit {proc.returncode}: {argv}\n{out}")
        return out

    def ip(self, words):
        """`ip WORDS` inside."""
        return self.run(["ip", *words.split()])

    def addr(self, dev, *prefixes):
        """Addresses for `dev`, usable at once (no duplicate address detection), and bring it up."""
        for prefix in prefixes:
            nodad = " nodad" if ":" in prefix else ""
            self.ip(f"addr add {prefix} dev {dev}{nodad}")
        self.ip(f"link set {dev} up")

    def tap(self, dev, *prefixes):
        """A persistent tap with virtio-net headers, no packet information."""
        self.ip(f"tuntap add dev {dev} mode tap vnet_hdr")
        self.addr(dev, *prefixes)

    def silence_ipv6(self, dev):
        """No link-local address, hence no neighbour or router chatter of the kernel's on `dev`."""
        self.ip(f"link set {dev} addrgenmode none")

    def offloads_off(self, dev):
        """Let every frame leave `dev` as it would on a wire: cut and with its checksums."""
        self.run(["ethtool", "-K", dev, "tx", "off", "rx", "off", "gso", "off", "gro", "off",
                  "tso", "off"])

    def mac(self, dev):
        """The MAC address of `dev`."""
        return self.ip(f"-o link show {dev}").split("link/ether ")[1].split()[0]

    def counter(self, dev, name):
        """One interface counter of the kernel's, e.g. ("tap0", "rx_packets")."""
        side, what = name.split("_", 1)
        stats = json.loads(self.ip(f"-j -s link show {dev}"))[0]["stats64"]
        return stats[side][what]


def veth(ns_a, dev_a, ns_b, dev_b):
    """A veth pair with one end in each namespace, both down."""
    ns_a.ip(f"link add {dev_a} type veth peer name {dev_b} netns {ns_b.path}")
