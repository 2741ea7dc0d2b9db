"""What type a file has by its name, and in which packed form a client takes it.

The types are the standard library's own and no system's, so that they are the same everywhere.
"""

from __future__ import annotations

import re
from functools import lru_cache
from mimetypes import MimeTypes
from urllib.parse import quote

UNKNOWN = "application/octet-stream"

_LACKING = {
    ".js": "text/javascript",  # RFC 9239
    ".mjs": "text/javascript",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".log": "text/plain",
    ".conf": "text/plain",
    ".ini": "text/plain",
    ".rst": "text/plain",
    ".toml": "application/toml",
    ".yaml": "application/yaml",  # RFC 9512
    ".yml": "application/yaml",
    ".jsonl": "application/jsonl",
    ".sh": "text/x-shellscript",
    ".wasm": "application/wasm",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".jxl": "image/jxl",
    ".ico": "image/x-icon",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".ttf": "font/ttf",
    ".otf": "font/otf",
    ".m4a": "audio/mp4",
    ".flac": "audio/flac",
    ".opus": "audio/ogg",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".ogv": "video/ogg",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".vtt": "text/vtt",
    ".epub": "application/epub+zip",
    ".7z": "application/x-7z-compressed",
    ".deb": "application/vnd.debian.binary-package",
    ".pcapng": "application/x-pcapng",
    ".eml": "message/rfc822",
}
#: A packed file is what it is packed with: nobody asked for it to be unpacked on the way.
_PACKED = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "compress": "application/x-compress",
    "br": UNKNOWN,
}
_TYPES = MimeTypes()
for _ending, _type in _LACKING.items():
    _TYPES.add_type(_type, _ending)

_NOT_IN_ENDINGS = re.compile(r"[^\w.+-]")  # what would make an address of a name

#: Of a file's name that is told: what a path or a header is made of, and what does not print, is left out.
_UNFIT = re.compile(r"[^\w .()+@=,-]")
#: As much of it as is shown anywhere.
_NAME_CHARACTERS = 100

#: The packed forms that may stand beside a file, the best first: what each is called in HTTP, and its ending.
CODINGS = {"br": ".br", "gzip": ".gz"}

_MEMBER = re.compile(
    r"[ \t]*(?P<name>[\w!#$%&'*+.^`|~-]+)[ \t]*(?:;[ \t]*[qQ]=(?P<q>0(?:\.\d{0,3})?|1(?:\.0{0,3})?)[ \t]*)?"
)


@lru_cache(256)
def type_of(name: str) -> str:
    """The media type of a file of this name, with the charset where it is text."""
    kind, packed = _TYPES.guess_type(_NOT_IN_ENDINGS.sub("_", name.rpartition("/")[2]), strict=False)
    if packed is not None:
        return _PACKED.get(packed, UNKNOWN)
    kind = kind or UNKNOWN
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


@lru_cache(256)
def codings(accepted: str) -> tuple[str, ...]:
    """Which of `CODINGS` an Accept-Encoding lets be used, the most wanted first (RFC 9110 §12.5.3)."""
    wanted: dict[str, float] = {}
    for member in accepted.split(","):
        match = _MEMBER.fullmatch(member)
        if match is not None:
            name = match["name"].lower()
            wanted[{"x-gzip": "gzip"}.get(name, name)] = float(match["q"] or 1)
    anything = wanted.get("*", 0.0)
    plain = wanted.get("identity", 0.0)
    weights = {name: wanted.get(name, anything) for name in CODINGS}
    usable = [name for name in CODINGS if weights[name] > 0 and weights[name] >= plain]
    return tuple(sorted(usable, key=lambda name: -weights[name]))


def disposition(name: str, *, inline: bool = False) -> str:
    """Content-Disposition as RFC 6266 and 8187 have it: plain for all, and as it is for those who can read that."""
    fit = _UNFIT.sub("_", name).lstrip(".")[-_NAME_CHARACTERS:] or "_"
    plain = fit.encode("ascii", "replace").decode().replace("?", "_")
    told = f'{"inline" if inline else "attachment"}; filename="{plain}"'
    return told if plain == fit else f"{told}; filename*=UTF-8''{quote(fit, safe='')}"
