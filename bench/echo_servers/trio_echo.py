"""The echo of trio. Prints its port."""

import functools

import trio


async def echo(stream: trio.SocketStream) -> None:
    async for data in stream:
        await stream.send_all(data)


async def main() -> None:
    async with trio.open_nursery() as nursery:
        serve = functools.partial(trio.serve_tcp, echo, 0, host="127.0.0.1", backlog=4096)
        (listener,) = await nursery.start(serve)
        print(listener.socket.getsockname()[1], flush=True)


trio.run(main)
