"""Tests of `ninefold.models`."""
