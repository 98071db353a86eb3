"""Equality with independent implementations."""
