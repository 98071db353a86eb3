"""Tests of `ninefold.generation`."""
