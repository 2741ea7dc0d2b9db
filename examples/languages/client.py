"""A client in Python: `python3 client.py HOST PORT`. What the two sides say is in README.md."""

import socket
import sys

REQUESTS = ["Hello from Python", "Grüße, 世界 🥫", "", "12345", "999999999", "tin can " * 12_500, "Still there?"]


def tell(mark: bytes, line: bytes) -> None:
    sys.stdout.buffer.write(mark + b" " + line + b"\n")


with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as server, server.makefile("rb") as answers:
    for request in REQUESTS:
        line = request.encode()
        tell(b">", line)
        server.sendall(line + b"\n")
        tell(b"<", answers.readline().removesuffix(b"\n"))
    server.shutdown(socket.SHUT_WR)  # we are done; the server has one more thing to say
    for line in answers:
        tell(b"<", line.removesuffix(b"\n"))
