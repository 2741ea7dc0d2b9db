"""A member of a room, in Python: `python3 chat.py HOST PORT ROOM NICK`. What it does is in README.md."""

import json
import socket
import sys
import threading

host, port, room, nick = sys.argv[1:]
hub = socket.create_connection((host, int(port)))
said = kept = 0


def say(**command):
    hub.sendall(json.dumps(command).encode() + b"\n")


def speak():
    global said
    say(do="hello", nick=nick, client="chat.py")
    say(do="join", room=room)
    for line in sys.stdin:
        said += 1
        say(do="say", room=room, text=line.rstrip("\n"), label=str(said))
    hub.shutdown(socket.SHUT_WR)  # the hub tells what is still on its way, and then ends, too


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
