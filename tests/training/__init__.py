"""Tests of `ninefold.training`."""
