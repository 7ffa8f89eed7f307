"""What a token costs, and how many a second there may be: what `s2sauth cost` reckons with."""

from s2sauth._cli._price import DATED, DAYS, DOLLARS, QUOTA, TABLE_SOURCE, dollars, table_dollars

__all__ = ["DATED", "DAYS", "DOLLARS", "QUOTA", "TABLE_SOURCE", "dollars", "table_dollars"]
