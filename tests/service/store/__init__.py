"""Tests of the database and the object store."""
