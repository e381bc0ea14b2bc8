"""The surveys of one worker: commands of each :class:`~gateway.survey.SurveyRun` carried out on the customer's leg.

Runs on the switchboard's thread.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from assist.config import Settings
from assist.events import CallLanguage
from gateway.endpoint import Endpoint, Leg
from gateway.endpoint.port import SourcePort
from gateway.errors import LegError
from gateway.playout import Tape, silence
from gateway.prompts import Prompts, load_prompts
from gateway.sink import CallSink
from gateway.survey import Finish, Hush, Report, Say, SurveyCommand, SurveyRun

_PAUSE_S: Final = 0.3
"""Before each recording: the customer has just heard the agent go, or pressed a key."""
_NORMAL: Final = 200

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Asked:
    call_id: str
    run: SurveyRun
    leg: Leg
    prompts: Prompts
    tape: Tape
    port: SourcePort | None
    saying: bool = False


class Surveys:
    """All surveys that go on.

    Args:
        endpoint: pjsua2.
        sink: takes events.
        settings: which questions, and where their recordings are.

    Raises:
        ConfigError: a recording can't be played.
    """

    def __init__(self, endpoint: Endpoint, sink: CallSink, settings: Settings) -> None:
        self._endpoint = endpoint
        self._sink = sink
        self._asked: dict[int, _Asked] = {}
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Use these settings for the surveys to come.

        Raises:
            ConfigError: a recording can't be played; what was before stays.
        """
        survey = settings.survey
        self._prompts = load_prompts(survey) if survey.queues or survey.trunks else {}
        self._settings = settings

    def holds(self, leg: int | None) -> bool:
        """Whether a survey goes on on this leg."""
        return leg in self._asked

    def begin(self, call_id: str, leg: Leg, language: CallLanguage) -> None:
        """Ask the customer on ``leg``, whose agent has gone."""
        survey = self._settings.survey
        spoken = self._settings.language if language == "auto" else language
        prompts = self._prompts.get(spoken)
        if prompts is None:  # switched off by a reload during the call
            self._hang_up(leg, call_id)
            return
        tape = Tape()
        port = self._endpoint.take_source()
        if port is not None:
            port.play(tape.pull)
        else:
            log.error("gateway.survey_mute", call_id=call_id)
        run = SurveyRun(call_id, survey.question, answer_s=survey.answer_s)
        asked = self._asked[leg.key] = _Asked(call_id, run, leg, prompts, tape, port)
        self.refresh(leg.key)
        log.info("gateway.survey_begins", call_id=call_id)
        self._carry_out(asked, run.start(time.time()))

    def refresh(self, leg: int) -> None:
        """The leg's media was negotiated anew."""
        asked = self._asked.get(leg)
        if asked is None or asked.port is None:
            return
        try:
            asked.leg.refresh_media()
            asked.leg.hear(asked.port)
        except LegError as err:
            log.warning("gateway.survey_silent", call_id=asked.call_id, error=str(err))

    def key(self, leg: int, key: str) -> None:
        """The customer pressed a key. It may be anything: it is not logged."""
        asked = self._asked.get(leg)
        if asked is not None:
            self._carry_out(asked, asked.run.key(key, time.time()))

    def gone(self, leg: int) -> None:
        """The customer's dialog has ended."""
        asked = self._asked.get(leg)
        if asked is not None:
            self._carry_out(asked, asked.run.gone(time.time()))

    def turn(self) -> None:
        """Let time pass."""
        now = time.time()
        for asked in list(self._asked.values()):
            try:
                if asked.saying and not asked.tape.playing:
                    asked.saying = False
                    self._carry_out(asked, asked.run.said(now))
                self._carry_out(asked, asked.run.tick(now))
            except Exception as err:  # one customer's survey, not the other call of this worker
                log.exception("gateway.survey_failed", call_id=asked.call_id, error=repr(err))
                self._asked.pop(asked.leg.key, None)
                self._hang_up(asked.leg, asked.call_id)

    def stop_all(self) -> None:
        """End every survey and hang up."""
        for asked in list(self._asked.values()):
            self._carry_out(asked, asked.run.break_off(time.time()))

    def _carry_out(self, asked: _Asked, commands: Sequence[SurveyCommand]) -> None:
        for command in commands:
            match command:
                case Say(prompts):
                    asked.tape.clear()
                    asked.tape.put(silence(_PAUSE_S))
                    for name in prompts:
                        asked.tape.put(asked.prompts[name])
                    asked.saying = True
                case Hush():
                    asked.tape.clear()
                    asked.saying = False
                case Report(event):
                    self._sink.send(event)
                case Finish():
                    self._hang_up(asked.leg, asked.call_id)
        if asked.run.over and self._asked.pop(asked.leg.key, None) is not None:
            log.info("gateway.survey_ends", call_id=asked.call_id)
            if asked.port is not None:
                asked.leg.hear_no_more(asked.port)
                self._endpoint.give_source(asked.port)

    def _hang_up(self, leg: Leg, call_id: str) -> None:
        try:
            leg.hang_up(_NORMAL)
        except LegError as err:
            log.debug("gateway.hang_up_failed", call_id=call_id, party="customer", error=str(err))
