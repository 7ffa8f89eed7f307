"""The servers of tests/support/pages.py, by way of modules that are not type-checked."""

from importlib import import_module
from typing import Any

_pages: Any = import_module("tests.support.pages")

at_home = _pages.at_home
cluster = _pages.cluster
moto = _pages.moto
sentinel = _pages.sentinel
token_table = _pages.token_table
valkey = _pages.valkey
