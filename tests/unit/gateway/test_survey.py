"""The questions after a call: keys, silence, hanging up, in whatever order."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assist.config import Survey, SurveyQuestion
from assist.events import SurveyAnswered, SurveyEnded
from gateway.survey import Finish, Hush, Report, Say, SurveyCommand, SurveyRun

CSAT, NPS, CES = (SurveyQuestion(id=kind, kind=kind) for kind in ("csat", "nps", "ces"))


def run(*questions: SurveyQuestion) -> SurveyRun:
    made = SurveyRun("c1", questions or (CSAT,), answer_s=6)
    assert made.start(0.0) == [Say(("intro", f"question.{(questions or (CSAT,))[0].id}"))]
    return made


def scores(commands: Iterable[SurveyCommand]) -> list[int]:
    return [c.event.score for c in commands if isinstance(c, Report) and isinstance(c.event, SurveyAnswered)]


def ended(commands: Iterable[SurveyCommand]) -> list[tuple[str, int, int]]:
    events = [c.event for c in commands if isinstance(c, Report) and isinstance(c.event, SurveyEnded)]
    return [(event.outcome, event.asked, event.answered) for event in events]


def said(commands: Iterable[SurveyCommand]) -> list[tuple[str, ...]]:
    return [command.prompts for command in commands if isinstance(command, Say)]


def test_a_key_is_the_answer_and_then_thanks() -> None:
    survey = run()
    assert survey.said(5.0) == []
    commands = survey.key("4", 6.0)
    assert scores(commands) == [4]
    assert ended(commands) == [("completed", 1, 1)]
    assert said(commands) == [("thanks",)]
    assert survey.key("5", 7.0) == []
    assert survey.said(8.0) == [Finish()]
    assert survey.over
    assert survey.said(9.0) == []


def test_a_key_counts_while_the_question_is_being_read() -> None:
    assert scores(run().key("1", 1.0)) == [1]


@pytest.mark.parametrize("key", ["0", "6", "9", "*", "#", "A"])
def test_a_wrong_key_brings_the_question_once_more_and_then_the_next(key: str) -> None:
    survey = run(CSAT, CES)
    assert said(survey.key(key, 1.0)) == [("invalid", "question.csat")]
    commands = survey.key(key, 9.0)
    assert said(commands) == [("question.ces",)]
    assert scores(commands) == []
    assert ended(survey.key("7", 12.0)) == [("completed", 2, 1)]


def test_silence_brings_the_question_once_more_and_then_goodbye() -> None:
    survey = run(CSAT, CES)
    assert survey.tick(100.0) == []  # it is still being read
    survey.said(10.0)
    assert survey.tick(15.9) == []
    assert said(survey.tick(16.0)) == [("question.csat",)]
    survey.said(20.0)
    commands = survey.tick(26.0)
    assert ended(commands) == [("unanswered", 1, 0)]
    assert said(commands) == [("goodbye",)]
    assert survey.said(28.0) == [Finish()]


def test_ten_is_two_keys_and_one_is_one_key_and_a_pause() -> None:
    survey = run(NPS)
    assert survey.key("1", 1.0) == [Hush()]
    assert scores(survey.key("0", 1.5)) == [10]
    survey = run(NPS)
    survey.key("1", 1.0)
    assert survey.tick(2.9) == []
    assert scores(survey.tick(3.0)) == [1]
    survey = run(NPS)
    survey.key("1", 1.0)
    assert scores(survey.key("#", 1.5)) == [1]
    survey = run(NPS)
    survey.key("1", 1.0)
    assert said(survey.key("5", 1.5)) == [("invalid", "question.nps")]
    assert scores(run(NPS).key("0", 1.0)) == [0]


def test_hanging_up_keeps_what_was_answered() -> None:
    survey = run(CSAT, NPS)
    assert scores(survey.key("5", 1.0)) == [5]
    assert ended(survey.gone(2.0)) == [("hung_up", 2, 1)]
    assert survey.gone(3.0) == []
    survey = run()
    survey.key("5", 1.0)
    assert ended(survey.gone(2.0)) == []  # during thanks: it was complete


def test_breaking_off_hangs_up() -> None:
    commands = run().break_off(1.0)
    assert ended(commands) == [("broken_off", 1, 0)]
    assert commands[-1] == Finish()


INPUTS = st.lists(
    st.one_of(
        st.tuples(st.just("key"), st.sampled_from("0123456789*#")),
        st.tuples(st.just("said")),
        st.tuples(st.just("tick")),
    ),
    max_size=60,
)


@given(INPUTS)
def test_whatever_is_keyed_there_is_one_end_and_no_score_out_of_scale(inputs: list[tuple[str, ...]]) -> None:
    survey = run(CSAT, NPS, CES)
    commands: list[SurveyCommand] = []
    now = 0.0
    for step in inputs:
        now += 7.0
        match step:
            case ("key", key):
                commands += survey.key(key, now)
            case ("said",):
                commands += survey.said(now)
            case _:
                commands += survey.tick(now)
    commands += survey.gone(now)
    answers = [c.event for c in commands if isinstance(c, Report) and isinstance(c.event, SurveyAnswered)]
    assert all(answer.low <= answer.score <= answer.high for answer in answers)
    assert len({answer.question_id for answer in answers}) == len(answers)
    assert len(ended(commands)) == 1
    assert ended(commands)[0][2] == len(answers)
    assert sum(isinstance(command, Finish) for command in commands) <= 1


def test_whom_the_settings_ask() -> None:
    assert not Survey().asks("pbx", "soporte")
    assert Survey(queues=("soporte",)).asks("pbx", "soporte")
    assert Survey(queues=("*",)).asks("pbx", "ventas")
    assert Survey(trunks=("pbx",)).asks("pbx", "ventas")
