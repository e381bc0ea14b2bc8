"""The conversation: events, sessions, decisions, case history, and the hub that serves the screens."""
