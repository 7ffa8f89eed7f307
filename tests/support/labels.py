"""Names of parametrised values."""

import re


def plainly(value: object) -> str:
    """The value as it shows itself, without its place in memory, which differs between runs.

    And without backslashes: pytest does not find a test again by a name that has one.
    """
    return re.sub(r" at 0x[0-9a-f]+", "", ascii(value)).replace("\\", "/")
