"""SIPREC: an SBC or PBX records a call to us (RFC 7866), with metadata that says who is on which stream (RFC 7865).

Everything here is pure; the dialog itself is a :class:`gateway.endpoint.Leg` like any other.
"""
