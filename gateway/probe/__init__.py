"""Asking others whether they are there: what ``apuntador sip check`` does. Sends OPTIONS and nothing that rings."""
