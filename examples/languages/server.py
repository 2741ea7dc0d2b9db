"""A server in Python: `python3 server.py PORT`. What the two sides say is in README.md."""

import socket
import sys
import threading


def answer(line: bytes) -> bytes:
    if 1 <= len(line) <= 9 and line.isdigit():
        return b"%d" % int(line) ** 2
    return b"%d %s" % (len(line), line)


def tell(text: bytes) -> None:
    sys.stdout.buffer.write(text + b"\n")
    sys.stdout.buffer.flush()


def talk(caller: socket.socket, port: int) -> None:
    """Serve one caller, on the socket that is for this caller alone."""

    def say(line: bytes) -> None:
        tell(b"%d > %s" % (port, line))
        caller.sendall(line + b"\n")

    count = 0
    with caller, caller.makefile("rb") as lines:
        for line in lines:
            line = line.removesuffix(b"\n")
            tell(b"%d < %s" % (port, line))
            say(answer(line))
            count += 1
        say(b"%d lines, goodbye" % count)


with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128) as listener:
    tell(b"%d" % listener.getsockname()[1])
    while True:
        caller, (_, port) = listener.accept()
        threading.Thread(target=talk, args=(caller, port)).start()
