"""What a token costs, and how many a second there may be: the one place for both."""

from typing import Final

DATED: Final = "September 2026"
"""When the price was last seen on bills, and the quota in lists of quotas."""

SOURCE: Final = "https://aws.amazon.com/cognito/pricing/"
"""Where AWS publishes the price ("machine-to-machine")."""

DOLLARS: Final = 0.00225
"""For one token, billed for each successful answer to a client_credentials request.

Seen on bills of 2 to 4 September 2026 (20 tokens, $0.0450) and at Vantage (line item CUPM2MTokenRequestsFull: $2.25 per
1,000 successful token responses, then graduated), so this is the first tier, and the dearest. Often misquoted as the
price of a thousand.
"""

QUOTA: Final = 150
"""Token requests a second, per account and region, all user pools and app clients together; not adjustable.

AWS, service quotas of Amazon Cognito, "Rate of ClientAuthentication requests" (L-74D3DD04).
"""

DAYS: Final = 365 / 12
"""Of a month."""

TABLE_READ: Final = 0.125e-6
TABLE_WRITE: Final = 0.625e-6
"""Dollars for one request unit of a DynamoDB table on demand, US East (N. Virginia), since November 2024.

A unit reads up to 4 KB consistently, twice as much otherwise, or writes up to 1 KB.
"""

TABLE_SOURCE: Final = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
"""Where AWS publishes them; "November 2024" is when it halved them."""

TABLE_WRITES: Final = 4
"""Units for each new token: the lease, the entry of 1.3 KB, which takes two, and the end of the lease."""


def dollars(tokens: float) -> float:
    """What so many tokens cost."""
    return tokens * DOLLARS


def table_dollars(looks: float, tokens: float) -> float:
    """What a DynamoDB table costs at most for so many looks at an entry, and so many new entries."""
    return looks * TABLE_READ + tokens * TABLE_WRITES * TABLE_WRITE
