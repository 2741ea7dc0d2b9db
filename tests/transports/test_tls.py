"""TLS handshakes that work, and the sentences of those that do not; with ourselves and with OpenSSL's programs."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme

from running import PATIENCE, port_of, program, start
from tincans import transports
from tincans.address import Address
from tincans.certificates import Authority, Leaf, make_leaf
from tincans.channel import Buffered, Channel
from tincans.errors import CertificateNotTrusted, ChannelBroken, ChannelError, HandshakeFailed
from tincans.tasks import spawn
from wrapping import Pair, in_memory, over_tcp, wrapped

Below = Callable[[], Awaitable[Pair]]

BELOW = pytest.mark.parametrize("below", [in_memory, over_tcp])


def server(leaf: Leaf, **options: str) -> Address:
    return address("tls://localhost:1", cert=str(leaf.cert_path), key=str(leaf.key_path), **options)


def address(place: str, **options: str) -> Address:
    query = "&".join(f"{name.replace('_', '-')}={value}" for name, value in options.items())
    return Address.parse(f"{place}?{query}" if query else place)


async def why_not(below: Below, client: Address, called: Address) -> tuple[BaseException, BaseException | None]:
    """Why a handshake failed: as the client says it, and as the server does."""
    one, two = await below()
    results = await asyncio.gather(
        transports.greet(one, transports.client_wraps(client)),
        transports.greet(two, transports.server_wraps(called)),
        return_exceptions=True,
    )
    for result in results:
        if isinstance(result, Channel):
            result.abort()
    assert isinstance(results[0], BaseException)
    return results[0], results[1] if isinstance(results[1], BaseException) else None


# ── whom to trust ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]"])
@BELOW
async def test_names_and_addresses_are_verified(below: Below, name: str, leaf: Leaf) -> None:
    client = address(f"tls://{name}:1", ca=str(leaf.ca_path))
    here, there = await wrapped(below, client, server(leaf))
    async with here, there:
        assert here.facts["tls.peer"] == "CN=localhost"
        assert here.facts["tls.peer.names"] == "localhost 127.0.0.1 ::1"
        assert here.facts.get("tls.sni") == there.facts.get("tls.sni") == ("localhost" if name == "localhost" else None)


@pytest.mark.parametrize("host", ["example.org", "127.0.0.2", "[::2]"])
@BELOW
async def test_a_certificate_for_another_name(below: Below, host: str, leaf: Leaf) -> None:
    ours, theirs = await why_not(below, address(f"tls://{host}:1", ca=str(leaf.ca_path)), server(leaf))
    assert isinstance(ours, CertificateNotTrusted)
    name = host.strip("[]")
    assert str(ours) == (
        f"cannot connect to tls://{host}:1: its certificate is not trusted: it is not for the name {name!r}"
    )
    assert isinstance(theirs, HandshakeFailed)
    assert "the other side does not accept this end's certificate" in str(theirs)


async def test_the_name_to_verify_may_be_another_than_the_host(authority: Authority, tmp_path: Path) -> None:
    leaf = make_leaf(["example.org"], tmp_path, authority=authority)
    client = address("tls://127.0.0.1:1", ca=str(leaf.ca_path), sni="example.org")
    here, there = await wrapped(over_tcp, client, server(leaf))
    async with here, there:
        assert there.facts["tls.sni"] == "example.org"


@BELOW
async def test_an_expired_certificate(below: Below, authority: Authority, tmp_path: Path) -> None:
    leaf = make_leaf(["localhost"], tmp_path, authority=authority, days=0)
    ours, theirs = await why_not(below, address("tls://localhost:1", ca=str(leaf.ca_path)), server(leaf))
    assert isinstance(ours, CertificateNotTrusted)
    assert str(ours).endswith("its certificate is not trusted: it has expired")
    assert str(theirs).endswith("the other side does not accept this end's certificate: it has expired")


async def test_an_authority_that_nobody_knows(leaf: Leaf) -> None:
    ours, theirs = await why_not(over_tcp, address("tls://localhost:1"), server(leaf))
    assert isinstance(ours, CertificateNotTrusted)
    assert str(ours).endswith("its authority is not known here")
    assert "?ca=FILE" in ours.advice
    assert str(theirs).startswith("cannot serve tcp://127.0.0.1:")
    assert str(theirs).endswith("does not accept this end's certificate: it does not know its authority")


async def test_a_certificate_that_signed_itself(tmp_path: Path) -> None:
    pem = tmp_path / "self.pem"
    subprocess.run(
        [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
         "/CN=localhost", "-out", pem, "-keyout", tmp_path / "key"], check=True, capture_output=True,
    )  # fmt: skip
    called = address("tls://localhost:1", cert=str(pem), key=str(tmp_path / "key"))
    ours, _ = await why_not(over_tcp, address("tls://localhost:1"), called)
    assert isinstance(ours, CertificateNotTrusted)
    assert str(ours).endswith("it is self-signed")


async def test_verify_off_trusts_anyone_and_still_says_whom(leaf: Leaf) -> None:
    here, there = await wrapped(over_tcp, address("tls://example.org:1", verify="off"), server(leaf))
    async with here, there:
        assert here.facts["tls.peer"] == "CN=localhost"
        assert here.facts["tls.peer.names"] == "localhost 127.0.0.1 ::1"


async def test_another_maker_of_certificates(tmp_path: Path) -> None:
    ca = trustme.CA(organization_name="somebody else")
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    ca.issue_cert("localhost", key_type=trustme.KeyType.RSA).private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "leaf.pem"
    )
    client = address("tls://localhost:1", ca=str(tmp_path / "ca.pem"))
    here, there = await wrapped(in_memory, client, address("tls://localhost:1", cert=str(tmp_path / "leaf.pem")))
    async with here, there:
        assert "somebody else" not in here.facts["tls.peer"]
        assert here.facts["tls.peer.names"] == "localhost"


async def test_who_listens_without_a_certificate_shows_one_that_our_clients_trust(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("INFO", "tincans.tls"):
        listener = await transports.listen(Address.parse("tls://127.0.0.1:0"))
    assert "has no cert option: it shows a certificate signed by" in caplog.text
    async with listener:
        dialing = spawn(transports.dial(listener.address))
        async with await listener.greet(await listener.accept()), await dialing as here:
            assert here.facts["tls.peer.names"] == "127.0.0.1 ::1 localhost"


# ── client certificates, ALPN, versions, tickets ──────────────────────────────────────────────────────────


@BELOW
async def test_a_client_certificate(below: Below, tls: Address, leaf: Leaf) -> None:
    here, there = await wrapped(below, tls, server(leaf, client_ca=str(leaf.ca_path)))
    async with here, there:
        assert there.facts["tls.peer"] == "CN=localhost"


@BELOW
async def test_a_missing_client_certificate(below: Below, leaf: Leaf) -> None:
    """In TLS 1.3 the client's handshake is over before the server says so: then the first receive tells."""
    one, two = await below()
    called = server(leaf, client_ca=str(leaf.ca_path))
    client = address("tls://localhost:1", ca=str(leaf.ca_path))
    serving = spawn(transports.greet(two, transports.server_wraps(called)))
    async with await transports.greet(one, transports.client_wraps(client)) as here:
        with pytest.raises(ChannelBroken, match="asks for a client certificate: add cert=FILE&key=FILE"):
            await here.receive()
    with pytest.raises(HandshakeFailed, match=r"cannot serve .*: it showed no certificate, and client-ca asks for one"):
        await serving


async def test_a_client_certificate_of_another_authority(tls: Address, leaf: Leaf, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    one, two = await over_tcp()
    serving = spawn(transports.greet(two, transports.server_wraps(server(leaf, client_ca=str(tmp_path / "other.pem")))))
    async with await transports.greet(one, transports.client_wraps(tls)) as here:
        with pytest.raises(ChannelBroken, match="does not accept this end's certificate: it does not know"):
            await here.receive()
    with pytest.raises(CertificateNotTrusted, match=r"cannot serve .*: its authority is not known here"):
        await serving


async def test_alpn(leaf: Leaf) -> None:
    client = address("tls://localhost:1", ca=str(leaf.ca_path), alpn="h2,http/1.1")
    here, there = await wrapped(over_tcp, client, server(leaf, alpn="http/1.1"))
    async with here, there:
        assert here.facts["tls.alpn"] == there.facts["tls.alpn"] == "http/1.1"


@pytest.mark.foreign
async def test_a_server_that_is_too_old(leaf: Leaf) -> None:
    async with s_server(leaf, "-tls1_2") as port:
        with pytest.raises(HandshakeFailed, match="no version of TLS in common"):
            await transports.dial(address(f"tls://localhost:{port}", ca=str(leaf.ca_path), min="1.3"))


@pytest.mark.foreign
async def test_a_client_resumes_its_session(leaf: Leaf, tmp_path: Path) -> None:
    session = str(tmp_path / "session")
    async with echoing(server(leaf)._replace(port=0)) as (listener, facts):
        for option in ("-sess_out", "-sess_in"):
            await s_client(listener, leaf, option, session)
        assert [fact["tls.resumed"] for fact in facts] == ["no", "yes"]


# ── other programs ────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def s_server(leaf: Leaf, *options: str) -> AsyncIterator[int]:
    """OpenSSL's server, which answers every line reversed."""
    files = ["-cert", str(leaf.cert_path), "-key", str(leaf.key_path)]
    with start(
        [program("openssl"), "s_server", "-accept", "127.0.0.1:0", "-rev", "-quiet", *files, *options]
    ) as running:
        yield port_of(running)


@asynccontextmanager
async def echoing(where: Address) -> AsyncIterator[tuple[Address, list[dict[str, str]]]]:
    """A listener that says back what it hears, and remembers each caller's facts."""
    facts: list[dict[str, str]] = []

    async def serve() -> None:
        async for channel in listener:
            facts.append(dict(channel.facts))
            async with channel:
                with suppress(ChannelBroken):  # a client that is ended in mid-sentence
                    async for piece in channel:
                        await channel.send(piece)

    async with await transports.listen(where) as listener:
        serving = spawn(serve())
        yield listener.address, facts
    await serving


async def s_client(to: Address, leaf: Leaf, *options: str, said: bytes = b"hello\n") -> bytes:
    """What OpenSSL's client hears when it says a line, closes its side, and waits for ours."""
    client = await asyncio.create_subprocess_exec(
        program("openssl"), "s_client", "-connect", f"127.0.0.1:{to.port}", "-CAfile", str(leaf.ca_path), "-quiet",
        "-verify_return_error", "-verify_hostname", "localhost", *options,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(said)
    async with asyncio.timeout(PATIENCE):
        heard = await client.stdout.readexactly(len(said))
    client.stdin.close()
    client.terminate()
    await client.wait()
    return heard


@pytest.mark.foreign
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_openssl_calls(version: str, leaf: Leaf) -> None:
    async with echoing(server(leaf)._replace(port=0)) as (listener, facts):
        assert await s_client(listener, leaf, version) == b"hello\n"
        assert facts[0]["tls.version"] == "TLSv1." + version[-1]


@pytest.mark.foreign
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_openssl_is_called(version: str, leaf: Leaf) -> None:
    async with s_server(leaf, version) as port:
        async with await transports.dial(address(f"tls://localhost:{port}", ca=str(leaf.ca_path))) as channel:
            await channel.send(b"hello\n")
            assert await Buffered(channel).receive_until(b"\n") == b"olleh"
            assert channel.facts["tls.version"] == "TLSv1." + version[-1]


# ── what is not TLS ───────────────────────────────────────────────────────────────────────────────────────


async def against(below: Below, said: bytes, wrap: transports.Wrap) -> Exception:
    """Why a handshake with somebody who says just that fails."""
    one, two = await below()
    shaking = spawn(perform(wrap, one))
    await two.send(said)
    if not said:
        await two.aclose()
    hearing = spawn(to_the_end(two))
    with pytest.raises(HandshakeFailed) as caught:
        await shaking
    await hearing
    return caught.value


async def to_the_end(channel: Channel) -> None:
    """Receive until there is no more, however it ends, and close."""
    try:
        while True:
            await channel.receive()
    except ChannelError:
        channel.abort()


async def perform(wrap: transports.Wrap, channel: Channel) -> Channel:
    return await wrap(channel)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", "it said 'HTTP/1.1 400 Bad Request'"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "it said 'SSH-2.0-OpenSSH_9.2'"),
        (b"\x1b[2Jx\n", r"it said '\\x1b\[2Jx'"),
        (b"\x16\x03\x01\xff\xff" + b"x" * 100, "does not speak TLS"),
        (b"", "the other side hung up|does not read any more"),
    ],
)
@BELOW
async def test_a_server_that_does_not_speak_tls(below: Below, said: bytes, reason: str, tls: Address) -> None:
    error = await against(below, said, transports.client_wraps(tls)[0])
    assert str(error).startswith("cannot connect to tls://localhost:1: ")
    assert re.search(reason, str(error))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "does not speak TLS: it said 'GET / HTTP/1.1'"),
        (b"\x16\x03\x01\x00\x05hello", "TLS says|does not speak TLS"),
        (b"", "the other side hung up"),
    ],
)
@BELOW
async def test_a_caller_who_does_not_speak_tls(below: Below, said: bytes, reason: str, tls: Address) -> None:
    error = await against(below, said, transports.server_wraps(tls)[0])
    assert str(error).startswith("cannot serve ")
    assert re.search(reason, str(error))


@BELOW
async def test_a_peer_that_is_lost_in_the_handshake(below: Below, tls: Address) -> None:
    one, two = await below()
    shaking = spawn(perform(transports.client_wraps(tls)[0], one))
    await two.receive()
    two.abort()
    with pytest.raises(HandshakeFailed, match="during the handshake"):
        await shaking


@BELOW
async def test_a_handshake_that_is_cancelled_leaves_nothing_open(below: Below, tls: Address) -> None:
    for wrap in (transports.client_wraps(tls)[0], transports.server_wraps(tls)[0]):
        one, two = await below()
        shaking = spawn(perform(wrap, one))
        await asyncio.sleep(0)
        shaking.cancel()
        await asyncio.gather(shaking, return_exceptions=True)
        await to_the_end(two)


async def test_what_is_known_of_the_place_below_is_told_too(tls: Address, tmp_path: Path) -> None:
    place = tls._replace(scheme="unix", host="", port=0, path=str(tmp_path / "x.sock"))
    async with await transports.listen(place) as listener:
        dialing = spawn(transports.dial(place))
        async with await listener.greet(await listener.accept()) as there, await dialing as here:
            assert here.facts["process.id"] == there.facts["process.id"] == str(os.getpid())
            assert here.facts["tls.sni"] == "localhost"


async def test_words_from_before_the_handshake_are_refused(tls: Address) -> None:
    """As in CVE-2011-0411: what an attacker put behind STARTTLS must not be taken for the client's."""
    for wrap in (transports.server_wraps(tls)[0], transports.client_wraps(tls)[0]):
        one, two = await over_tcp()
        async with two:
            with pytest.raises(HandshakeFailed, match="11 bytes that TLS does not protect came before the handshake"):
                await wrap(Buffered(one, b"RCPT TO:<x>"))


async def test_after_starttls_the_socket_is_used_without_copies(tls: Address) -> None:
    one, two = await over_tcp()
    here, there = await wrapped(lambda: _these(Buffered(one), Buffered(two)), tls, tls)
    async with here, there:
        assert type(here).__name__ == "OverSocket"
        await here.send(b"hello")
        assert await there.receive() == b"hello"


async def _these(one: Channel, other: Channel) -> Pair:
    return one, other
