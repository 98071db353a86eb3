"""Where the service keeps what must not be lost: PostgreSQL and an object store."""
