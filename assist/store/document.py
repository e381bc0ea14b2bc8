"""A case as a document: JSON for programs, Markdown for people. Times are told in the call centre's zone."""

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import get_args
from zoneinfo import ZoneInfo

import pydantic_core

from assist.decide.summary import BY_AGENT
from assist.events import EarsState, Language
from assist.store.reader import CaseFile, Row
from assist.strings import say


def as_json(case: CaseFile) -> str:
    """Everything, with times in seconds UTC as in the events."""
    return pydantic_core.to_json(dataclasses.asdict(case), indent=2).decode() + "\n"


def printable(row: Row) -> Row:
    """A row whose texts can't steer a terminal: a caller's name may hold escape sequences."""
    return {name: _bare(value) if isinstance(value, str) else value for name, value in row.items()}


def printable_case(case: CaseFile) -> CaseFile:
    """:func:`printable` for every row of a case."""
    hung = {
        field.name: tuple(printable(row) for row in getattr(case, field.name))
        for field in dataclasses.fields(case)
        if field.name != "case"
    }
    return CaseFile(case=printable(case.case), **hung)


def _bare(text: str) -> str:
    return "".join(ch if ch.isprintable() else " " for ch in text)


def clock(seconds: float) -> str:
    """A length or an offset in the call, ``m:ss`` or ``h:mm:ss``."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def moment(at: float, zone: ZoneInfo) -> str:
    """Date and time to the minute."""
    return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M")


def duration(case: Row, language: Language) -> str:
    """How long the two talked."""
    if case["answered_at"] is None:
        return say(language, "case.never_answered")
    end = case["ended_at"]
    return clock(end - case["answered_at"]) if end is not None else "…"


def offset(case: Row, at: float) -> str:
    """A moment as time since the answer."""
    began = case["answered_at"] if case["answered_at"] is not None else case["started_at"]
    return clock(at - began)


def survey_lines(case: CaseFile, language: Language) -> list[str]:
    """What the customer keyed after the call, and how that ended; nothing when nobody was asked."""
    if not case.case["survey"] and not case.survey:
        return []
    kinds = [(answer, say(language, f"ears.kind_{answer['kind']}")) for answer in case.survey]
    lines = [f"{kind} ({answer['question_id']}): {answer['score']} / {answer['high']}" for answer, kind in kinds]
    outcome = case.case["survey"] or "broken_off"
    told = {"asked": case.case["survey_asked"], "answered": len(case.survey)}
    return [*lines, say(language, f"ears.survey_{outcome}", **told)]


def ears_lines(case: CaseFile, language: Language) -> list[tuple[str, str]]:
    """When and how team leads were at the call."""
    found = []
    for did in case.actions:
        if did["role"] == "lead" and did["action"] in get_args(EarsState):
            why = say(language, f"ears.why_{did['target']}", by="") if did["target"] else ""
            told = say(language, f"ears.state_{did['action']}", lead=did["person"])
            found.append((offset(case.case, did["at"]), f"{told} ({why})" if why else told))
    return found


def by_agent(item: Row) -> bool:
    """Whether the agent wrote this item of the summary, rather than the call."""
    return tuple(item["evidence"]) == BY_AGENT


def evidence_lines(case: CaseFile, evidence: Sequence[str]) -> list[Row]:
    """The transcript's lines an item rests on."""
    return [line for line in case.lines if line["utterance_id"] in evidence]


def head(case: CaseFile, language: Language, zone: ZoneInfo) -> list[str]:
    """What a case's first lines tell."""
    row = case.case
    lines = [
        say(
            language,
            "case.facts",
            started=moment(row["started_at"], zone),
            queue=row["queue"] or "—",
            agent=row["agent_id"] or "—",
            caller=row["caller"] or "—",
            duration=duration(row, language),
        )
    ]
    if row["disposition"]:
        lines.append(say(language, "case.disposition", disposition=row["disposition"]))
    if row["playbook"]:
        lines.append(say(language, "case.playbook", name=row["playbook"], version=row["playbook_version"]))
    if row["mood_start"] and row["answered_at"] is not None:
        start, end = (say(language, f"case.mood_{row[name]}") for name in ("mood_start", "mood_end"))
        lines.append(say(language, "case.mood", start=start, end=end))
    if row["answered_at"] is not None:
        figures = {name: clock(row[name]) for name in ("silence", "overlap", "hold")}
        customer, agent = clock(row["customer_talk"]), clock(row["agent_talk"])
        lines.append(say(language, "case.talk", customer=customer, agent=agent, **figures))
    return lines


def as_markdown(case: CaseFile, language: Language, zone: ZoneInfo) -> str:
    """The whole case, ready for a ticket or a wiki page."""
    return "\n".join(_markdown(case, language, zone)).rstrip() + "\n"


def _markdown(case: CaseFile, language: Language, zone: ZoneInfo) -> Iterator[str]:
    row = case.case
    yield f"# {say(language, 'case.title', case_id=row['case_id'])}"
    yield ""
    for fact in head(case, language, zone):
        yield f"- {_plain(fact)}"
    if case.tags:
        yield f"- {say(language, 'case.tags')}: {', '.join(_plain(tag['label']) for tag in case.tags)}"
    yield from _section(say(language, "case.summary"))
    for item in case.summary:
        yield f"- **{say(language, 'case.slot_' + item['slot'])}:** {_plain(item['text'])}"
        for line in evidence_lines(case, item["evidence"]):
            yield f"  - {offset(row, line['t0'])} {say(language, 'common.' + line['party'])}: {_plain(line['text'])}"
        if by_agent(item):
            yield f"  - {say(language, 'case.by_agent')}"
    if not case.summary:
        yield say(language, "case.summary_none")
    if case.case["message"]:
        yield from _section(say(language, "case.message"))
        yield from (_plain(line) + "  " for line in case.case["message"].splitlines())
    for score in case.scores:
        told = "—" if score["score"] is None else f"{score['score']:.1f}"
        yield from _section(f"{say(language, 'case.score')} ({_plain(score['card'])})")
        yield say(language, "case.score_total", score=told)
        yield ""
        for item in case.score_items:
            points = "—" if item["points"] is None else f"{item['points']:g}"
            yield f"- {points}/{item['of']:g} {_plain(item['label'])}: {_plain(item['why'])}"
    if case.checklist:
        yield from _section(say(language, "case.checklist"))
        for rule in case.checklist:
            mark = "x" if rule["state"] == "met" else " "
            yield f"- [{mark}] {_plain(rule['label'])} ({say(language, 'case.state_' + rule['state'])})"
    if case.cards:
        yield from _section(say(language, "case.cards"))
        for card in case.cards:
            outcome = say(language, "case.outcome_" + card["outcome"])
            yield f"- {offset(row, card['offered_at'])} {_plain(card['title'])} ({outcome}): {_plain(card['say'])}"
    if case.alerts:
        yield from _section(say(language, "case.alerts"))
        yield from (f"- {offset(row, alert['raised_at'])} {_plain(alert['reason'])}" for alert in case.alerts)
    notes = [action for action in case.actions if action["text"]]
    if notes:
        yield from _section(say(language, "case.notes"))
        yield from (f"- {offset(row, note['at'])} {note['person']}: {_plain(note['text'])}" for note in notes)
    heard = ears_lines(case, language)
    if heard:
        yield from _section(say(language, "case.leads"))
        yield from (f"- {at} {_plain(text)}" for at, text in heard)
    survey = survey_lines(case, language)
    if survey:
        yield from _section(say(language, "case.survey"))
        yield from (f"- {_plain(text)}" for text in survey)
    yield from _section(say(language, "case.transcript"))
    for line in case.lines:
        yield f"- {offset(row, line['t0'])} **{say(language, 'common.' + line['party'])}:** {_plain(line['text'])}"
    if not case.lines:
        yield say(language, "case.transcript_none")


def _section(title: str) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""


def _plain(text: str) -> str:
    """What people said must not turn into Markdown: no breaks, no links, no HTML."""
    flat = " ".join(_bare(text).split())
    for mark in "\\`*_[]<>#|":
        flat = flat.replace(mark, f"\\{mark}")
    return flat
