"""How many HTTP messages mitmproxy reads a second: run by its own Python, with one side's bytes as a file.

    python mitmproxy_http.py REQUESTS RESPONSES

Its proxy reads a message so: lines out of h11's receive buffer, `http1.read_request_head` or `read_response_head`, then
a body reader of the size that the head says. Everything else of the proxy is left out. Prints messages and seconds as
JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from h11._readers import ChunkedReader, ContentLengthReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy.net.http import http1
from mitmproxy.test.tutils import treq

GET = treq(method=b"GET")
PIECE = 64 * 1024


def count(path: str, read_head: Any, is_request: bool) -> int:
    """The messages in a file that is one side of a conversation."""
    data, buffer, messages, at = Path(path).read_bytes(), ReceiveBuffer(), 0, 0
    while at < len(data) or buffer:
        lines = buffer.maybe_extract_lines()
        if lines is None:
            if at >= len(data):
                break
            buffer += data[at : at + PIECE]
            at += PIECE
            continue
        head = read_head([bytes(line) for line in lines])
        size = http1.expected_http_body_size(head if is_request else GET, None if is_request else head)
        if size is None or size > 0:
            reader = ChunkedReader() if size is None else ContentLengthReader(size)
            while True:
                event = reader(buffer)
                if event is None:
                    buffer += data[at : at + PIECE]
                    at += PIECE
                elif type(event).__name__ == "EndOfMessage":
                    break
        messages += 1
    return messages


def main() -> None:
    began = time.perf_counter()
    messages = count(sys.argv[1], http1.read_request_head, True)
    messages += count(sys.argv[2], http1.read_response_head, False)
    print(json.dumps({"messages": messages, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
