"""The hub: the WebSocket server that serves the screens. ``docs/protocol.md`` describes what it speaks."""
