"""A client in PHP, of what it has built in (for TLS that is its openssl extension)."""

from __future__ import annotations

from collections.abc import Iterator

from tincans.export.programs.literals import PHP
from tincans.export.programs.talk import SILENCE_SECONDS, End, Hear, Say, Secure, Talk

_TALK = f"""
stream_set_timeout($server, {SILENCE_SECONDS});

function say(string $data): void
{{
    global $server;
    while ($data !== '') {{
        $sent = fwrite($server, $data) or fail('the server does not listen any more');
        $data = substr($data, $sent);
    }}
}}

function fail(string $why): void
{{
    fwrite(STDERR, "$why\\n");
    exit(1);
}}

/** Prints what the server says: so many bytes, or until it is silent or has ended. */
function hear(int $count): void
{{
    global $server;
    while ($count > 0) {{
        $data = fread($server, 65536);
        if ($data === '' || $data === false) {{
            return;
        }}
        echo $data;
        $count -= strlen($data);
    }}
}}
"""

_SECURE = """
/** From here on TLS, with a server whose certificate is for this name. */
function secure(string $name): void
{
    global $server;
    stream_context_set_option($server, 'ssl', 'peer_name', $name);
    stream_set_blocking($server, true);
    stream_socket_enable_crypto($server, true, STREAM_CRYPTO_METHOD_TLS_CLIENT)
        or fail('there is no TLS, or its certificate is not trusted');
}
"""


def source(talk: Talk) -> Iterator[str]:
    """The lines of the program."""
    yield "<?php"
    yield from (f"// {remark}" for remark in talk.remarks)
    yield ""
    yield f'$server = stream_socket_client({_url(talk)}, $code, $why) or fail("nobody answers: $why");'
    yield from _TALK[1:-1].split("\n")
    yield from _SECURE[:-1].split("\n") if talk.has_tls else []
    yield ""
    for step in talk.steps:
        match step:
            case Say(data=data):
                yield from _said(list(PHP.rows(data)))
            case Hear(size=size):
                yield f"hear({size});"
            case Secure(name=name):
                yield f"secure({PHP.text(name.encode())});"
            case End():
                yield "// We have said all; the server may have more to say."
                yield "stream_socket_shutdown($server, STREAM_SHUT_WR);"
    yield "hear(PHP_INT_MAX);"
    yield "fclose($server);"


def _url(talk: Talk) -> str:
    place = talk.place
    if place.scheme == "unix":
        path = place.path.encode("utf-8", "surrogateescape")
        return PHP.text(b"unix://" + (b"\0" + path[1:] if path.startswith(b"@") else path))
    host = f"[{place.host}]" if ":" in place.host else place.host
    return PHP.text(f"tcp://{host}:{place.port}".encode())


def _said(rows: list[str]) -> Iterator[str]:
    if len(rows) == 1:
        yield f"say({rows[0]});"
        return
    yield "say("
    yield from (f"    {row}{' .' if place < len(rows) else ''}" for place, row in enumerate(rows, 1))
    yield ");"
