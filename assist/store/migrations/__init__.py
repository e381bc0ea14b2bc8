"""Alembic migrations of the case history; run by :func:`assist.store.engine.migrate`."""
