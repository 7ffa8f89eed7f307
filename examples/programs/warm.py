"""The same application with its token fetched before gunicorn forks: one token for all workers.

gunicorn --preload --workers 4 warm:app
"""

from web import app, credentials

__all__ = ["app"]

# The token alone: a call through `files` would leave a connection behind that all workers would then share.
credentials.get_token()
