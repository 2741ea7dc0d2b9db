"""Files of packets, written by us and read by tshark."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from running import program, run
from tincans.conversation import Entry
from tincans.export.pcapng import Pcapng

_CHECKED = [argument for name in ("ip", "tcp", "udp") for argument in ("-o", f"{name}.check_checksum:TRUE")]
#: How bad a remark of Wireshark's is (PI_WARN in epan/proto.h): below are errors, above notes, chats and comments.
_WARNING = 0x600000


class Packet:
    """One packet: every field that tshark finds in it, with all of its values."""

    def __init__(self, layers: dict[str, Any]) -> None:
        self.layers = layers
        self._fields: defaultdict[str, list[str]] = defaultdict(list)
        self._gather(layers)

    def _gather(self, tree: dict[str, Any]) -> None:
        for name, value in tree.items():
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict):
                    self._gather(each)
                else:
                    self._fields[name].append(each)

    def __getitem__(self, field: str) -> str:
        """The field's only value, or the first of them; empty where there is none."""
        return (self._fields.get(field) or [""])[0]

    def all(self, field: str) -> list[str]:
        return self._fields.get(field, [])

    @property
    def at(self) -> int:
        second, _, rest = self["frame.time_epoch"].partition(".")
        return int(second) * 10**9 + int(rest)

    @property
    def ends(self) -> tuple[str, str]:
        """From where to where."""
        kind = "udp" if self["udp.srcport"] else "tcp"
        return tuple(  # type: ignore[return-value]
            f"{self[f'ip.{end}'] or self[f'ipv6.{end}']} {self[f'{kind}.{end}port']}" for end in ("src", "dst")
        )

    @property
    def payload(self) -> bytes:
        return bytes.fromhex((self["tcp.payload"] or self["udp.payload"]).replace(":", ""))

    @property
    def warnings(self) -> list[str]:
        """What Wireshark finds wrong with it."""
        severities = self.all("_ws.expert.severity")
        messages = self.all("_ws.expert.message")
        return [text for text, how in zip(messages, severities, strict=True) if int(how) >= _WARNING]

    @property
    def checksums_are_right(self) -> bool:
        found = [self[f"{name}.checksum.status"] for name in ("ip", "tcp", "udp")]
        return {status for status in found if status} == {"1"}


def tshark(path: Path, *arguments: str) -> list[Packet]:
    """All packets of a file."""
    printed = run([program("tshark"), "-r", str(path), *_CHECKED, "-T", "json", "--no-duplicate-keys", *arguments])
    # Where tshark itself cuts a long text, it may do so within a character.
    return [Packet(packet["_source"]["layers"]) for packet in json.loads(printed.decode(errors="replace"))]


def capinfos(path: Path) -> str:
    return run([program("capinfos"), str(path)]).decode()


def packet_file(path: Path, *conversations: Iterable[Entry], far: bool = False) -> Path:
    """The conversations as a file of packets."""
    form = Pcapng("tincans test", far=far)
    with path.open("wb") as file:
        file.write(form.head())
        for entries in conversations:
            for entry in entries:
                file.writelines(form.take(entry))
            file.writelines(form.over())
        file.write(form.foot())
    return path
