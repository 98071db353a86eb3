"""Tests of ninefold.pictures."""
