"""Tests of `ninefold.safety`."""
