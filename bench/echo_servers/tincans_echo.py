"""The echo of a tincans channel: `tincans_echo.py uvloop|asyncio`. Prints its port."""

import asyncio
import sys

import uvloop

import tincans
from tincans.errors import EndOfStream


async def echo(channel: tincans.Channel) -> None:
    try:
        while True:
            await channel.send(await channel.receive())
    except EndOfStream:
        return


async def main() -> None:
    server = await tincans.serve("tcp://127.0.0.1:0", echo)
    print(server.address.port, flush=True)
    await server.wait_closed()


uvloop.run(main()) if sys.argv[1] == "uvloop" else asyncio.run(main())
