"""A server's own words, fit for messages and logs: printable, short, and without credentials."""

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote_plus

from .client_auth import basic
from .settings import Settings
from .values import Secret

MAX_WORDS: Final = 200
"""Characters of a server's own words that go into a message."""

HIDDEN: Final = "[…]"

_NOT_IN_A_DESCRIPTION = r"[^\x21\x23-\x5b\x5d-\x7e…]+"  # RFC 6749 5.2 and the mark of what was taken out; blanks joined
_LONG_RUN = r"[A-Za-z0-9_+=~-]{24,}"  # Cognito's secrets begin at 24 characters

_NOT_IN_WORDS = r"[+~]|[0-9]{5}|[0-9][a-z]|(?<![A-Za-z0-9])[0-9]"
"""A digit in words ends a part of them (oauth2_client); in random text it may stand anywhere."""
_ENGLISH: Final = """
    th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de hi ri ro
    ic ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec pr no ct us ac ot il tr ly nc et ut ss so
    rs un lo wa ge ie wh ee wi em ad ol rt po we na ul ni ts mo ow pa im mi ai sh ir su id os iv ia am fi ci vi pl
    ig tu ev ld ry mp fe bl ab gh ty op wo sa ay ex ke fr oo av ag if ap gr od bo sp rd do uc bu ei ov by rm ep tt
    oc fa ef cu rn sc gi da yo cr cl du ga qu ue ff ba ey ls va um pp ua up lu go
"""
"""The most frequent pairs of letters in English, about 90 % of all in a text; of random letters a quarter.

To be looked up between blanks: no pair that is looked up has one in it.
"""
_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def clean(text: object, settings: Settings, secret: Secret) -> str | None:
    """The words without control characters, cut to MAX_WORDS, and without what may be a credential; None if none stay.

    The secret that was sent is taken out in every form in which a server may have read it, in upper or lower case; any
    other credential is known by its looks. An error code is made of words, however long it is, and stays.
    """
    if not isinstance(text, str):
        return None
    # What holds the secret is never bound to a name here: a traceback may show the locals of its frames.
    for encodes in (True, False):
        text = text.replace(basic(settings.client_id, secret, encodes=encodes), HIDDEN)
    text = _without(_without(text, lambda: quote_plus(secret.reveal())), secret.reveal)
    text = re.sub(_NOT_IN_A_DESCRIPTION, " ", text)
    words = re.sub(_LONG_RUN, lambda run: run[0] if _is_words(run[0], secret) else HIDDEN, text).strip()
    return (words if len(words) <= MAX_WORDS else words[: MAX_WORDS - 1] + "…") or None


def _without(text: str, word: Callable[[], str]) -> str:
    """The text with HIDDEN for each occurrence of the word, whatever the case of its letters."""
    kept: list[str] = []
    lowered, at = text.translate(_LOWER), 0
    while (found := lowered.find(word().translate(_LOWER), at)) >= 0:
        kept += (text[at:found], HIDDEN)
        at = found + len(word())
    return "".join((*kept, text[at:]))


def _is_words(run: str, secret: Secret) -> bool:
    """Whether a long run of characters reads as words, and is no part of the secret."""
    lowered = run.translate(_LOWER)
    if re.search(_NOT_IN_WORDS, run) or lowered in secret.reveal().translate(_LOWER):
        return False
    pairs = [lowered[at : at + 2] for at in range(len(lowered) - 1) if lowered[at : at + 2].isalpha()]
    return len(lowered) <= 2 * len(pairs) and 7 * len(pairs) <= 10 * sum(pair in _ENGLISH for pair in pairs)
