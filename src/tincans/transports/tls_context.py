"""What the options of an address mean to TLS: `ssl.SSLContext`s, made once and kept.

Reading the machine's certificates costs some ten milliseconds, so a context is kept for as long as the options are the
same and the files that they name have not changed; a renewed certificate is taken up by the next dial or listen.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
from functools import lru_cache
from typing import NamedTuple

from tincans.address import Address
from tincans.errors import AddressError, reason_of
from tincans.folders import authority_folder

_log = logging.getLogger("tincans.tls")

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class NamedSocket(ssl.SSLSocket):
    """Remembers the name that a caller asked for (SNI); the ssl module tells it once and keeps it nowhere."""

    asked = ""


class NamedObject(ssl.SSLObject):
    """The same for TLS over a channel."""

    asked = ""


def _asked(tls: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
    if isinstance(tls, NamedSocket | NamedObject):
        tls.asked = name or ""


def server_name(address: Address) -> str:
    """The name to ask for and to verify: the option `sni`, the host, or `localhost` where a place has none."""
    host = address.host if address.host != "*" else ""
    return (address.option("sni") or host or "localhost").partition("%")[0].rstrip(".")


class _Unusable(Exception):
    """A file is not what an option needs."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"the file {path!r} cannot be used: {reason}")


class _Choice(NamedTuple):
    """All of an address that its context depends on; `stamps` are when its files were last written."""

    minimum: str
    alpn: str
    cert: str
    key: str
    ca: str
    verify: bool
    stamps: tuple[int, ...]


def client_context(address: Address) -> ssl.SSLContext:
    """For the one who calls. `AddressError` names the file that cannot be used."""
    own = _own_authority() if not address.option("ca") else ""
    try:
        return _client_context(_choice(address, address.option("ca"), also=own), own)
    except _Unusable as error:
        raise AddressError(str(address), str(error)) from error


def server_context(address: Address) -> ssl.SSLContext:
    """For the one who is called; without `cert`, a certificate of the user's own authority. `AddressError` as above."""
    if not address.option("cert"):
        leaf = _kept_leaf(address)
        address = address._replace(options=(*address.options, ("cert", leaf[0]), ("key", leaf[1])))
    try:
        return _server_context(_choice(address, address.option("client-ca")))
    except _Unusable as error:
        raise AddressError(str(address), str(error)) from error


def _choice(address: Address, ca: str, *, also: str = "") -> _Choice:
    cert, key = address.option("cert"), address.option("key")
    if key and not cert:
        raise AddressError(str(address), "the option 'key' is given without 'cert'")
    stamps = tuple(_stamp(path) for path in (cert, key, ca, also) if path)
    verify = address.flag("verify", default=True)
    return _Choice(address.option("min", "1.2"), address.option("alpn"), cert, key or cert, ca, verify, stamps)


def _stamp(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError as error:
        raise _Unusable(path, reason_of(error)) from error


@lru_cache(maxsize=64)
def _client_context(choice: _Choice, own: str) -> ssl.SSLContext:
    context = bare_context(server_side=False)
    context.check_hostname = choice.verify
    context.verify_mode = ssl.CERT_REQUIRED if choice.verify else ssl.CERT_NONE
    if choice.ca:
        _trust(context, choice.ca)
    elif choice.verify:
        context.load_default_certs()
        if own:
            _trust(context, own)
    return _finish(context, choice)


@lru_cache(maxsize=64)
def _server_context(choice: _Choice) -> ssl.SSLContext:
    context = bare_context(server_side=True)
    context.sni_callback = _asked
    context.num_tickets = 1  # each is a record of its own; who resumes gets the next one
    if choice.ca:
        context.verify_mode = ssl.CERT_REQUIRED
        _trust(context, choice.ca)
    return _finish(context, choice)


def bare_context(*, server_side: bool) -> ssl.SSLContext:
    """What both ends of every TLS channel have in common, and nothing else: its owner says whom it trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class, context.sslobject_class = NamedSocket, NamedObject
    # Renegotiation makes a read wait for a write, and nobody needs it: TLS 1.3 has none (RFC 8446 §1.2).
    context.options |= ssl.OP_NO_RENEGOTIATION
    # Python hides an end without close_notify by default; we want to know of it.
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    return context


def _finish(context: ssl.SSLContext, choice: _Choice) -> ssl.SSLContext:
    """What both ends have in common of what an address says."""
    context.minimum_version = _VERSIONS[choice.minimum]
    if choice.alpn:
        context.set_alpn_protocols(choice.alpn.split(","))
    if choice.cert:
        _show(context, choice)
    return context


def _trust(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        raise _Unusable(path, "there is no certificate in it") from error


def _show(context: ssl.SSLContext, choice: _Choice) -> None:
    try:
        context.load_cert_chain(choice.cert, choice.key, password=_no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            reason = f"the certificate in {choice.cert!r} belongs to another key"
        else:
            reason = f"there is no certificate in {choice.cert!r}, or no key"
        raise _Unusable(choice.key, reason) from error
    except ValueError as error:
        raise _Unusable(choice.key, "it is locked with a password") from error
    except OSError as error:
        raise _Unusable(choice.key, reason_of(error)) from error


def _no_password() -> str:
    """OpenSSL would ask the terminal, in the middle of everything."""
    raise ValueError


# ── the user's own authority ──────────────────────────────────────────────────────────────────────────────


def _own_authority() -> str:
    """The user's own authority, if there is one: what `tincans listen tls://…` shows, `tincans connect` trusts."""
    path = authority_folder() / "ca.pem"
    return str(path) if path.exists() else ""


def _kept_leaf(address: Address) -> tuple[str, str]:
    from tincans.certificates import kept_leaf  # cryptography costs 80 ms: paid only by who needs it

    leaf = kept_leaf(_leaf_names(address))
    _log.info("%s has no cert option: it shows a certificate signed by %s", address, leaf.ca_path)
    return str(leaf.cert_path), str(leaf.key_path)


def _leaf_names(address: Address) -> list[str]:
    """This machine by every name that a caller may use for it."""
    names = {*_LOOPBACK, server_name(address)}
    if address.host == "*":
        names.add(socket.gethostname().lower())
    return sorted(names)
