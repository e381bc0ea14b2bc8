"""The workers' side of the edge (Kamailio): what it is rendered from, and what a worker tells it and hears from it.

The edge itself is ``sip_config/kamailio``; ``assist.stack.edge`` runs it. See docs/edge.md.
"""
