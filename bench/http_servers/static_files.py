"""Starlette's StaticFiles on uvicorn, with the quickest of its parts: `static_files.py FOLDER`. Prints its port."""

import socket
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
print(listening.getsockname()[1], flush=True)
app = Starlette(routes=[Mount("/", StaticFiles(directory=sys.argv[1]))])
config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="warning", lifespan="off")
uvicorn.Server(config).run([listening])
