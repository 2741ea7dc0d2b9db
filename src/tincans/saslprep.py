"""SASLprep: one writing of a password or a name for all that look the same (RFC 4013).

`ü` may be typed as one character or as `u` with two dots to be put over it, and a space may be a wide one. SCRAM keeps
a password as a digest, so both sides have to write it the same way before: a client that does, and it must (RFC 5802
§5.1), would else never match what was kept.
"""

from __future__ import annotations


def saslprep(text: str) -> str:
    """The text as it is compared, for a stored string: what Unicode 3.2 does not know is prohibited.

    Raises `ValueError` where something in it is prohibited, or nothing is left.
    """
    if text.isascii() and text.isprintable() and text:
        return text
    import stringprep
    from unicodedata import ucd_3_2_0

    kept = "".join(" " if stringprep.in_table_c12(each) else each for each in text if not stringprep.in_table_b1(each))
    prepared = ucd_3_2_0.normalize("NFKC", kept)
    if not prepared:
        raise ValueError("nothing is left of it")
    if any(_is_prohibited(each) for each in prepared):
        raise ValueError("it has a character that is prohibited")
    _check_directions(prepared)
    return prepared


def _is_prohibited(character: str) -> bool:
    """RFC 4013 §2.3 and §2.5."""
    import stringprep

    tables = (
        stringprep.in_table_a1, stringprep.in_table_c12, stringprep.in_table_c21_c22, stringprep.in_table_c3,
        stringprep.in_table_c4, stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7,
        stringprep.in_table_c8, stringprep.in_table_c9,
    )  # fmt: skip
    return any(has(character) for has in tables)


def _check_directions(text: str) -> None:
    """What is written from the right to the left is so throughout, and begins and ends so (RFC 3454 §6)."""
    from stringprep import in_table_d1, in_table_d2

    if not any(map(in_table_d1, text)):
        return
    if any(map(in_table_d2, text)) or not (in_table_d1(text[0]) and in_table_d1(text[-1])):
        raise ValueError("it is written in both directions")
