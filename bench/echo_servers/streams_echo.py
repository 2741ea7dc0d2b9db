"""The echo of asyncio's streams: `streams_echo.py uvloop|asyncio`. Prints its port."""

import asyncio
import sys

import uvloop


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def main() -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


uvloop.run(main()) if sys.argv[1] == "uvloop" else asyncio.run(main())
