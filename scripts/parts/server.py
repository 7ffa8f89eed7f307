"""A server as a process of its own: on a free loopback port, in a temporary folder, and gone when the block ends."""

from s2sauth.local._server import Server

__all__ = ["Server"]
