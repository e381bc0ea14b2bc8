"""Alembic's entry: always on a connection it is given, never on a URL of its own."""

from alembic import context

from assist.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
