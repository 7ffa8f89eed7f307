"""What a token costs, and how many a second there may be: the one place for both."""

DATED = "2026-09-26"
"""When the two numbers below were last looked up."""

DOLLARS = 0.00225
"""For one token, billed per successful answer to a client_credentials request; a failed request costs nothing.

This is the first tier, and the dearest: larger amounts are graduated. AWS, "Amazon Cognito pricing", machine-to-machine
(https://aws.amazon.com/cognito/pricing/); the same on bills of September 2026 (20 tokens, $0.0450) and at Vantage, line
item CUPM2MTokenRequestsFull ($2.25 per 1,000). Often misquoted as the price of a thousand.
"""

QUOTA = 150
"""Token requests a second, per account and region, all user pools and app clients together; not adjustable.

AWS, service quotas of Amazon Cognito, "Rate of ClientAuthentication requests" (L-74D3DD04).
"""

DAYS = 365 / 12
"""Of a month."""


def dollars(tokens: float) -> float:
    """What so many tokens cost."""
    return tokens * DOLLARS
