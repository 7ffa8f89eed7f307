"""gunicorn's settings for greenlets in a preloaded application: patched before anything else is imported."""

from gevent import monkey

monkey.patch_all()

preload_app = True
worker_class = "gevent"
