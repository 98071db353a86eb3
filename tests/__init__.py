"""Tests of Ninefold."""
