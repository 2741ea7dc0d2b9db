"""The facts without which a number says nothing: the machine, and the versions of everything measured."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import resource
import ssl
import subprocess
from pathlib import Path

from bench.figures import NotMeasured
from bench.workplace import has

#: How each program is asked for its version, and how the answer begins.
_ASKED = {
    "HAProxy": (["haproxy", "-v"], r"HAProxy version (\S+)"),
    "socat": (["socat", "-V"], r"socat version (\S+)"),
    "ncat": (["ncat", "--version"], r"Ncat: Version (\S+)"),
    "mitmproxy": (["mitmdump", "--version"], r"Mitmproxy: (\S+)"),
    "gcc": (["gcc", "--version"], r"gcc .*?(\d+\.\d+\.\d+)"),
}
_PACKAGES = ("uvloop", "trio", "anyio", "gevent", "twisted")


def facts() -> dict[str, str]:
    """What to print above the results, by name."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores{_virtual()}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{_distribution()}, Linux {platform.release().split('-')[0]}",
        "disk": f"{_file_system()} under the project's folder",
        "Python": f"{platform.python_version()}, {ssl.OPENSSL_VERSION.rsplit(' ', 3)[0]}",
        "descriptors": f"{resource.getrlimit(resource.RLIMIT_NOFILE)[1]:,} a process at most",
        "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def versions() -> dict[str, str]:
    """Of what is installed among the peers."""
    found = {name: _ask(*asked) for name, asked in _ASKED.items()}
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"tincans": importlib.metadata.version("tincans")} | {k: v for k, v in found.items() if v} | packages


def _ask(command: list[str], pattern: str) -> str:
    try:
        program = has(command[0])
    except NotMeasured:
        return ""
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
    match = re.search(pattern, done.stdout + done.stderr)
    return match[1] if match else "of unknown version"


def _processor() -> str:
    match = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return match[1] if match else platform.machine()


def _virtual() -> str:
    return " of a virtual machine" if " hypervisor" in Path("/proc/cpuinfo").read_text() else ""


def _distribution() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")


def _file_system() -> str:
    """The type of the file system that this file is on."""
    here, best, kind = str(Path(__file__).resolve()), "", "unknown"
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, point, found = line.split()[:3]
        if here.startswith(point) and len(point) >= len(best):
            best, kind = point, found
    return kind
