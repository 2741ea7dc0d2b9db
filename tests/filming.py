"""A film for browsers, made here: WebM of VP8 key frames, with the cues that let a player seek in it.

A key frame of VP8 is what a lossy WebP picture holds, which every browser makes of a canvas; the rest is a handful of
elements (RFC 8794, RFC 9559), each with its length in eight bytes, so that where a cluster stands is easily counted.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

#: A canvas' picture of one colour, with noise on it so that it is large: base64 of WebP.
PICTURE = """
([width, height, colour]) => {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    for (let at = 0, seed = 7; at < image.data.length; at += 4) {
        seed = (seed * 16807) % 2147483647;
        for (let part = 0; part < 3; part++) image.data[at + part] = colour[part] / 2 + (seed >> part) % 128;
        image.data[at + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    return canvas.toDataURL("image/webp", 0.9).split(",")[1];
}
"""


def frame_of(webp: bytes) -> bytes:
    """The key frame in a lossy WebP picture (RFC 9649)."""
    at = 12
    while webp[at : at + 4] != b"VP8 ":
        at += 8 + (struct.unpack_from("<I", webp, at + 4)[0] + 1) // 2 * 2
    size = struct.unpack_from("<I", webp, at + 4)[0]
    return webp[at + 8 : at + 8 + size]


def film(frames: Sequence[bytes], *, seconds_each: int, size: tuple[int, int]) -> bytes:
    """A film in which each frame is shown for so long."""
    clusters = [
        _element(0x1F43B675, _number(0xE7, at * seconds_each * 1000), _element(0xA3, b"\x81\0\0\x80" + frame))
        for at, frame in enumerate(frames)
    ]
    length = len(frames) * seconds_each * 1000
    info = _element(
        0x1549A966, _number(0x2AD7B1, 1_000_000), _element(0x4489, struct.pack(">d", length)),
        _element(0x4D80, b"tests"), _element(0x5741, b"tests"),
    )  # fmt: skip
    video = _element(0xE0, _number(0xB0, size[0]), _number(0xBA, size[1]))
    track = _element(0xAE, _number(0xD7, 1), _number(0x73C5, 1), _number(0x83, 1), _element(0x86, b"V_VP8"), video)
    head = info + _element(0x1654AE6B, track)
    cues = _cues([0] * len(clusters), seconds_each)  # it is as long as the real ones
    starts = [len(head) + len(cues) + sum(map(len, clusters[:at])) for at in range(len(clusters))]
    ebml = _element(
        0x1A45DFA3, _number(0x4286, 1), _number(0x42F7, 1), _number(0x42F2, 4), _number(0x42F3, 8),
        _element(0x4282, b"webm"), _number(0x4287, 2), _number(0x4285, 2),
    )  # fmt: skip
    return ebml + _element(0x18538067, head, _cues(starts, seconds_each), *clusters)


def _cues(starts: Sequence[int], seconds_each: int) -> bytes:
    points = [
        _element(0xBB, _number(0xB3, at * seconds_each * 1000), _element(0xB7, _number(0xF7, 1), _number(0xF1, start)))
        for at, start in enumerate(starts)
    ]
    return _element(0x1C53BB6B, *points)


def _element(name: int, *content: bytes) -> bytes:
    data = b"".join(content)
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + b"\x01" + len(data).to_bytes(7, "big") + data


def _number(name: int, value: int) -> bytes:
    return _element(name, value.to_bytes(8, "big"))
