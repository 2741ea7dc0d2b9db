"""The echo of anyio, on its default backend, asyncio. Prints its port."""

import anyio
from anyio.abc import SocketAttribute, SocketStream


async def echo(stream: SocketStream) -> None:
    async with stream:
        async for data in stream:
            await stream.send(data)


async def main() -> None:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0, backlog=4096)
    print(listener.extra(SocketAttribute.local_port), flush=True)
    await listener.serve(echo)


anyio.run(main)
