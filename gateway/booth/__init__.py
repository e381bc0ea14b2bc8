"""The booth: live calls on team leads' own phones (docs/ears.md).

``seat`` decides what becomes of one lead's wishes, without I/O; ``ear`` mixes what the lead hears; ``hall`` is the bus
side, in a thread of its own; ``service`` the SIP side. A worker's dialogs are for its calls, so leads have processes of
their own: a booth that dies takes nobody's call with it.
"""
