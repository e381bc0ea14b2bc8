"""Pure deciders: events in, events out. No I/O, no clock of their own."""
