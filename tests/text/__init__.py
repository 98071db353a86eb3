"""Tests of `ninefold.text`."""
