"""What `s2sauth doctor` looks at in the client secret, and in its rotation where Cognito manages it."""

from __future__ import annotations

import errno
import os
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from .._core.errors import ConfigurationError
from .._core.secret_owner import client_of, secrets_of
from ..secret_sources import EnvironmentSecret, SourceFailed
from ..secret_sources.base import read_found
from ._checks import Check, advice_for, is_starved
from ._exits import UNREACHABLE, USAGE
from ._words import distance, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._core.values import ManagedSecret, Secret
    from ._settings import Loaded

LENGTHS: Final = range(24, 65)
"""Characters that Cognito's secrets have."""


def secret(loaded: Loaded) -> tuple[Check, ManagedSecret | None]:
    """Whether the secret can be read and looks like one, and what names its app client, if that came with it.

    No character of the secret is shown.
    """
    try:
        found, cut = read_found(loaded.secret)
    except ConfigurationError as wrong:
        advice = "Give the secret as it stands in the Cognito console."
        return Check("secret", "fail", str(wrong), advice, USAGE), None
    except Exception as error:  # noqa: BLE001  # a source raises what it likes
        text = f"its source is down: {os.strerror(errno.EMFILE) if is_starved(error) else _said(error)}"
        advice = advice_for(error, "Check path or ARN, rights and network.")
        return Check("secret", "fail", text, advice, UNREACHABLE), None
    settings = loaded.credentials._slot.settings
    try:
        secrets = secrets_of(client_of(found, settings), found)
    except ConfigurationError as wrong:
        advice = "Cognito's DescribeUserPoolClient shows a client's id, and the ARN of a secret that Cognito manages."
        return Check("secret", "fail", str(wrong), advice, USAGE), None
    managed = next((managed for _, managed in found if managed is not None), None)
    return _form(secrets, managed, cut=cut), managed


def _form(secrets: list[Secret], managed: ManagedSecret | None, *, cut: bool) -> Check:
    if any(len(one.reveal()) not in LENGTHS for one in secrets):
        advice = "Cognito's have 24 to 64 characters: see whether all of it was copied."
        return Check("secret", "warn", "is of an unusual length", advice)
    if cut:
        return Check("secret", "warn", "ends in a line break, which is cut off", "Store it without.")
    if managed is None:
        return Check("secret", "pass", "can be read and has the form of Cognito's")
    pool = f" in the user pool {managed.user_pool_id}" if managed.user_pool_id else ""
    return Check("secret", "pass", f"is managed by Cognito, for the app client {managed.client_id}{pool}")


def rotation(loaded: Loaded, now: float) -> Check | None:
    """When Secrets Manager rotated the secret and will do so again; None where the secret is read in another way."""
    source = loaded.secret.at_construction() if isinstance(loaded.secret, EnvironmentSecret) else loaded.secret
    from ..secret_sources.aws import SecretsManagerSecret, describe  # noqa: PLC0415  # only what is used

    if not isinstance(source, SecretsManagerSecret):
        return None
    try:
        found = describe(source)
    except Exception as error:  # noqa: BLE001  # whatever botocore raises
        text = f"is not known: {_said(error)}. Only this check needs secretsmanager:DescribeSecret"
        return Check("rotation", "skip", text)
    return _rotation(found, now)


def _rotation(found: Mapping[str, Any], now: float) -> Check:
    last, due = (_away(found.get(name), now) for name in ("LastRotatedDate", "NextRotationDate"))
    if not found.get("RotationEnabled"):
        advice = "Cognito rotates the secrets that it manages every 7 days, unless that was changed in Secrets Manager."
        return Check("rotation", "warn", "is turned off in Secrets Manager", advice)
    rules: Mapping[str, Any] = found.get("RotationRules") or {}
    days = rules.get("AutomaticallyAfterDays")
    every = printable(str(rules.get("ScheduleExpression", f"every {days} days" if days else "is on")))
    when = "" if last is None else f", last {distance(last)}"
    if due is not None and due < 0:
        advice = "It has failed: the secret's page in Secrets Manager says why."
        return Check("rotation", "warn", f"{every}{when}; it was due {distance(due)}", advice)
    return Check("rotation", "pass", every + when + ("" if due is None else f", next {distance(due)} at the latest"))


def _away(moment: object, now: float) -> float | None:
    """In seconds, below 0 for what is past."""
    return moment.timestamp() - now if isinstance(moment, datetime) else None


def _said(error: Exception) -> str:
    return error.reason if isinstance(error, SourceFailed) else type(error).__name__
