"""All fixtures, for this folder."""

from tests.support.every_fixture import *  # noqa: F403  # that is what the module is for
