"""Which version this is, for every floor: the package itself, which has it as well, is above all of them."""

VERSION = "0.1.0"
