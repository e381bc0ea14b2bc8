"""Subjects of the team leads' ears. Core NATS all of them: what is asked and heard now is worth nothing later.

::

    ears.lead.<lead_id>             EarsAsk, answered by the booth that has the lead's phone
    ears.call.<call_id>             EarsOrder, answered by the worker that has the call; nobody answers for an ended one
    ears.heard.<call_id>.<party>    what a party says, 20 ms a message, while any lead is at the call
    ears.line.<call_id>.<lead_id>   the same of the customer, payment data too, for the lead who has taken the call over
    ears.voice.<call_id>.<lead_id>  what a lead says who whispers, barges or has taken over
"""

from assist.events import Party


def lead_subject(lead_id: str) -> str:
    """Where the lead's booth is asked."""
    return f"ears.lead.{lead_id}"


def call_subject(call_id: str) -> str:
    """Where the call's worker is asked."""
    return f"ears.call.{call_id}"


def heard_subject(call_id: str, party: Party) -> str:
    """A party's voice for the leads."""
    return f"ears.heard.{call_id}.{party}"


def line_subject(call_id: str, lead_id: str) -> str:
    """The customer's voice for the lead who talks instead of the agent."""
    return f"ears.line.{call_id}.{lead_id}"


def voice_subject(call_id: str, lead_id: str) -> str:
    """A lead's voice."""
    return f"ears.voice.{call_id}.{lead_id}"
