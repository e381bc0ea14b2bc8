"""Calls that others bridge and only send us the audio of: AudioSocket, and media streams over WebSocket.

Each protocol is a codec without I/O (what came in → what it means, and what to answer); :mod:`gateway.taps.desk` makes
calls of it, :mod:`gateway.taps.server` owns the sockets. None of it is ever in the path of the two people's talk.
"""
