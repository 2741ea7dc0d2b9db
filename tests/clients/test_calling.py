"""A URL is called over any transport and proxy, inside TLS for the host that it names, and recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from hearing import Hearing
from running import Certificates, port_of, program, start
from tincans.address import Address
from tincans.apps.echo import echo
from tincans.channel import Channel
from tincans.clients.calling import Calling, call, tls_wrap
from tincans.clients.url import Url
from tincans.errors import CertificateNotTrusted, ConnectError
from tincans.recording import secure
from tincans.server import serve

ANY = "tcp://127.0.0.1:0"


def url_of(address: Address, scheme: str = "http", host: str = "127.0.0.1") -> Url:
    return Url.parse(f"{scheme}://{host}:{address.port or 80}/")


async def echoes(channel: Channel) -> bool:
    async with channel:
        await channel.send(b"hello")
        return await channel.receive() == b"hello"


async def test_its_host_and_port_are_called() -> None:
    async with await serve(ANY, echo) as server:
        assert await echoes(await call(url_of(server.address), Calling()))


async def test_another_address_may_be_called_for_it(tmp_path: Path) -> None:
    async with await serve(f"unix:{tmp_path}/s", echo) as server:
        channel = await call(Url.parse("http://nowhere.invalid/"), Calling(via=server.address))
        assert channel.remote == server.address
        assert await echoes(channel)


async def test_tls_is_for_the_host_of_the_url(tmp_path: Path, certificates: Certificates) -> None:
    async with await serve(f"tls+unix:{tmp_path}/s{certificates.served}", echo) as server:
        for via in (f"unix:{tmp_path}/s", f"tls+unix:{tmp_path}/s"):
            how = Calling(via=Address.parse(via), ca=str(certificates.ca))
            assert await echoes(await call(url_of(server.address, "https", "localhost"), how))
            with pytest.raises(CertificateNotTrusted):
                await call(url_of(server.address, "https", "example.org"), how)
            trusting = how._replace(verify=False)
            assert await echoes(await call(url_of(server.address, "https", "example.org"), trusting))


async def test_the_authority_of_the_machine_is_not_ours(certificates: Certificates) -> None:
    async with await serve(f"tls://127.0.0.1:0{certificates.served}", echo) as server:
        with pytest.raises(CertificateNotTrusted):
            await call(url_of(server.address, "https"), Calling())
        how = Calling(ca=str(certificates.ca))
        assert await echoes(await call(url_of(server.address, "https"), how))
        assert await echoes(await call(url_of(server.address), how, tls=True))
        channel = await call(url_of(server.address, "https"), how, tls=False)
        assert await echoes(await secure(channel, tls_wrap(url_of(server.address), how)))


async def test_what_is_said_is_recorded_under_a_name() -> None:
    hearing = Hearing()
    async with await serve(ANY, echo) as server:
        assert await echoes(await call(url_of(server.address), Calling(recorders=[hearing], name="mine")))
    assert hearing.all[0].opening.name == "mine"
    assert all(bytes(words) == b"hello" for words in hearing.all[0].words.values())


@pytest.mark.foreign
async def test_through_a_proxy() -> None:
    with start([program("microsocks"), "-i", "127.0.0.1", "-p", "0"]) as proxy:
        how = Calling(proxy=f"socks5://127.0.0.1:{port_of(proxy)}")
        async with await serve(ANY, echo) as server:
            assert await echoes(await call(url_of(server.address), how))
            address = server.address
        with pytest.raises(ConnectError, match="the proxy"):
            await call(url_of(address), how)
