"""Names that were probably meant: for a message, so difflib is imported only when there is one."""

import re
from collections.abc import Iterable
from typing import Final

_NOISE: Final = frozenset({"APP", "AWS", "COGNITO", "M2M", "OAUTH", "OAUTH2", "POOL", "USER", "USERPOOL"})


def argument(wrong: str, known: Iterable[str]) -> str | None:
    """The argument that was probably meant by a name that there is not; None if none is close."""
    from difflib import get_close_matches  # noqa: PLC0415  # as said above

    return next(iter(get_close_matches(wrong, list(known), 1, 0.6)), None)


def variable(wanted: Iterable[str], set_ones: Iterable[str], prefix: str) -> tuple[str, str] | None:
    """Of the variables that are set the one that is closest to a wanted one, and that one; None if none is close.

    Closeness is that of the whole names, or of what they say besides "COGNITO", "APP" and the like: GOOGLE_CLIENT_ID is
    not close to COGNITO_CLIENT_ID, CLIENT_ID is.
    """
    from difflib import SequenceMatcher  # noqa: PLC0415  # as said above

    found: tuple[float, str, str] = (0.0, "", "")
    names = [name for name in set_ones if re.fullmatch(r"[A-Za-z_]\w{2,63}", name, re.ASCII)]
    for right in wanted:
        for name in names:
            whole = SequenceMatcher(None, name.upper(), right.upper()).ratio()
            rest = SequenceMatcher(None, _rest(name, prefix), _rest(right, prefix)).ratio()
            ours = name.startswith(f"{prefix}COGNITO_")  # so that less will do
            if (whole > (0.75 if ours else 0.9) or rest > 0.9) and (whole, name, right) > found:
                found = (whole, name, right)
    return found[1:] if found[1] else None


def _rest(name: str, prefix: str) -> str:
    """What the name says besides the prefix and the words that many names have."""
    words = name.upper().removeprefix(prefix.upper().rstrip("_")).split("_")
    return "".join(word for word in words if word not in _NOISE)
