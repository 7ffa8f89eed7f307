"""Names of parametrised values."""

import re


def plainly(value: object) -> str:
    """The value as it shows itself, without its place in memory, which differs between runs."""
    return re.sub(r" at 0x[0-9a-f]+", "", ascii(value))
