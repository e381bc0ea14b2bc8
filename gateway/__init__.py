"""Telephony: everything that touches SIP, RTP or a media socket. Knows no recogniser, no language, no screen."""
