"""The URLs."""

from django.urls import path

from .views import list_files

urlpatterns = [path("files", list_files)]
