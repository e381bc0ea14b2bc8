"""The stack of one machine: broker, gateway, transcribers and assist core as supervised processes."""
