# SPDX-License-Identifier: BSD-2-Clause
"""The host's facts, without which a figure means little."""
import os
import platform
import subprocess


def _read(path, default=None):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return default


def _cpu_model():
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def host_facts():
    """What decides how fast this machine is."""
    flaws = "/sys/devices/system/cpu/vulnerabilities"
    mitigations = {name: _read(f"{flaws}/{name}") for name in sorted(os.listdir(flaws))} \
        if os.path.isdir(flaws) else {}
    return {"cpu_model": _cpu_model(), "cpus": os.cpu_count(), "kernel": platform.release(),
            "machine": platform.machine(),
            "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            "hypervisor": "hypervisor" in (_read("/proc/cpuinfo") or ""),
            "congestion_control": _read("/proc/sys/net/ipv4/tcp_congestion_control"),
            "mitigations": {name: text for name, text in mitigations.items()
                            if text and not text.startswith("Not affected")},
            "privileged": os.access("/dev/net/tun", os.R_OK | os.W_OK)}


def _says(*argv):
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = (done.stdout + done.stderr).strip().splitlines()
    return text[0] if text else None


def versions():
    """Which programs took part."""
    from rig import Rig
    return {"netrig": _says(Rig.program(), "--version"), "iperf": _says("iperf", "--version"),
            "pkt_gen": os.environ.get("PKT_GEN")}
