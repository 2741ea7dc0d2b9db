#!/usr/bin/env python3
"""The Debian packages that the tests need, and with --bench the benchmark: `python3 tests/debian.py [--bench]`.

When all of them are there it says nothing and costs a few milliseconds. When some are missing and we are root, apt
installs them; when we are not, one sentence names the command to run. It needs nothing but Python itself, because it
runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Package(NamedTuple):
    """A package, the program (or file) that shows it is there, and what we need it for."""

    name: str
    gives: str
    reason: str


#: One a line, so that two people can add theirs without meeting.
TESTS = (
    Package("bind9-dnsutils", "dig", "the DNS client that everybody has"),
    Package("chromium", "chromium", "a browser that talks wss:// through the relay"),
    Package("curl", "curl", "the HTTP client that everybody has"),
    Package("default-jdk-headless", "javac", "Java at either end"),
    Package("dnsmasq-base", "dnsmasq", "a stock DNS server"),
    Package("e2fsprogs", "mkfs.ext4", "a disk of a machine that loses power"),
    Package("fetchmail", "fetchmail", "the POP3 client that knows what it has"),
    Package("gcc", "gcc", "C at either end"),
    Package("git", "git", "a client of HTTP that is no browser"),
    Package("iproute2", "ss", "the kernel's own table of sockets"),
    Package("irssi", "irssi", "the IRC client that everybody has"),
    Package("lftp", "lftp", "the FTP client that mirrors, with TLS"),
    Package("libc6-dev", "/usr/include/stdio.h", "C at either end"),
    Package("libgoogle-gson-java", "/usr/share/java/gson.jar", "JSON in Java: a member of a chat"),
    Package("libjansson-dev", "/usr/include/jansson.h", "JSON in C: a member of a chat"),
    Package("libnet-ssleay-perl", "/usr/share/doc/libnet-ssleay-perl", "swaks with STARTTLS"),
    Package("libssl-dev", "/usr/include/openssl/ssl.h", "C with TLS: an exported program, a load generator"),
    Package("microsocks", "microsocks", "a SOCKS5 proxy"),
    Package("mosquitto", "mosquitto", "a stock MQTT server"),
    Package("mosquitto-clients", "mosquitto_pub", "its clients"),
    Package("mpop", "mpop", "a POP3 client that pipelines, with SCRAM"),
    Package("msmtp", "msmtp", "a mail client that logs in by SCRAM, and speaks LMTP"),
    Package("mutt", "mutt", "a mail client with attachments"),
    Package("ncat", "ncat", "netcat with TLS, Unix sockets and UDP"),
    Package("netcat-openbsd", "nc.openbsd", "nc as Debian has it: people and scripts in a chat"),
    Package("nginx", "nginx", "a stock HTTP server"),
    Package("ngircd", "ngircd", "a stock IRC server, to be compared with"),
    Package("nodejs", "node", "Node at either end"),
    Package("openssl", "openssl", "s_client and s_server: another TLS"),
    Package("php-cli", "php", "PHP at either end"),
    Package("postfix", "smtp-source", "its load generator for SMTP, and the sink it is measured with"),
    Package("postgresql", "/usr/lib/postgresql", "a stock PostgreSQL server, and psql"),
    Package("redis-server", "redis-server", "a server of short messages, many at once"),
    Package("redis-tools", "redis-cli", "its client and its benchmark"),
    Package("s-nail", "s-nail", "the mail command of the BSDs"),
    Package("socat", "socat", "any socket to any socket"),
    Package("swaks", "swaks", "the SMTP client that can say anything"),
    Package("tcpdump", "tcpdump", "what goes between peers, as it is on the wire"),
    Package("tnftp", "tnftp", "the FTP client of the BSDs"),
    Package("tshark", "tshark", "the decoder to be compared with"),
    Package("vsftpd", "vsftpd", "a stock FTP server, with TLS"),
    Package("weechat-headless", "weechat-headless", "the other IRC client that everybody has, without a terminal"),
    Package("weechat-plugins", "/usr/share/doc/weechat-plugins", "its pipe for commands"),
    Package("wget", "wget", "the HTTP client that resumes and mirrors"),
    Package("wrk", "wrk", "two hundred connections at once that ask and ask"),
)

BENCH = (
    Package("haproxy", "haproxy", "the relay to be measured against"),
    Package("nats-server", "nats-server", "a room for programs, to be measured against"),
)

#: Servers such as nginx are installed, not started: https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt
POLICY = Path("/usr/sbin/policy-rc.d")
FORBIDDEN = "#!/bin/sh\nexit 101\n"


def find(program: str) -> str | None:
    """Where a program is; servers are in /usr/sbin, which an ordinary user's PATH leaves out."""
    return shutil.which(program, path=os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin")


def is_there(package: Package) -> bool:
    return os.path.exists(package.gives) if package.gives.startswith("/") else find(package.gives) is not None


def missing(packages: tuple[Package, ...]) -> list[Package]:
    return [package for package in packages if not is_there(package)]


def install(packages: list[Package]) -> None:
    """Install with apt, as root. Raises `CalledProcessError` when apt fails."""
    print("installing", *(f"\n  {package.name}: {package.reason}" for package in packages), flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with no_server_starts():
        subprocess.run(["apt-get", "-q", "update"], env=environment, check=True)
        subprocess.run([*_command(packages), "-q", "--yes"], env=environment, check=True)


def _command(packages: list[Package]) -> list[str]:
    return ["apt-get", "install", "--no-install-recommends", *sorted({package.name for package in packages})]


@contextlib.contextmanager
def no_server_starts(policy: Path = POLICY) -> Iterator[None]:
    """While apt runs, a policy forbids to start what it installs, unless the machine has a policy of its own."""
    ours = not policy.exists()
    if ours:
        policy.write_text(FORBIDDEN)
        policy.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            policy.unlink()


def advice(packages: list[Package]) -> str:
    """The sentence for who is not root, or whose machine has no apt."""
    if find("apt-get") is None:
        programs = ", ".join(sorted({package.gives for package in packages}))
        return f"the tests need these programs, which are missing here: {programs}"
    return "the tests need programs that are missing here; run: sudo " + shlex.join(_command(packages))


def main(arguments: list[str]) -> int:
    wanted = TESTS + BENCH if "--bench" in arguments else TESTS
    absent = missing(wanted)
    if not absent:
        return 0
    if os.geteuid() != 0 or find("apt-get") is None:
        print(advice(absent), file=sys.stderr)
        return 1
    install(absent)
    still = missing(wanted)
    if still:
        print(advice(still), file=sys.stderr)
    return 1 if still else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
