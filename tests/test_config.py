"""A tincans.toml is read whole, and every mistake in it is told with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tincans.config
from running import Certificates
from tincans.address import OPTIONS, Address
from tincans.apps import KINDS
from tincans.apps.settings import Settings
from tincans.config import (
    FILE_OPTIONS,
    Config,
    Listen,
    Relay,
    default,
    load,
    load_users,
    parse_config,
    same_place,
    short,
)
from tincans.errors import AddressError, ConfigError
from tincans.limits import Limits
from tincans.users import Users, Verifier

ECHO = '[[listen]]\naddress = ":7707"\napp = "echo"\n'

#: The settings of a [[listen]].
LISTEN = (
    "address, app, name, limits, record, write, guests, tls, cert, key, passive, mails, keep, days, rooms, flood, "
    "trust, operators"
)


def read(text: str, folder: Path = Path("/etc")) -> Config:
    return parse_config(text, folder / "tincans.toml")


def mistakes(text: str) -> list[str]:
    """What is wrong, one text a mistake, `LINE: reason`."""
    with pytest.raises(ConfigError) as caught:
        read(text)
    return [f"{error.line}: {error.reason}" for error in (caught.value, *caught.value.others)]


# ── what a file says ──────────────────────────────────────────────────────────────────────────────────────


def test_the_head_of_the_module_is_a_good_file() -> None:
    example = "\n".join(re.findall("^    (.*)$", tincans.config.__doc__ or "", re.MULTILINE))
    assert read(example) == Config(
        journal="/etc/conversations",
        page=Address.parse(":7700"),
        entries=(
            Listen(
                name="echo",
                address=Address.parse(":7707"),
                app="echo",
                limits=Limits(clients=10, handshake=10, idle=600, drain=5),
            ),
            Relay(
                name="front",
                listen=Address.parse(":7708"),
                target=Address.parse(":7707"),
                protocol="ftp",
                limits=Limits(clients=100, handshake=10, idle=60, drain=5),
            ),
        ),
    )


def test_the_default_is_an_echo_and_a_relay_in_front_of_it() -> None:
    assert [(entry.name, short(entry.at)) for entry in default().entries] == [
        ("echo", ":7707"), ("web", ":7780"), ("mail", ":7725"), ("inbox", ":7710"), ("chat", ":7767"),
        ("front", ":7708"),
    ]  # fmt: skip


def test_a_file_that_names_nobody_to_run_runs_the_default() -> None:
    assert read("").entries == default().entries
    record = str(Verifier.of("secret", rounds=1))
    config = read(f'record = false\nlisten = []\n[users]\nann = "{record}"\n[limits]\nclients = 3\n')
    assert [entry.name for entry in config.entries] == [entry.name for entry in default().entries]
    assert {(entry.record, entry.limits.clients) for entry in config.entries} == {(False, 3)}
    assert [entry.name for entry in config.entries if isinstance(entry, Listen) and entry.settings.users] == [
        "web", "mail", "inbox", "chat",
    ]  # fmt: skip


def test_the_document_shows_a_good_file_and_the_default() -> None:
    document = (Path(__file__).parents[1] / "docs" / "configuration.md").read_text()
    example, shown = re.findall("^```toml\n(.*?)^```", document, re.MULTILINE | re.DOTALL)
    assert [entry.name for entry in read(example).entries] == ["echo", "clock", "front", "secure", "mail"]
    assert shown == tincans.config.DEFAULT
    listen = {*Listen.__struct_fields__, *Settings.__struct_fields__} - {"settings", "users"}
    for setting in (*Limits._fields, *listen, *Relay.__struct_fields__, "journal", "page", "[users]"):
        assert f"`{setting}`" in document


def test_the_document_says_what_each_app_takes() -> None:
    document = (Path(__file__).parents[1] / "docs" / "configuration.md").read_text()
    rows = dict(re.findall(r'^\| `"([a-z]+)[:"].*\| ?(.*) \|$', document, re.MULTILINE))
    for name, kind in KINDS.items():
        if kind.settings:
            assert set(re.findall("`([a-z]+)`", rows[name])) <= kind.settings
        assert f'`"{name}' in document


def test_every_limit_can_be_set() -> None:
    assert tuple(tincans.config._LIMITS) == Limits._fields


def test_the_page_is_somewhere_or_nowhere() -> None:
    assert read(ECHO).page is True
    assert read("page = false\n" + ECHO).page is False
    assert read('page = "*:0"\n' + ECHO).page == Address.parse("*:0")


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("7", "'page' takes an address in quotes, as in \":7700\", or true or false, not 7"),
        ('""', str(AddressError("", "it is empty or has spaces around it or control characters in it", ":9000"))),
        ('"tls://:1"', "a browser opens the page by plain TCP, and tls://127.0.0.1:1 is none; write for example :7700"),
        ('"unix:x"', "a browser opens the page by plain TCP, and unix:x is none; write for example :7700"),
        ('":7707"', ":7707 listens on tcp://127.0.0.1:7707 already"),
    ],
)  # fmt: skip
def test_a_page_that_no_browser_can_open(page: str, reason: str) -> None:
    assert mistakes(f"page = {page}\n{ECHO}") == [f"1: {reason}"]


def test_two_readings_are_equal() -> None:
    assert read(ECHO) == read(ECHO)
    assert hash(read(ECHO).entries[0]) == hash(read(ECHO).entries[0])


def test_an_entry_without_a_name_is_called_by_its_address() -> None:
    config = read(
        '[[listen]]\naddress = "*:7707"\napp = "echo"\n[[listen]]\naddress = "unix:/x?mode=600"\napp = "echo"'
    )
    assert [entry.name for entry in config.entries] == [":7707", "unix:///x"]


def test_what_is_said_for_all_holds_where_an_entry_says_nothing() -> None:
    text = "record = false\nlimits = { idle = 3, drain = 0 }\n" + ECHO
    assert read(text).entries[0].limits == Limits(idle=3, drain=0)
    assert not read(text).record
    config = read(text + 'record = true\n[listen.limits]\nidle = 5\n[[relay]]\nlisten = ":1"\ntarget = ":2"')
    assert [entry.limits for entry in config.entries] == [Limits(idle=5, drain=0), Limits(idle=3, drain=0)]
    assert [entry.record for entry in config.entries] == [True, False]
    assert config.record


# ── paths ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_options_of_an_address_that_are_files() -> None:
    assert set(FILE_OPTIONS) == {name for name, (_, takes) in OPTIONS.items() if takes.startswith("a file")}


def test_relative_paths_are_relative_to_the_file(certificates: Certificates) -> None:
    folder = certificates.leaf.parent
    config = read(
        '[[listen]]\naddress = "unix:run/x.sock"\napp = "echo"\n'
        '[[listen]]\naddress = "unix:@x"\napp = "echo"\n'
        '[[relay]]\nlisten = "tls://:7?cert=leaf.pem"\ntarget = "tls://:8?ca=ca.pem"\n',
        folder,
    )
    sock, abstract, relay = config.entries
    assert isinstance(relay, Relay)
    assert sock.at.path == f"{folder}/run/x.sock"
    assert abstract.at.path == "@x"
    assert relay.at.option("cert") == str(certificates.leaf)
    assert relay.target.option("ca") == str(certificates.ca)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("here", "/etc/here"),
        ("sqlite:../here", "/etc/../here"),
        ("/var/here", "/var/here"),
        ("~/here", str(Path.home() / "here")),
        ("memory:", "memory:"),
    ],
)
def test_the_journal(given: str, taken: str) -> None:
    assert read(f'journal = "{given}"\n' + ECHO).journal == taken
    assert read(ECHO).journal is None


# ── mistakes ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("x = ", "1: invalid value"),
        (
            'lisen = 1\n[[relay]]\nlisten = ":1"\ntarget = ":2"',
            "1: there is no setting 'lisen', did you mean 'listen'?",
        ),
        (
            ECHO + "clients = 1",
            "4: there is no setting 'clients', but there is one among the limits: limits = { clients = … }",
        ),
        (ECHO + "colour = 1", f"4: there is no setting 'colour' (there are {LISTEN})"),
        (ECHO + "limits = {client = 1}", "4: there is no setting 'client', did you mean 'clients'?"),
        ("[limits]\nidle = 0\n" + ECHO, "2: 'idle' takes a number of seconds above 0, not 0"),
        ("[limits]\nidle = nan\n" + ECHO, "2: 'idle' takes a number of seconds above 0, not nan"),
        ("limits = 3\n" + ECHO, "1: 'limits' takes a table of settings, not 3"),
        ("[limits]\n\nclients = 1.5\n" + ECHO, "3: 'clients' takes a whole number from 1 on, not 1.5"),
        ("record = 'no'\n" + ECHO, "1: 'record' takes true or false, not \"no\""),
        ("journal = true\n" + ECHO, "1: 'journal' takes a text in quotes, not true"),
        (ECHO + "name = 'a b'", '4: \'name\' takes a name of letters, digits, ".", "-" and "_", not "a b"'),
        (
            "[listen]\naddress = ':1'",
            "1: 'listen' takes tables, each under a header in two pairs of brackets, not a table",
        ),
        ("[[listen]]\napp = 'echo'", "1: this [[listen]] has no setting 'address', and needs one"),
        (ECHO + "\n[[relay]]\nlisten = ':1'", "5: this [[relay]] has no setting 'target', and needs one"),
        (
            "[[listen]]\napp = 'echo'\naddress = 7707",
            "3: 'address' takes an address in quotes, as in \":7707\", not 7707",
        ),
        ("[[listen]]\napp = 'ecko'\naddress = ':1'", "2: there is no app 'ecko', did you mean 'echo'?"),
        (
            "[[listen]]\napp = 'echo'\naddress = 'tpc://:7'",
            "3: 'tpc://:7' is not an address: there is no scheme 'tpc', did you mean 'tcp'?",
        ),
        (
            ECHO + "name='a'\n" + ECHO.replace("7707", "1") + "name='a'",
            "8: the name 'a' is taken already: give this one another",
        ),
        (
            ECHO + "name='a'\n" + ECHO.replace(":7707", "*:7707") + "name='b'",
            "6: a listens on tcp://127.0.0.1:7707 already",
        ),
        (
            ECHO.replace(":7707", "exec:cat"),
            "2: exec:cat cannot be called, so nothing can listen there; write for example :9000",
        ),
        (
            "[[relay]]\nlisten=':1'\ntarget='*:2'",
            "3: tcp://*:2 can be listened on but not called; write for example :9000",
        ),
        ("[[relay]]\nlisten='*:1'\ntarget=':1'", "3: this relay calls itself: :1 → :1"),
        ("[[relay]]\nlisten=':1'\ntarget=':2'\ntimeout = 0", "4: 'timeout' takes a number of seconds above 0, not 0"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, mistake: str) -> None:
    assert mistakes(text) == [mistake]


def test_all_mistakes_are_told_in_the_order_of_their_lines() -> None:
    text = "[[relay]]\nlisten = ':1'\n[[listen]]\naddress = 'x'\nap = 'echo'\n[limits]\nidle = 'long'\n"
    found = mistakes(text)
    assert [mistake.partition(":")[0] for mistake in found] == ["1", "3", "4", "5", "7"]


def test_relays_that_call_each_other_in_a_circle() -> None:
    text = "".join(
        f"[[relay]]\nname = '{name}'\nlisten = ':{at}'\ntarget = ':{target}'\n"
        for name, at, target in (("a", 1, 2), ("b", 2, 3), ("c", 3, 2))
    )
    assert mistakes(text) == ["8: this relay calls itself: b → c → b", "12: this relay calls itself: c → b → c"]


def test_a_certificate_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"line 2: .*the file '.*/missing.pem' cannot be used: no such file"
    ) as caught:
        read('[[relay]]\nlisten = "tls://:7?cert=missing.pem"\ntarget = "tls://:8?ca=gone.pem"\n', tmp_path)
    assert "gone.pem" in str(caught.value.others[0])


def test_a_path_that_is_too_long_where_it_is() -> None:
    assert "2: 'unix:///etc/" in mistakes(ECHO.replace(":7707", "unix:" + "x" * 105))[0]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tincans.toml: cannot be read: no such file"):
        load(tmp_path / "tincans.toml")
    with pytest.raises(ConfigError, match=r"cannot be read: is a directory"):
        load(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"# ok\n# gr\xfc\xdfe\n")
    with pytest.raises(ConfigError, match=r"latin.toml, line 2: a byte here is not UTF-8"):
        load(tmp_path / "latin.toml")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (":1", ":1", True),
        (":1", "*:1", True),
        (":1", "tls://:1", True),
        (":1", "udp://:1", False),
        (":0", ":0", False),
        (":1", "localhost:1", False),
        ("unix:/x", "unix:/x?mode=600", True),
        ("unix:/x", "unix:/y", False),
        ("memory:x", "memory:x", True),
    ],
)
def test_whether_two_listen_in_one_place(one: str, other: str, same: bool) -> None:
    assert same_place(Address.parse(one), Address.parse(other)) is same


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("tcp://127.0.0.1:1", ":1"),
        ("*:1", ":1"),
        ("tls://*:1?alpn=x", "tls://127.0.0.1:1"),
        ("[::1]:1", "tcp://[::1]:1"),
        ("udp://:1", "udp://127.0.0.1:1"),
    ],
)
def test_the_shortest_way_to_call(address: str, text: str) -> None:
    assert short(Address.parse(address)) == text


# ── relays that know what is spoken ───────────────────────────────────────────────────────────────────────


def test_a_relay_may_be_told_what_is_spoken() -> None:
    text = '[[relay]]\nlisten = ":1"\ntarget = ":2"\nprotocol = '
    [entry] = read(text + '"ftp"').entries
    assert isinstance(entry, Relay)
    assert entry.protocol == "ftp"
    with pytest.raises(ConfigError, match="'fpt' is not a protocol: did you mean 'ftp'"):
        read(text + '"fpt"')


# ── relays that see through TLS ───────────────────────────────────────────────────────────────────────────


def test_only_a_target_that_is_intercepted_has_the_options_of_tls() -> None:
    text = '[[relay]]\nlisten = ":1"\ntarget = ":2?verify=off"\n'
    [entry] = read(text + "intercept = true").entries
    assert isinstance(entry, Relay)
    assert entry.intercept
    assert entry.target.option("verify") == "off"
    with pytest.raises(ConfigError, match="the option 'verify' is for tls only"):
        read(text)


def test_the_files_of_a_target_that_is_intercepted_are_looked_at() -> None:
    with pytest.raises(ConfigError, match="'/no/such/file' cannot be used"):
        read('[[relay]]\nlisten = ":1"\ntarget = ":2?ca=/no/such/file"\nintercept = true')


# ── what an app is told ───────────────────────────────────────────────────────────────────────────────────

ANN = str(Verifier.of("pencil", rounds=1))


def listening(app: str, *lines: str) -> str:
    return "\n".join((f"[[listen]]\naddress = ':1'\napp = '{app}'", *lines, ""))


def told(text: str, folder: Path = Path("/etc")) -> Settings:
    """The settings of the only listener of a file."""
    [entry] = read(text, folder).entries
    assert isinstance(entry, Listen)
    return entry.settings


def test_by_default_an_app_is_told_nothing() -> None:
    assert told(ECHO) == Settings()


def test_an_app_is_told_what_stands_in_its_table(tmp_path: Path, certificates: Certificates) -> None:
    inside = f"cert = '{certificates.leaf}'", f"key = '{certificates.leaf}'"
    assert told(listening("http:/", "write = true", "guests = false")) == Settings(write=True, guests=False)
    assert told(listening("ftp:/", "tls = 'required'", "passive = '50000-50100'", *inside)) == Settings(
        tls="required", passive="50000-50100", cert=str(certificates.leaf), key=str(certificates.leaf)
    )
    assert told(listening("mail", f"mails = '{tmp_path}'", "keep = 5", "days = 0.5")) == Settings(
        mails=str(tmp_path), keep=5, days=0.5
    )


def test_files_that_an_app_is_told_are_relative_to_the_file(certificates: Certificates) -> None:
    folder = certificates.leaf.parent
    text = listening("mail", "mails = 'mails'", "tls = 'offered'", "cert = 'leaf.pem'", "key = 'leaf.pem'")
    settings = told(text, folder)
    assert (settings.cert, settings.key) == (str(certificates.leaf), str(certificates.leaf))
    assert settings.mails == str(folder / "mails")


def test_users_are_told_to_those_who_ask_for_them() -> None:
    users = f"[users]\nann = '{ANN}'\n"
    config = read(users + listening("http:/") + listening("echo").replace(":1", ":2"))
    asking, other = config.entries
    assert isinstance(asking, Listen)
    assert isinstance(other, Listen)
    assert asking.settings.users == Users({"ann": ANN})
    assert other.settings == Settings()
    assert read(users + listening("http:/")) == read(users + listening("http:/"))
    assert read(users + listening("http:/")) != read(listening("http:/"))


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (listening("echo", "write = true"), "3: echo has no use for the setting 'write' (it takes none at all)"),
        (
            listening("http:/", "write = true", "keep = 3"),
            "3: http:/ has no use for the setting 'keep' (it takes guests, users, write)",
        ),
        (listening("http:/", "write = 1"), "4: 'write' takes true or false, not 1"),
        (listening("http:/", "guests = 'no'"), "4: 'guests' takes true or false, not \"no\""),
        (listening("ftp:/", "tls = 'on'"), '4: \'tls\' takes "off", "offered" or "required", not "on"'),
        (listening("ftp:/", "cert = ''"), "4: 'cert' takes a file in quotes, not \"\""),
        (
            listening("ftp:/", "passive = 50000"),
            "4: 'passive' takes two ports in quotes, as in \"50000-50100\", not 50000",
        ),
        (
            listening("ftp:/", "passive = '2-1'"),
            "3: '2-1' are no ports: write the first and the last, as in 50000-50100",
        ),
        (listening("mail", "mails = true"), "4: 'mails' takes a folder in quotes, not true"),
        (listening("mail", "keep = -1"), "4: 'keep' takes a whole number, or 0 for all, not -1"),
        (listening("mail", "days = 'all'"), "4: 'days' takes a number of days, or 0 for ever, not \"all\""),
        (listening("http:/no/such"), "3: '/no/such' is no folder: no such file or directory"),
        (listening("ftp:/no/such"), "3: '/no/such' is no folder: no such file or directory"),
        (listening("mail:imap"), "3: there are mail and mail:pop3, and no mail:imap"),
        (listening("echo", "writes = 1"), "4: there is no setting 'writes', did you mean 'write'?"),
        ("users = 3\n" + ECHO, "1: 'users' takes a table of names and what tincans passwd prints for each, not 3"),
        (
            "[users]\nann = 3\n" + ECHO,
            "1: 'users' takes a table of names and what tincans passwd prints for each, not a table",
        ),
        (
            "[users]\nann = 'pencil'\n" + ECHO,
            "1: the user 'ann': a password is kept as tincans passwd prints it, SCRAM-SHA-256$…",
        ),
        (
            f"[users]\n'a b' = '{ANN}'\n" + ECHO,
            "1: 'a b' is no user's name: letters, digits and . @ + - _, at most 64",
        ),
    ],
)
def test_a_mistake_about_an_app_is_told_with_its_line(text: str, mistake: str) -> None:
    assert mistakes(text) == [mistake]


def test_a_certificate_that_an_app_cannot_show(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"line 3: TLS cannot be offered: .*gone.pem' cannot be used"):
        told(listening("ftp:/", "tls = 'offered'", "cert = 'gone.pem'"), tmp_path)


# ── a file of users ───────────────────────────────────────────────────────────────────────────────────────


def test_users_come_from_a_file_that_may_say_more(tmp_path: Path) -> None:
    path = tmp_path / "users.toml"
    path.write_text(f"[users]\nann = '{ANN}'\n[other]\nx = 1\n")
    assert load_users(path) == Users({"ann": ANN})
    path.write_text("[users]\n")
    assert load_users(path) == Users()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "users.toml: it has no table [users]; tincans passwd makes its lines"),
        ("users = \n", "users.toml, line 1: invalid value"),
        ("\n[users]\nann = 'pencil'\n", "users.toml, line 2: the user 'ann': a password is kept as tincans passwd"),
        ("[users]\nann = 3\n", "users.toml, line 1: 'users' takes a table of names and what tincans passwd prints"),
    ],
)
def test_a_file_without_users(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "users.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(reason)):
        load_users(path)
