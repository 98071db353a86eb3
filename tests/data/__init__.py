"""Tests of `ninefold.data`."""
