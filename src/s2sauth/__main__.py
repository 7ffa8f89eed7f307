"""`python -m s2sauth`: the command line."""

from ._cli import main

raise SystemExit(main())
