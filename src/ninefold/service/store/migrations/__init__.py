"""The database's schema as a chain of Alembic migrations; `versions/` holds them in order."""
