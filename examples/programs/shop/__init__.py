"""A Django project whose one view calls the files service."""
