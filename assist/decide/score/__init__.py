"""The quality scorecard: what a card is (`card`), how each of its items is measured (`measures`), the decider."""

from assist.decide.score.card import Scorecard, packaged_card, parse_card
from assist.decide.score.decider import decide

__all__ = ["Scorecard", "decide", "packaged_card", "parse_card"]
