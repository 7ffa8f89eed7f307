"""Scripts that fork themselves by C code, each in an interpreter of its own."""

import os
from pathlib import Path

from s2sauth.testing import FakeCognito
from tests.support.scripts import Running

ROOT = str(Path(__file__).resolve().parents[2])

BEGIN = """
import os, threading, warnings
from s2sauth import CognitoClientCredentials, TokenUnavailable
from tests.support.c_fork import child

def scopes():
    return credentials.get_token().scopes

def begin():
    try:
        credentials.get_token(timeout=0)  # begins a flight and leaves it to itself
    except TokenUnavailable:
        print("begun")

"""
"""What each of them begins with."""


def script(body: str, fake: FakeCognito, **variables: str) -> Running:
    """One that has the wheel, and this folder for its helper."""
    python = {"PATH": os.environ["PATH"], "PYTHONPATH": ROOT, "PYTHONUNBUFFERED": "1"}
    return Running(BEGIN + body, {**python, **fake.environ, "COGNITO_SCOPES": "demo/read.file", **variables})
