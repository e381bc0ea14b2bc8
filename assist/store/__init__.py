"""The case history: one row a call and everything that was said and decided in it, in SQLite or PostgreSQL."""
