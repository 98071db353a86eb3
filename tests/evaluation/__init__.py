"""Tests of `ninefold.evaluation`."""
