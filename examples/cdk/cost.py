"""What this example costs in a month, as a table.

python3 cost.py                                        a million calls, a thousand cold starts
python3 cost.py --calls 50000 --cold-starts 200        as you expect them

Prices of US East (N. Virginia) without any free tier, seen in November 2026 on the pages that the table names.
"""

import argparse

HOURS = 730
RENEWED_EVERY = 45 / 60  # hours: the first to notice renews a token of 60 minutes at 75 % of its life
TOKEN = 0.00225
SECONDS, GIGABYTES = 0.05, (256 + 128) / 1024  # of a call: what both functions run, and their memory


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000, help="of the files service, by the caller, a month")
    parser.add_argument("--cold-starts", type=int, default=1_000, help="of the caller, a month")
    options = parser.parse_args()
    calls, cold = options.calls, options.cold_starts

    tokens = HOURS / RENEWED_EVERY
    reads = cold + tokens  # of the table
    rows = [
        ("Cognito", f"{tokens:,.0f} tokens at $0.00225", tokens * TOKEN),
        ("Secrets Manager", f"a secret at $0.40, {tokens:,.0f} reads at $0.05 for 10,000", 0.40 + tokens * 0.05e-4),
        (
            "DynamoDB",
            f"{reads:,.0f} reads at $0.125 and {3 * tokens:,.0f} writes at $0.625 for a million",
            reads * 0.125e-6 + 3 * tokens * 0.625e-6,  # a lease, the token, the lease given back
        ),
        ("CloudWatch", "a dashboard at $3.00, two alarms at $0.10, three metrics at $0.30", 3.00 + 2 * 0.10 + 3 * 0.30),
        ("CloudWatch Logs", "600 bytes a call at $0.50 for a GB", calls * 600 / 1e9 * 0.50),
        ("API Gateway", "calls at $3.50 for a million", calls * 3.50e-6),
        (
            "Lambda",
            f"two invocations a call at $0.20 for a million, {SECONDS * 1000:.0f} ms each at $0.0000166667 for a GB-s",
            calls * (2 * 0.20e-6 + SECONDS * GIGABYTES * 0.0000166667),
        ),
    ]
    print(f"| {calls:,} calls, {cold:,} cold starts | | a month |\n| --- | --- | ---: |")
    for service, what, dollars in rows:
        print(f"| {service} | {what} | ${dollars:,.2f} |")
    print(f"| **all of it** | | **${sum(dollars for *_, dollars in rows):,.2f}** |")
    alone = cold + tokens
    print(f"| tokens without the table | one for each cold start and renewal, at least | ${alone * TOKEN:,.2f} |")
    print(f"| a token for each call | | ${calls * TOKEN:,.2f} |")


if __name__ == "__main__":
    main()
