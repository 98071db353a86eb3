"""Tests of the native decoder."""
