"""s2sauth beside what a user would pick instead: `scripts/peers` runs it, docs/how-it-compares.md shows it.

`rows` says what is compared and runs each pair of peer and work in a process of its own: `worker`, which has the peer's
environment, and in which `works` has the work itself. `page` makes the page and the pictures from the JSON.
"""
