"""Live sessions: the decision core wired to the bus."""
