"""Tests of jobs: states, order, estimates, acceptance, drawing, recovery."""
