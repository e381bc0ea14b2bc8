"""Recognisers side by side, each in a process of its own: workers that speak `bench.peers.protocol`."""
