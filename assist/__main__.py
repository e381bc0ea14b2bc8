"""``python -m assist`` is the ``apuntador`` command."""

from assist.cli.main import main

main()
