"""s2sauth beside what a user would pick instead: `scripts/peers` runs it, docs/how-it-compares.md shows it.

`rows` says what is compared; each pair of row and peer runs on a `stage`, a process of its own with the peer's
environment. `page` makes the page and the pictures from the JSON.
"""
