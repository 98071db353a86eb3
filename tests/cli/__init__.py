"""Tests of ninefold.cli."""
