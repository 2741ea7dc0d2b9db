"""Exported programs for the tests: the server that they talk with, and how each language's is run."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from running import PATIENCE, Certificates, program, run
from tincans.export.programs import LANGUAGES


class Server:
    """Answers each line by its number, keeps what it heard, and hangs up at the other's end or after `bye`."""

    def __init__(self, at: str | None = None, tls: ssl.SSLContext | None = None, *, starttls: bool = False) -> None:
        """`at` is a Unix socket's path, else it is a port; `tls` from the beginning, or with `starttls` when asked."""
        self.heard: list[bytes] = []
        self._tls, self._starttls = tls, starttls
        self._listener = socket.socket(socket.AF_INET if at is None else socket.AF_UNIX)
        self._listener.bind(("127.0.0.1", 0) if at is None else at)
        self._listener.listen()
        self.port = self._listener.getsockname()[1] if at is None else 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            caller, _ = self._listener.accept()
            with caller:
                caller.settimeout(PATIENCE)
                if caller.recv(1, socket.MSG_PEEK) == b"\0":
                    return  # the test is over
                talker = self._tls.wrap_socket(caller, server_side=True) if self._tls and not self._starttls else caller
                self.heard.append(self._talk(talker))

    def _talk(self, caller: socket.socket) -> bytes:
        heard, lines = b"", 0
        while data := caller.recv(65536):
            heard += data
            if self._starttls and heard == b"STARTTLS\n":
                assert self._tls is not None
                caller.sendall(b"go\n")
                caller = self._tls.wrap_socket(caller, server_side=True)
                continue
            for _ in range(data.count(b"\n")):
                lines += 1
                caller.sendall(b"line %d\n" % lines)
            if heard.endswith(b"bye\n"):
                break
        caller.sendall(b"that was all\n")
        caller.close()
        return heard

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with socket.socket(self._listener.family) as caller:
            caller.connect(self._listener.getsockname())
            caller.sendall(b"\0")
        self._thread.join()
        self._listener.close()


def showing(certificates: Certificates) -> ssl.SSLContext:
    """What a server of TLS shows that certificate with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.leaf)
    return context


def said_by(language: str, source: bytes, folder: Path, trusted: Path | None = None) -> bytes:
    """Run a program, and give what it printed."""
    file = folder / f"talk.{LANGUAGES[language]}"
    file.write_bytes(source)
    return RUN[language](file, trusted)


def _python(file: Path, trusted: Path | None) -> bytes:
    return run([program("python3"), "-W", "error", str(file)], env=_trusting(trusted))


def _php(file: Path, trusted: Path | None) -> bytes:
    return run([program("php"), *(["-d", f"openssl.cafile={trusted}"] if trusted else []), str(file)])


def _java(file: Path, trusted: Path | None) -> bytes:
    options = ["-XX:TieredStopAtLevel=1"]
    if trusted:
        store = file.with_name("trusted.p12")
        common = ["-keystore", str(store), "-storepass", "tincans", "-noprompt"]
        run([program("keytool"), "-importcert", "-file", str(trusted), *common])
        options += [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=tincans"]
    return run([program("java"), *options, str(file)])


def _c(file: Path, trusted: Path | None) -> bytes:
    built = str(file.with_suffix(""))
    libraries = ["-lssl", "-lcrypto"] if trusted else []
    run([program("cc"), "-Wall", "-Wextra", "-Werror", "-o", built, str(file), *libraries])
    return run([built], env=_trusting(trusted))


def _trusting(trusted: Path | None) -> dict[str, str]:
    return {"SSL_CERT_FILE": str(trusted)} if trusted else {}


RUN: dict[str, Callable[[Path, Path | None], bytes]] = {"python": _python, "php": _php, "java": _java, "c": _c}
