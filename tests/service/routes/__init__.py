"""Tests of what the gateway answers."""
