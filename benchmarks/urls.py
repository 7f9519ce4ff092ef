"""The product's pages, and the one that starts a burst."""

from django.urls import path

from benchmarks.burst import burst
from signalbox.urls import urlpatterns as product

urlpatterns = [path("bench/burst", burst), *product]
