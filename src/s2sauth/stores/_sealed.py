"""Entries of the shared store are encrypted with what only holders of the client secret have.

AES-256-GCM, under a key that HKDF (RFC 5869) derives from the client secret. Whoever can decrypt could ask for a token
himself, so there is no key to manage; and each of two live secrets of a rotation has entries of its own. What the token
is for is the associated data: an entry that is moved to another name does not decrypt.
"""

import os
from base64 import b64decode, b64encode
from typing import final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .._core.settings import Settings
from .._core.stored import FORMAT, Stored, associated_data, dump, load, name
from .._core.values import Secret
from .base import MAX_VALUE

_NONCE = 12
"""Bytes; random for each entry (NIST SP 800-38D 8.2.2: good for 2 ** 32 entries of a key)."""


@final
class Seal:
    """Names, encrypts and decrypts the entry of one key, under one client secret."""

    __slots__ = ("_cipher", "_data", "_settings", "lease", "name", "secret")

    def __init__(self, secret: Secret, settings: Settings) -> None:
        derived = HKDF(SHA256(), 64, salt=None, info=FORMAT.encode()).derive(secret.reveal().encode())
        self.secret = secret
        self._cipher = AESGCM(derived[:32])
        self._data = associated_data(settings)
        self._settings = settings
        self.name = name(derived[32:], settings)
        """The store's key."""
        self.lease = f"{self.name}:lease"
        """The store's key for the lease."""

    def seal(self, stored: Stored) -> bytes:
        """ASCII, so that any client library hands it back as it was."""
        nonce = os.urandom(_NONCE)
        return b64encode(nonce + self._cipher.encrypt(nonce, dump(stored), self._data))

    def open(self, value: bytes) -> Stored | None:
        """What was sealed here, in this format; None for all else. Never raises."""
        if len(value) > MAX_VALUE:
            return None
        try:
            sealed = b64decode(value, validate=True)
            return load(self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], self._data), self._settings)
        except (ValueError, InvalidTag):  # no base64, or too short to be anything; not of this key, or damaged
            return None
