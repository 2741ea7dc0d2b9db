"""What a form does to a folder (POST, multipart/form-data, RFC 7578): it stores files, makes folders, deletes.

    file      with a file name: stored under it, as PUT does; one with "/" in it lies in folders below, which are made
    folder    a name: that folder is made
    delete    a name, percent-encoded: that file or empty folder is taken away

The parts are done in their order, as they come: a file is written while it arrives, never held in memory, and appears
when its part is complete. What is wrong ends the form; what was done before it stays done. A browser is sent back to
the folder (303), any other client is told in lines what was done (201).
"""

from __future__ import annotations

import os
from urllib.parse import quote, unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from tincans.apps.http.exchange import Exchange
from tincans.apps.http.writing import Refused, create, make_folders, remove
from tincans.files import Files, Upload
from tincans.limits import FORM_FIELD_BYTES, FORM_HEAD_BYTES, FORM_PARTS
from tincans.text import escape

_FORM = "the body is no form as multipart/form-data has it"
#: What browsers write in a file name for what would end it (HTML, "multipart/form-data encoding algorithm").
_QUOTED = {"%22": '"', "%0D": "\r", "%0A": "\n"}


async def post(files: Files, exchange: Exchange) -> None:
    """Do what a form says to the folder of the request's path."""
    path = exchange.request.path
    if not path.endswith("/"):
        raise Refused(405, "a form is sent to a folder", ("Allow", "GET, HEAD, OPTIONS, PUT, DELETE, MKCOL"))
    files.stat(path)
    form = Form(files, path, exchange.request.fields.get("content-type"))
    try:
        async for piece in exchange.body():
            form.hear(piece)
        form.end()
    finally:
        form.close()
    fields = [("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff")]
    said = "".join(f"{line}\n" for line in form.done) or "nothing was sent\n"
    if "text/html" in exchange.request.fields.get("accept"):
        await exchange.respond(303, [("Location", "/" + quote(os.fsencode(path)).lstrip("/")), *fields], said.encode())
    else:
        await exchange.respond(201 if form.done else 200, fields, said.encode())


class Form:
    """One form, heard piece by piece."""

    def __init__(self, files: Files, folder: str, media: str) -> None:
        """`media` is its Content-Type. Raises `Refused`."""
        kind, options = parse_options_header(media)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise Refused(415, "only a form as multipart/form-data can be sent here")
        #: What was done, in words.
        self.done: list[str] = []
        self._files, self._folder = files, folder
        self._ended = False
        self._parts = 0
        self._name, self._value = bytearray(), bytearray()  # of the header field that is being heard
        self._disposition = b""
        self._field = ""
        self._text = bytearray()  # of a part that is no file
        self._path = ""
        self._upload: Upload | None = None
        callbacks = {
            "on_part_begin": self._begin, "on_header_field": self._hear_name, "on_header_value": self._hear_value,
            "on_header_end": self._end_header, "on_headers_finished": self._begin_data,
            "on_part_data": self._hear_data, "on_part_end": self._end_part, "on_end": self._end_form,
        }  # fmt: skip
        try:
            self._parser = MultipartParser(boundary, callbacks, max_header_size=FORM_HEAD_BYTES)  # type: ignore[arg-type]
        except FormParserError:
            raise Refused(400, _FORM) from None

    def hear(self, data: bytes) -> None:
        """More of it. Raises `Refused`, and `OSError` as the disk says."""
        try:
            self._parser.write(data)
        except FormParserError:
            raise Refused(400, _FORM) from None

    def end(self) -> None:
        """There is no more. Raises `Refused` where there should be."""
        if not self._ended:
            raise Refused(400, "the form ends in the middle")

    def close(self) -> None:
        """Throw away what is not complete."""
        if self._upload is not None:
            self._upload.discard()

    # ── the parts, as the parser finds them ───────────────────────────────────────────────────────────────

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > FORM_PARTS:
            raise Refused(413, f"a form has at most {FORM_PARTS} parts")
        self._disposition = b""
        self._text.clear()

    def _hear_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _hear_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _begin_data(self) -> None:
        kind, options = parse_options_header(self._disposition.decode("latin-1"))
        if kind != b"form-data" or b"name" not in options:
            raise Refused(400, _FORM)
        self._field = options[b"name"].decode("utf-8", "replace")
        name = options.get(b"filename")
        if self._field == "file" and name:  # else no file was chosen
            self._path = self._folder + _relative(name)
            self._upload = create(self._files, self._path)

    def _hear_data(self, data: bytes, start: int, end: int) -> None:
        if self._upload is not None:
            self._upload.write(memoryview(data)[start:end])
        elif len(self._text) + end - start > FORM_FIELD_BYTES:
            raise Refused(413, f"a field of a form has at most {FORM_FIELD_BYTES} bytes")
        else:
            self._text += data[start:end]

    def _end_part(self) -> None:
        if self._upload is not None:
            self._upload.commit()
            self._upload = None
            self._tell("stored", self._path)
        elif self._field == "folder" and self._text:
            path = self._folder + _relative(bytes(self._text))
            make_folders(self._files, path)
            self._files.make_folder(path)
            self._tell("made", path)
        elif self._field == "delete" and self._text:
            path = self._folder + _relative(unquote_to_bytes(bytes(self._text)))
            remove(self._files, path)
            self._tell("deleted", path)

    def _end_form(self) -> None:
        self._ended = True

    def _tell(self, what: str, path: str) -> None:
        self.done.append(f"{what} {escape(path)}")


def _relative(name: bytes) -> str:
    """A name as a path below the folder. Raises `Refused` for one that would lead elsewhere."""
    text = os.fsdecode(name)
    for quoted, character in _QUOTED.items():
        text = text.replace(quoted, character)
    if "\0" in text or any(step in ("", ".", "..") for step in text.split("/")):
        raise Refused(400, f"{escape(text)} is no name of a file")
    return text
