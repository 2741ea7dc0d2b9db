"""The files of both pages: nothing from outside the machine, nothing that makes markup or script of text, all there."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tincans.watch.assets import BESIDE, FOLDER

VENDOR = FOLDER / "vendor"
CHAT = BESIDE["chat"]
OWN = sorted(path for path in [*FOLDER.rglob("*"), *CHAT.rglob("*")] if path.is_file() and path.parent != VENDOR)
MODULES = [path for path in OWN if path.suffix == ".js"]
STYLES = [path for path in OWN if path.suffix == ".css"]
PAGE = FOLDER / "index.html"
HUBS_PAGE = CHAT / "index.html"

#: Whatever makes markup or script of a text. The page's policy forbids them too; here it is said before a browser is.
MARKUP = re.compile(
    r"innerHTML|outerHTML|dangerouslySetInnerHTML|insertAdjacentHTML|document\s*\.\s*write|srcdoc|createContextualFragment"
    r"|setHTMLUnsafe|\beval\b|new\s+Function|\bFunction\s*\(|set(?:Timeout|Interval)\s*\(\s*[\"'`]|javascript:"
)
#: A name for something else: what an SVG element is called is no place.
NAMES = ("http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml", "http://www.w3.org/1999/xlink")
OUTSIDE = re.compile(r"""(?:\b(?:https?|wss?|ftp):)?//[A-Za-z0-9\[][^\s"'`)<>]*""")
IMPORT = re.compile(r"""(?:[*}\w]\s*\bfrom\s*|\bimport\s*\(?\s*)["']([^"']+)["']""")
COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'`\\/])//[^\n]*", re.DOTALL)


class Markup(HTMLParser):
    """Each element's name and attributes, and the text in the scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] == "script" and data.strip():
            self.scripts.append(data)


def named(path: Path) -> str:
    return str(path.relative_to(FOLDER if path.is_relative_to(FOLDER) else CHAT.parent))


def page(path: Path = PAGE) -> Markup:
    return Markup(path.read_text())


def imported(path: Path = PAGE) -> dict[str, str]:
    """What the import map gives names to."""
    (script,) = page(path).scripts
    names = json.loads(script)["imports"]
    assert isinstance(names, dict)
    return names


def file_of(address: str, path: Path = PAGE) -> Path:
    """The file that an address in the page means: what one page shares with the other lies there."""
    address = address.removeprefix("./")
    if path == HUBS_PAGE:
        own = address.removeprefix("static/")
        assert own != address, address
        return FOLDER / own.removeprefix("page/") if own.startswith("page/") else CHAT / own
    first, _, rest = address.partition("/")
    return BESIDE[first] / rest if first in BESIDE else FOLDER / address


def found(name: str, path: Path, of: Path) -> Path:
    """The file that a module imports under this name, in one of the pages."""
    if name.startswith("./"):
        return path.parent / name
    names = imported(of)
    folder = next((each for each in names if each.endswith("/") and name.startswith(each)), "")
    assert name in names or folder, name
    return file_of(names[folder] + name.removeprefix(folder) if folder else names[name], of)


def test_what_others_made_is_as_they_published_it() -> None:
    lines = (line.split("  ") for line in (VENDOR / "SHA256SUMS").read_text().splitlines())
    sums = {name: said for said, name in lines}
    there = {path.name for path in VENDOR.iterdir()} - {"SHA256SUMS", "README.md"}
    assert set(sums) == there
    assert sums == {name: sha256((VENDOR / name).read_bytes()).hexdigest() for name in there}


def test_each_of_them_is_told_of_with_version_and_licence() -> None:
    told = (VENDOR / "README.md").read_text()
    for path in VENDOR.glob("*.mjs"):
        row = re.search(rf"^\| `{path.name}` \|.*\| (\d+\.\d+\.\d+) \| .*`(LICENSE\.\S+)` \|$", told, re.MULTILINE)
        assert row, path.name
        assert (VENDOR / row[2]).is_file()


@pytest.mark.parametrize("path", MODULES + STYLES + [PAGE, HUBS_PAGE], ids=named)
def test_nothing_comes_from_outside(path: Path) -> None:
    text = path.read_text() if path.suffix == ".html" else COMMENT.sub("", path.read_text())
    assert [each for each in OUTSIDE.findall(text) if not each.startswith(NAMES)] == []


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_no_text_becomes_markup_or_script(path: Path) -> None:
    assert MARKUP.findall(COMMENT.sub("", path.read_text())) == []


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_every_import_is_there(path: Path) -> None:
    for name in IMPORT.findall(COMMENT.sub("", path.read_text())):
        for each in [PAGE] if path.is_relative_to(FOLDER) else [PAGE, HUBS_PAGE]:
            assert found(name, path, each).is_file(), f"{named(path)} imports {name}"


@pytest.mark.parametrize("path", sorted(VENDOR.glob("*.mjs")), ids=named)
def test_every_import_of_what_others_made_is_named(path: Path) -> None:
    for name in IMPORT.findall(path.read_text()):
        assert found(name, path, PAGE).is_file()


@pytest.mark.parametrize("path", [PAGE, HUBS_PAGE], ids=named)
def test_the_page_asks_only_for_its_own_files(path: Path) -> None:
    for tag, has in page(path).elements:
        asked = has.get("src") or (has.get("href") if tag == "link" else None)
        if asked:
            assert asked.startswith("./"), asked
            assert file_of(asked, path).is_file(), asked


@pytest.mark.parametrize("path", [PAGE, HUBS_PAGE], ids=named)
def test_the_page_has_no_script_or_style_of_its_own_but_the_import_map(path: Path) -> None:
    whole = page(path)
    assert [has.get("type") for tag, has in whole.elements if tag == "script" and not has.get("src")] == ["importmap"]
    assert not [tag for tag, _ in whole.elements if tag == "style"]
    names = {name for _, has in whole.elements for name in has}
    assert not {name for name in names if name == "style" or name.startswith("on")}


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_says_first_what_it_is_for(path: Path) -> None:
    assert path.read_text().startswith("// ")
