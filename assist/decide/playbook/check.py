"""What is well formed and still can't be meant: names that refer to nothing, circles, contradictions, dead cards."""

import difflib
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter

from assist.decide.playbook.locate import Loc
from assist.decide.playbook.model import BEHAVIOURS, Card, Check, Playbook, Rule
from assist.decide.text import normalise

Fault = tuple[Loc, str]
"""Where, and what with the remedy."""


def faults(playbook: Playbook) -> Iterator[Fault]:
    """All of them."""
    yield from _taken(playbook)
    yield from _moments(playbook)
    for index, rule in enumerate(playbook.rules):
        for loc, what in _rule(rule, playbook):
            yield ("rules", index, *loc), what
    yield from _circles(playbook)
    yield from _contradictions(playbook)
    tags = {tag.value for tag in playbook.tags}
    for index, disposition in enumerate(playbook.dispositions):
        for tag in disposition.tags:
            if tag not in tags:
                yield ("dispositions", index, "tags"), _unknown("tag", tag, tags)
    for index, card in enumerate(playbook.cards):
        for loc, what in _card(card, playbook):
            yield ("cards", index, *loc), what
    for index, check in enumerate(playbook.tests):
        for loc, what in _check(check, playbook):
            yield ("tests", index, *loc), what


def _taken(playbook: Playbook) -> Iterator[Fault]:
    for section, ids in (
        ("moments", [moment.id for moment in playbook.moments]),
        ("cards", [card.id for card in playbook.cards]),
        ("rules", [rule.id for rule in playbook.rules]),
        ("sensitive", [topic.id for topic in playbook.sensitive or ()]),
        ("tags", [f"{tag.kind}.{tag.value}" for tag in playbook.tags]),
    ):
        for index, name in enumerate(ids):
            if name in ids[:index]:
                yield (
                    (section, index),
                    f"{section.removesuffix('s')} id {name!r} is taken already; rename one of the two",
                )
    rules = {rule.id for rule in playbook.rules}
    for index, moment in enumerate(playbook.moments):
        if moment.id in rules:
            yield ("moments", index), f"moment id {moment.id!r} is a rule's too; rename one of the two"


def _moments(playbook: Playbook) -> Iterator[Fault]:
    for index, moment in enumerate(playbook.moments):
        if not (moment.phrases or moment.examples or moment.facts):
            yield ("moments", index), f"moment {moment.id!r} has neither phrases nor examples nor facts; add one"
    for index, topic in enumerate(playbook.sensitive or ()):
        if not (topic.phrases or topic.examples):
            yield ("sensitive", index), f"{topic.id!r} has neither phrases nor examples; add one"


def _rule(rule: Rule, playbook: Playbook) -> Iterator[Fault]:
    rules = {known.id for known in playbook.rules}
    happenings = rules | {moment.id for moment in playbook.moments}
    behaviour = rule.kind in BEHAVIOURS
    if behaviour and rule.most_s is None:
        yield (), f"rule {rule.id!r} is about {rule.kind}: say how long is too long with most_s"
    if not behaviour and rule.most_s is not None:
        yield ("most_s",), f"rule {rule.id!r}: most_s belongs to silence and talk_over; use within_s for a deadline"
    if not behaviour and not (rule.phrases or rule.examples):
        yield ("phrases",), f"rule {rule.id!r} has neither phrases nor examples; add what people say"
    for name in rule.before:
        if name == rule.id or name not in happenings:
            yield ("before",), _unknown("rule or moment" if playbook.moments else "rule", name, happenings - {rule.id})
    for field, names in (("when", rule.when), ("after", (rule.after,) if rule.after else ())):
        for name in names:
            base, _, state = name.partition(".")
            if base == rule.id or base not in happenings:
                yield (field,), _unknown("rule or moment", base, happenings - {rule.id})
                continue
            target = playbook.rule(base)
            if state and target is None:
                yield (field,), f"{base!r} is a moment and has no {state!r}; write {base!r}"
            elif state in ("given", "refused") and target is not None and target.kind != "consent":
                yield (field,), f"rule {base!r} is no consent: it is never {state}; write {base!r} or {base}.missed"
    if rule.kind not in ("required", "consent") and (rule.within_s is not None or rule.before):
        yield (), f"rule {rule.id!r} is {rule.kind}: it takes neither within_s nor before; remove them"
    if rule.after is not None and rule.within_s is None:
        yield ("after",), f"rule {rule.id!r}: 'after' says from when within_s counts; add within_s, or use 'when'"
    tags = {tag.value for tag in playbook.tags}
    for tag in rule.when_tags:
        if tag not in tags:
            yield ("when_tags",), _unknown("tag", tag, tags)


def _circles(playbook: Playbook) -> Iterator[Fault]:
    """``before`` and the conditions must lead somewhere."""
    ids = {rule.id for rule in playbook.rules}
    for field, graph in (
        ("before", {rule.id: [name for name in rule.before if name in ids] for rule in playbook.rules}),
        (
            "when",
            {
                rule.id: [
                    name.partition(".")[0]
                    for name in (*rule.when, *((rule.after,) if rule.after else ()))
                    if name.partition(".")[0] in ids
                ]
                for rule in playbook.rules
            },
        ),
    ):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as err:
            circle = [str(name) for name in err.args[1]]
            if len(set(circle)) < 2:
                continue  # a rule that names itself is told already
            place = next(index for index, rule in enumerate(playbook.rules) if rule.id == circle[0])
            shown = " → ".join(reversed(circle))
            yield ("rules", place, field), f"rules go round in a circle ({shown}); take one of them out of {field!r}"


def _contradictions(playbook: Playbook) -> Iterator[Fault]:
    """The same words required and forbidden of the same person, in calls that both rules may be for."""
    required = [rule for rule in playbook.rules if rule.kind in ("required", "consent")]
    for index, rule in enumerate(playbook.rules):
        if rule.kind != "forbidden":
            continue
        banned = {normalise(words) for words in (*rule.phrases, *rule.examples)}
        for other in required:
            apart = rule.when_tags and other.when_tags and not set(rule.when_tags) & set(other.when_tags)
            both = banned & {normalise(words) for words in (*other.phrases, *other.examples)}
            if other.speaker == rule.speaker and both and not apart:
                words = sorted(both)[0]
                yield (
                    ("rules", index),
                    f"{words!r} is forbidden by {rule.id!r} and required by {other.id!r}; keep it in one of the two",
                )
    for index, rule in enumerate(playbook.rules):
        undone = {normalise(words) for words in rule.phrases} & {normalise(words) for words in rule.unless}
        if undone:
            words = sorted(undone)[0]
            yield ("rules", index, "unless"), f"{words!r} is under 'phrases' and 'unless'; it could never count"


def _card(card: Card, playbook: Playbook) -> Iterator[Fault]:
    when = card.when
    if not any(value not in (None, (), {}) for value in when.model_dump().values()):
        yield ("when",), f"card {card.id!r} has nothing under 'when'; it could never be offered"
        return
    rules, moments = {rule.id for rule in playbook.rules}, {moment.id for moment in playbook.moments}
    tags = {tag.value for tag in playbook.tags}
    for name in when.moments:
        if name not in moments:
            yield ("when", "moments"), _unknown("moment", name, moments)
    for name in when.tags:
        if name not in tags:
            yield ("when", "tags"), _unknown("tag", name, tags)
    for name in when.rules:
        if name not in rules:
            yield ("when", "rules"), _unknown("rule", name, rules)
    if playbook.cards_per_call == 0:
        yield (), f"card {card.id!r} could never be offered: cards_per_call is 0; raise it or remove the cards"
    words = [*when.customer, *when.agent, *when.customer_examples, *when.agent_examples]
    only_words = words and not any(
        (when.moments, when.facts, when.tags, when.rules, when.emotion, when.sentiment_below, when.silence_s)
    )
    only_words = only_words and when.after_s is None and when.likely is None
    kept_away = {normalise(text) for text in (*card.unless, *card.not_examples)}
    if only_words and {normalise(text) for text in words} <= kept_away:
        yield (
            ("unless",),
            f"card {card.id!r} could never be offered: all its triggers are under 'unless'; remove them there",
        )


def _check(check: Check, playbook: Playbook) -> Iterator[Fault]:
    if not check.said():
        yield (), "a test needs something that is said: agent, customer or lines"
    if not (check.fires or check.never):
        yield (), "a test needs 'fires' or 'never'"
    known = set(outcomes(playbook))
    for field, names in (("fires", check.fires), ("never", check.never)):
        for name in names:
            if name not in known:
                yield (field,), _unknown("card, rule, moment or tag", name, known)


def outcomes(playbook: Playbook) -> Iterator[str]:
    """Everything a test may name, plain and with its section before it."""
    named = {
        "card": [card.id for card in playbook.cards],
        "rule": [rule.id for rule in playbook.rules],
        "moment": [moment.id for moment in playbook.moments],
        "tag": [tag.value for tag in playbook.tags],
        "sensitive": [topic.id for topic in playbook.sensitive or ()],
    }
    for section, ids in named.items():
        for name in ids:
            yield from (name, f"{section}.{name}")


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"
    return f"no {kind} {name!r}; {hint}"
