"""A member of a room, in Python: `python3 chat.py HOST PORT ROOM NICK`. What it does is in README.md."""

import contextlib
import json
import socket
import sys
import threading

host, port, room, nick = sys.argv[1:]
turn = threading.Lock()
said = kept = 0


def say(**command):
    with turn:
        hub.sendall(json.dumps(command).encode() + b"\n")


def speak():
    global said
    with contextlib.suppress(OSError):  # that the hub is lost is heard
        for said, text in enumerate(sys.stdin, 1):
            say(do="say", room=room, text=text.rstrip("\n"), label=str(said))
        hub.shutdown(socket.SHUT_WR)  # it tells what is still on its way, and then ends, too


try:
    hub = socket.create_connection((host, int(port)))
    say(do="hello", nick=nick, client="chat.py")
    say(do="join", room=room)
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    threading.Thread(target=speak, daemon=True).start()
    for line in hub.makefile(encoding="utf-8", newline="\n"):
        told = json.loads(line)
        if told["on"] == "message":
            print(told["number"], told["from"], json.dumps(told["text"], ensure_ascii=False), flush=True)
            kept += "label" in told  # it is ours, and kept
        elif told["on"] in ("error", "bye"):
            print(told["text"], file=sys.stderr)
        elif told["on"] == "ping":
            say(do="pong")
    sys.exit(kept != said)
except (OSError, ValueError) as lost:
    sys.exit(f"chat.py: {lost}")
