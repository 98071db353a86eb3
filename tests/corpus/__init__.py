"""Tests of `ninefold.corpus`."""
