"""Real servers for the tests, each fresh, on this machine alone, and with nothing kept behind it."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from running import Certificates, free_port, port_of, program, start


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[Path]:
    """A Redis server; gives the path of its Unix socket."""
    path = folder / "redis.sock"
    options = {"port": "0", "unixsocket": str(path), "save": "", "appendonly": "no", "dir": str(folder)}
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    with start([program("redis-server"), *arguments]) as running:
        running.wait_for("(?i)ready to accept connections")
        yield path


@contextlib.contextmanager
def postgresql(*, password: str = "", tls: Certificates | None = None) -> Iterator[Path]:
    """A PostgreSQL server whose superuser is `ada`, with that password or none; gives the path of its Unix socket.

    With `tls` it listens on 127.0.0.1 as well, on the port that the path ends with: there is no TLS on a Unix socket.
    It refuses to run as root, so then it runs as the user that its package made.
    """
    port = free_port() if tls else 5432
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    who = [program("setpriv"), "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="tincans-") as name:
        folder = Path(name)
        (folder / "password").write_text(password or "none")
        (folder / "tls.pem").write_bytes(tls.leaf.read_bytes() if tls else b"")
        (folder / "tls.pem").chmod(0o600)
        if who:
            for path in (folder, folder / "password", folder / "tls.pem"):
                shutil.chown(path, "postgres", "postgres")
        how = ["--username=ada", f"--auth={'scram-sha-256' if password else 'trust'}", f"--pwfile={folder}/password"]
        command = [*who, str(programs / "initdb"), f"--pgdata={folder}/data", "--no-sync", "--encoding=UTF8", *how]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        options = [f"--unix_socket_directories={folder}", "--fsync=off", f"--port={port}"]
        options.append("--listen_addresses=" + ("127.0.0.1" if tls else ""))
        if tls:
            options += ["--ssl=on", f"--ssl_cert_file={folder}/tls.pem", f"--ssl_key_file={folder}/tls.pem"]
        with start([*who, str(programs / "postgres"), "-D", f"{folder}/data", *options], cwd=folder) as running:
            running.wait_for("ready to accept connections", stream="err")
            yield folder / f".s.PGSQL.{port}"


@contextlib.contextmanager
def mosquitto(folder: Path) -> Iterator[Path]:
    """An MQTT server that wants `ada` with the password `lovelace`; gives the path of its Unix socket."""
    path, passwords, settings = folder / "mqtt.sock", folder / "passwords", folder / "mosquitto.conf"
    subprocess.run(
        [program("mosquitto_passwd"), "-b", "-c", str(passwords), "ada", "lovelace"], check=True, capture_output=True
    )
    lines = [f"listener 0 {path}", "allow_anonymous false", f"password_file {passwords}"]
    settings.write_text("\n".join([*lines, *(["user root"] if os.geteuid() == 0 else [])]) + "\n")
    with start([program("mosquitto"), "-c", str(settings)]) as running:
        running.wait_for("mosquitto version .* running", stream="err")
        yield path


@contextlib.contextmanager
def dnsmasq(*records: str) -> Iterator[int]:
    """A DNS server, over UDP and TCP, that knows these records, as its options name them; gives its port."""
    port = free_port()
    alone = ["--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--listen-address=127.0.0.1"]
    user = ["--user=root"] if os.geteuid() == 0 else []
    with start(
        [program("dnsmasq"), *alone, *user, "--bind-interfaces", f"--port={port}", *(f"--{each}" for each in records)]
    ) as running:
        assert port_of(running, "tcp") == port_of(running, "udp") == port
        yield port


NGINX = """
daemon off; user {user}; worker_processes 1; pid {folder}/pid; error_log stderr;
events {{}}
http {{
    log_format bytes '$remote_port $status $request_length $bytes_sent';
    access_log {folder}/access bytes;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    client_max_body_size 0; sendfile on;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/www;
        location /put/ {{ dav_methods PUT; }}
        location /zip/ {{ gzip on; gzip_types *; gzip_min_length 0; }}
        location /list/ {{ autoindex on; }}
    }}
}}
"""


class Nginx(NamedTuple):
    """An nginx that runs: it serves what is in `www`, takes what is put into /put/, packs /zip/, and lists /list/."""

    port: int
    folder: Path

    @property
    def www(self) -> Path:
        return self.folder / "www"

    @property
    def connections(self) -> list[list[tuple[int, int, int]]]:
        """Status, bytes received and bytes sent of every request, by connection."""
        found: dict[int, list[tuple[int, int, int]]] = {}
        for row in (self.folder / "access").read_text().splitlines():
            port, status, received, sent = map(int, row.split())
            found.setdefault(port, []).append((status, received, sent))
        return list(found.values())


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[Nginx]:
    """An HTTP server with a folder of its own, and one small page in it."""
    for name in ("put", "zip", "list"):
        (folder / "www" / name).mkdir(parents=True)
    (folder / "www" / "index.html").write_text("<p>Hello from nginx")
    port = free_port()
    (folder / "conf").write_text(NGINX.format(folder=folder, port=port, user=getpass.getuser()))
    with start([program("nginx"), "-p", str(folder), "-c", str(folder / "conf"), "-e", "stderr"]) as running:
        port_of(running)
        yield Nginx(port, folder)


@contextlib.contextmanager
def ngircd(folder: Path) -> Iterator[int]:
    """An ngIRCd called `hub`, which `root` runs by his name as the password; gives its port."""
    port = free_port()
    (folder / "ngircd.conf").write_text(f"""
[Global]
Name = oracle.test
Info = an oracle
Listen = 127.0.0.1
Ports = {port}
ServerUID = {os.geteuid()}
ServerGID = {os.getegid()}
[Limits]
MaxConnectionsIP = 0
MaxNickLength = 32
MaxPenaltyTime = 0
[Options]
DNS = no
Ident = no
PAM = no
[Operator]
Name = root
Password = root
""")
    with start([program("ngircd"), "--nodaemon", "--config", str(folder / "ngircd.conf")]) as running:
        running.wait_for("(?i)now listening")
        yield port
