"""The app `MODULE:FUNCTION`: a function of yours that is given the channel to each caller.

The module is found as `python -m` would find it, the current directory first. Everything that can be wrong about
it is said before anybody is served.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from types import ModuleType
from typing import Any, cast

from tincans.errors import UsageError
from tincans.server import App


def load_function(text: str) -> App:
    """The function that `MODULE:FUNCTION` names. `UsageError` when it cannot be an app, and why."""
    function = find_object(text, "MODULE:FUNCTION, as in myapp:main")
    if not callable(function):
        raise UsageError(f"{text} is {_a(type(function).__name__)} and not a function of one channel")
    _check_parameters(text, function)
    return cast("App", function)


def find_object(text: str, form: str) -> Any:
    """What `MODULE:NAME` names, `form` being how it should be written. `UsageError` when there is no such thing."""
    module_name, _, path = text.partition(":")
    if not module_name or not path:
        raise UsageError(f"{text!r} is not an app: write {form}")
    return _find(_import(module_name), path)


def _import(name: str) -> ModuleType:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            known = (found.name for found in pkgutil.iter_modules([here]))
            raise UsageError(f"there is no module {name!r} in {here} or installed{_near(name, known)}") from error
        raise UsageError(f"the module {name!r} cannot be loaded: {error}") from error
    except Exception as error:
        raise UsageError(f"the module {name!r} cannot be loaded: {type(error).__name__}: {error}") from error


def _find(module: ModuleType, path: str) -> Any:
    found: Any = module
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            known = (n for n, value in vars(found).items() if callable(value)) if hasattr(found, "__dict__") else ()
            raise UsageError(f"{module.__name__} has no function {path!r}{_near(name, known)}") from None
    return found


def _check_parameters(text: str, function: Callable[..., object]) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # some built-in functions do not tell
    try:
        signature.bind(object())
    except TypeError:
        count = len(signature.parameters)
        takes = f"{count or 'no'} parameter{'' if count == 1 else 's'}"
        raise UsageError(f"{text} takes {takes}, and an app takes one, the channel") from None


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), 1)
    return f", did you mean {near[0]!r}?" if near else ""


def _a(noun: str) -> str:
    return f"an {noun}" if noun[:1] in "aeiou" else f"a {noun}"
