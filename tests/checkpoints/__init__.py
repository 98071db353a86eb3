"""Tests of `ninefold.checkpoints`."""
