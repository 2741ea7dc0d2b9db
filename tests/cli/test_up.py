"""`tincans up`: the whole of it, as a command with real signals."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from partners import AtTerminal
from running import PATIENCE, POLL, Program, free_port, recorded, run, start, tincans
from tincans.cli import PIPE_CLOSED
from tincans.errors import AddressError, ConfigError
from tincans.watch.tokens import kept
from visiting import Visitor, visit

ECHO = '[[listen]]\nname = "echo"\naddress = ":0"\napp = "echo"\n'
PAIR = """\
[[listen]]
name = "echo"
address = "unix:echo.sock"
app = "echo"

[[relay]]
name = "front"
listen = ":0"
target = "unix:echo.sock"
"""


class Up:
    """A `tincans up` that runs, its file and where its entries listen."""

    def __init__(self, folder: Path, running: Program) -> None:
        self._folder, self.running = folder, running

    @property
    def addresses(self) -> dict[str, str]:
        return dict(json.loads((self._folder / "ports.json").read_text()))

    def call(self, name: str) -> socket.socket:
        port = int(self.addresses[name].rpartition(":")[2])
        return socket.create_connection(("127.0.0.1", port), PATIENCE)

    def ask(self, name: str, words: bytes = b"hello\n") -> bytes:
        with self.call(name) as caller:
            return say(caller, words)

    def signal(self, number: signal.Signals) -> None:
        self.running.process.send_signal(number)

    def change(self, text: str, pattern: str) -> None:
        """Write another file, have it read, and wait for what is said of it."""
        (self._folder / "tincans.toml").write_text(text)
        self.signal(signal.SIGHUP)
        self.running.wait_for(pattern, stream="err")


def say(caller: socket.socket, words: bytes) -> bytes:
    caller.sendall(words)
    return caller.recv(100)


@contextlib.contextmanager
def up(
    folder: Path, text: str, *options: str, cwd: Path | None = None, record: bool = False, page: bool = False
) -> Iterator[Up]:
    (folder / "tincans.toml").write_text(text)
    arguments = ["--ports-file", str(folder / "ports.json"), *options, *(() if record else ("--no-record",))]
    arguments += [] if page else ["--no-page"]
    file = ["tincans.toml"] if cwd is None else [str(folder / "tincans.toml")]
    with start(tincans("up", *file, *arguments), cwd=cwd or folder) as running:
        running.wait_for_file(folder / "ports.json")
        yield Up(folder, running)


@pytest.fixture(autouse=True)
def _own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's tokens are the test's own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


# ── running ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_commands_to_try_work_where_tincans_is_not_on_the_path(tmp_path: Path) -> None:
    (tmp_path / "tincans.toml").write_text(PAIR)
    with start(tincans("up", "--no-record", "--no-page"), cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}) as running:
        call = running.wait_for(r"  (\S+/tincans connect :\d+)$")[1]
        assert run([*call.split(), "--no-record"], stdin=b"hello\n") == b"hello\n"


def test_all_of_it_runs_is_shown_and_recorded(tmp_path: Path) -> None:
    with up(tmp_path, 'journal = "kept"\n' + PAIR, record=True) as it:
        front = it.addresses["front"]
        it.running.wait_for("Ctrl-C ends all of it")
        sock = f"unix://{tmp_path}/echo.sock"
        assert it.running.out.decode().splitlines()[:6] == [
            *_aligned(
                ("NAME", "LISTENS ON", "ANSWERED BY", "TRY"),
                ("echo", sock, "echo", f"tincans connect {sock}"),
                ("front", front, sock, f"tincans connect :{front.rpartition(':')[2]}"),
            ),
            "",
            f"Recorded in {tmp_path}/kept; tincans conversations --journal {tmp_path}/kept lists what was said.",
            f"Ctrl-C ends all of it; kill -HUP {it.running.process.pid} reads tincans.toml again.",
        ]
        assert it.ask("front") == b"hello\n"
        it.running.wait_for(r"#\d  S:       6 B  hello\\n")
        it.running.wait_for(r"#\d  finished[^$]*#\d  finished")
        it.signal(signal.SIGTERM)
        it.running.wait()
        assert it.running.out.endswith(b"2 conversations: C 12 B, S 12 B\n")
        assert b"\x1b" not in it.running.out + it.running.err  # plain text in a pipe
        assert it.running.err == b""
    assert not (tmp_path / "ports.json").exists()
    assert not (tmp_path / "echo.sock").exists()
    assert [(each.conversation.name, each.client, each.server) for each in recorded(tmp_path / "kept")] == [
        ("front", b"hello\n", b"hello\n"),
        ("echo", b"hello\n", b"hello\n"),
    ]


def _aligned(*lines: tuple[str, ...]) -> list[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]


def test_what_is_relative_is_relative_to_the_file_and_the_command_line_to_the_caller(tmp_path: Path) -> None:
    config, elsewhere = tmp_path / "config", tmp_path / "elsewhere"
    config.mkdir()
    elsewhere.mkdir()
    (config / "answer.sh").write_text("#!/bin/sh\nread words\necho answered in $(pwd)\n")
    (config / "answer.sh").chmod(0o755)
    (config / "answers.py").write_text("def shout(channel):\n    channel.send(channel.receive().upper())\n")
    text = ECHO.replace('"echo"', '"command"', 1).replace('app = "echo"', 'app = "exec:./answer.sh"')
    text += ECHO.replace('"echo"', '"function"', 1).replace('app = "echo"', 'app = "answers:shout"')
    with up(config, text, "--journal", "kept", cwd=elsewhere, record=True) as it:
        assert it.ask("command") == f"answered in {config}\n".encode()
        assert it.ask("function") == b"HELLO\n"
    assert {each.conversation.name for each in recorded(elsewhere / "kept")} == {"command", "function"}


def test_the_default_and_that_it_runs_already(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(start(tincans("up", "--no-record"), cwd=tmp_path))
        if _runs(first):
            for line in (
                "web    tcp://127.0.0.1:7780  http:echo             curl http://127.0.0.1:7780/",
                "mail   tcp://127.0.0.1:7725  mail                  tincans mail --to you@example.org smtp://127.0.0.1:7725",
                "inbox  tcp://127.0.0.1:7710  mail:pop3             tincans inbox pop3://you@127.0.0.1:7710",
                "chat   tcp://127.0.0.1:7767  chat                  tincans chat :7767",
                "front  tcp://127.0.0.1:7708  tcp://127.0.0.1:7707  tincans connect :7708",
            ):
                first.wait_for(line)
            with socket.create_connection(("127.0.0.1", 7708), PATIENCE) as caller:
                assert say(caller, b"hello") == b"hello"
        else:  # somebody runs it on this machine: see to it that it stays so
            with contextlib.suppress(OSError):
                stack.enter_context(socket.create_server(("127.0.0.1", 7707)))
        with start(tincans("up", "--no-record"), cwd=tmp_path) as second:
            second.wait(1)
            second.wait_for(
                r"\Atincans: \w+: cannot listen on tcp://127.0.0.1:77\d\d: the address is already in use\n"
                r"  .* write a tincans.toml that names other ports\.\n\Z",
                stream="err",
            )
            assert second.out == b""


def _runs(running: Program) -> bool:
    """Wait until it listens, or has found its ports taken."""
    while running.process.poll() is None and b"Ctrl-C" not in running.out:
        time.sleep(POLL)
    return running.process.poll() is None


def test_quiet_says_nothing(tmp_path: Path) -> None:
    with up(tmp_path, ECHO, "-q") as it:
        assert it.ask("echo") == b"hello\n"
        it.signal(signal.SIGTERM)
        it.running.wait()
        assert (it.running.out, it.running.err) == (b"", b"")


def test_as_json_there_is_nothing_else_on_stdout(tmp_path: Path) -> None:
    with up(tmp_path, ECHO, "--json") as it:
        it.running.wait_for("^NAME ", stream="err")
        assert it.ask("echo") == b"hello\n"
        it.running.wait_for('"closed"')
        it.signal(signal.SIGTERM)
        it.running.wait()
        types = [json.loads(line)["type"] for line in it.running.out.splitlines()]
    assert types[0] == "opened"
    assert types[-2:] == ["closed", "totals"]


def test_who_listens_for_everybody_is_warned(tmp_path: Path) -> None:
    with up(tmp_path, ECHO.replace(":0", "*:0")) as it:
        it.running.wait_for("^warning: every machine that can reach this one may call it there", stream="err")
        assert it.ask("echo") == b"hello\n"


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_is_the_first_that_is_told_and_shows_what_runs(tmp_path: Path) -> None:
    with up(tmp_path, PAIR, "--page", ":0", record=True, page=True) as it, visit(it.running) as visitor:
        assert it.running.out.decode().splitlines()[0] == visitor.url
        assert [(row["name"], row["kind"]) for row in visitor.get("/api/board")["rows"]] == [
            ("echo", "listen"), ("front", "relay"),
        ]  # fmt: skip
        assert visitor.get("/api")["steer"]
        it.signal(signal.SIGHUP)
        it.running.wait_for("^tincans.toml has nothing new$", stream="err")
        with visitor.live(all=True) as told:
            told.until("changes")
            assert it.ask("front") == b"hello\n"
            told.row(lambda row: row["name"] == "front" and row["how"] == "finished")
            deadline = time.monotonic() + PATIENCE
            while not (total := visitor.get("/api/conversations?name=front")["total"]) and time.monotonic() < deadline:
                time.sleep(POLL)  # what is listed is the journal's, which has it some milliseconds later
            assert total == 1
            it.signal(signal.SIGINT)
            assert told.end() == 1001  # it is told to go, and holds nothing up
        it.running.wait()


def test_where_the_usual_port_is_taken_the_page_has_another(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # else somebody has it already
            stack.enter_context(socket.create_server(("127.0.0.1", 7700)))
        it = stack.enter_context(up(tmp_path, ECHO, page=True))
        visitor = stack.enter_context(visit(it.running))
        assert visitor.port != 7700
        assert visitor.get("/api")["board"]


def test_a_page_that_was_asked_for_and_cannot_be_served_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        (tmp_path / "tincans.toml").write_text(f'page = "{place}"\n{ECHO}')
        with start(tincans("up", "--no-record"), cwd=tmp_path) as running:
            running.wait(1)
            assert running.err.decode().splitlines()[0] == (
                f"tincans: the page: cannot listen on tcp://{place}: the address is already in use"
            )


def test_a_page_that_nobody_asked_for_does_not_keep_the_traffic_from_going(tmp_path: Path) -> None:
    tokens = tmp_path / "data" / "tincans" / "page.tokens"
    tokens.parent.mkdir(parents=True)
    tokens.write_text("for everybody to read\n")
    tokens.chmod(0o644)
    with up(tmp_path, ECHO, page=True) as it:
        it.running.wait_for("^tincans: there is no page: .*: others than you can read it$", stream="err")
        assert it.ask("echo") == b"hello\n"
        assert it.running.out.startswith(b"NAME")


@pytest.mark.parametrize(("text", "options"), [("page = false\n", ()), ('page = ":1"\n', ("--no-page",))])
def test_there_may_be_no_page(tmp_path: Path, text: str, options: tuple[str, ...]) -> None:
    with up(tmp_path, text + ECHO, *options, page=True) as it:
        it.running.wait_for("Ctrl-C ends all of it")
        assert it.running.out.startswith(b"NAME")


def test_a_quiet_page_is_there_all_the_same(tmp_path: Path) -> None:
    port = free_port()
    with up(tmp_path, ECHO, "-q", "--page", f":{port}", page=True) as it:
        it.running.wait_for_file(tmp_path / "data" / "tincans" / "page.tokens")
        visitor = Visitor(f"http://127.0.0.1:{port}/#token={kept(tmp_path / 'data/tincans/page.tokens').look}")
        assert visitor.patiently("/api")["board"]
        it.signal(signal.SIGTERM)
        it.running.wait()
        assert (it.running.out, it.running.err) == (b"", b"")


def test_another_page_waits_for_the_next_start(tmp_path: Path) -> None:
    with up(tmp_path, ECHO, page=True) as it, visit(it.running) as visitor:
        it.change("page = false\n" + ECHO, "^where the page is served changes at the next start$")
        assert visitor.get("/api")["board"]


# ── checking ──────────────────────────────────────────────────────────────────────────────────────────────


def test_check_starts_nothing(tmp_path: Path) -> None:
    file = tmp_path / "tincans.toml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        file.write_text(ECHO.replace(":0", f":{taken.getsockname()[1]}"))
        assert run(tincans("up", str(file), "--check")) == b"tincans.toml is right: it runs echo\n"


def test_check_without_a_file_is_about_the_default(tmp_path: Path) -> None:
    with start(tincans("up", "--check"), cwd=tmp_path) as running:
        running.wait()
        assert running.out == b"the default is right: it runs echo, web, mail, inbox, chat, front\n"
    assert not [path for path in tmp_path.rglob("*") if path.is_file()], "nor a folder for mails, with its index"


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "tincans.toml").write_text(
        'lisen = 1\n[[listen]]\naddress = "x"\napp = "echo"\nlimits = { idle = -1 }\n'
    )
    for option in ("--check", "--no-record"):
        with start(tincans("up", option), cwd=tmp_path) as running:
            running.wait(2)
            *mistakes, advice = running.err.decode().splitlines()
            assert mistakes == [
                "tincans: tincans.toml, line 1: there is no setting 'lisen', did you mean 'listen'?",
                f"tincans: tincans.toml, line 3: {AddressError('x', 'it has no port', 'tcp://127.0.0.1:9000')}",
                "tincans: tincans.toml, line 5: 'idle' takes a number of seconds above 0, not -1",
            ]
            assert advice == f"  {ConfigError('', None, '').advice}"


@pytest.mark.parametrize("file", ["missing.toml", "missing/tincans.toml"])
def test_a_file_that_is_not_there(tmp_path: Path, file: str) -> None:
    with start(tincans("up", file), cwd=tmp_path) as running:
        running.wait(2)
        assert running.err.startswith(f"tincans: {file}: cannot be read: no such file or directory\n".encode())


def test_one_that_cannot_listen_is_named_and_nothing_runs(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        (tmp_path / "tincans.toml").write_text(PAIR.replace(":0", place))
        with start(tincans("up", "--no-record"), cwd=tmp_path) as running:
            running.wait(1)
            assert running.err.decode().splitlines()[0] == (
                f"tincans: front: cannot listen on tcp://{place}: the address is already in use"
            )
            assert running.out == b""
    assert not (tmp_path / "echo.sock").exists()


# ── reading again ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_changed_file_is_taken_over_and_what_is_unchanged_goes_on(tmp_path: Path) -> None:
    with up(tmp_path, PAIR) as it, it.call("front") as caller:
        assert say(caller, b"before") == b"before"
        it.change(PAIR + ECHO.replace("echo", "more", 1), r"^started more, listening on tcp://127.0.0.1:\d+$")
        assert it.ask("more") == b"hello\n"
        it.change(PAIR + ECHO.replace("echo", "more", 1) + "record = false", "^changed more, listening on tcp://")
        it.change(PAIR, "^stopped more$")
        assert list(it.addresses) == ["echo", "front"]
        it.change(PAIR, "^tincans.toml has nothing new$")
        it.change('journal = "kept"\n' + PAIR, "^tincans.toml has nothing new$")  # --no-record holds
        assert say(caller, b"after") == b"after"


def test_a_bad_file_changes_nothing_and_says_why(tmp_path: Path) -> None:
    with up(tmp_path, PAIR) as it, socket.create_server(("127.0.0.1", 0)) as taken:
        front = it.addresses
        it.change("x\ny", r"^tincans: tincans.toml, line 1: .*\n  .*\n  What runs was not changed.$")
        it.change("x = 1\ny = 2\n" + PAIR, "^tincans: tincans.toml, line 1: .*\ntincans: tincans.toml, line 2: ")
        other = f'[[listen]]\nname = "taken"\naddress = ":{taken.getsockname()[1]}"\napp = "echo"\n'
        it.change(
            other, r"^tincans: taken: cannot listen on .*: the address is already in use\n  .*\n  What runs was not"
        )
        assert it.addresses == front
        assert it.ask("front") == b"hello\n"


def test_a_journal_is_changed_only_by_the_next_start(tmp_path: Path) -> None:
    with up(tmp_path, 'journal = "one"\n' + ECHO, record=True) as it:
        it.change('journal = "two"\n' + ECHO, "^where conversations are recorded changes at the next start$")
        assert it.ask("echo") == b"hello\n"
    assert len(recorded(tmp_path / "one")) == 1


# ── ending ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_with_nobody_connected_it_ends_at_once(tmp_path: Path, number: signal.Signals) -> None:
    with up(tmp_path, "limits = { drain = 1000 }\n" + PAIR) as it:
        it.signal(number)
        it.running.wait()
        assert it.running.err == b""


def test_who_talks_may_go_on_until_it_is_asked_a_second_time(tmp_path: Path) -> None:
    with up(tmp_path, ECHO + "limits = { drain = 1000 }") as it, it.call("echo") as caller:
        assert say(caller, b"before") == b"before"
        it.signal(signal.SIGINT)
        it.running.wait_for("^stopping: 1 caller may go on for 1000 s", stream="err")
        assert say(caller, b"after") == b"after"
        it.signal(signal.SIGINT)
        it.running.wait()


def test_it_ends_with_its_terminal(tmp_path: Path) -> None:
    (tmp_path / "tincans.toml").write_text(ECHO + "limits = { drain = 0 }")
    with AtTerminal(tincans("up", str(tmp_path / "tincans.toml"), "--no-record", "--no-page")) as terminal:
        port = int(terminal.wait_for(r"tincans connect :(\d+)\n")[1])
        terminal.wait_for("\x1b\\[1mNAME")  # in colour
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as caller:
            assert say(caller, b"hello") == b"hello"
            terminal.hang_up()
            assert terminal.process.wait(PATIENCE) == PIPE_CLOSED
