"""The echo of gevent. Prints its port."""

import socket

from gevent.server import StreamServer


def echo(connection: socket.socket, _: object) -> None:
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)


server = StreamServer(("127.0.0.1", 0), echo, backlog=4096)
server.start()
print(server.server_port, flush=True)
server.serve_forever()
