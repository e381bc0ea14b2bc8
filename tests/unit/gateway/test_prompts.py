"""The survey's recordings are all there, in both languages, and a company's own take their place."""

import shutil
from pathlib import Path

import pytest
import yaml

import gateway.prompts
from assist.config import Survey, SurveyQuestion
from assist.errors import ConfigError
from gateway.fork import FRAME_S
from gateway.prompts import PACKAGED, load_prompts

FOLDER = Path(next(iter(gateway.prompts.__path__)))


def test_every_text_has_its_recording_in_both_languages() -> None:
    texts = yaml.safe_load((FOLDER / "texts.yaml").read_text("utf-8"))
    prompts = load_prompts(Survey())
    assert set(texts) == set(prompts) == {"es", "en"}
    for language, spoken in texts.items():
        assert set(spoken) == set(PACKAGED)
        for name, text in spoken.items():
            seconds = len(prompts[language][name]) * FRAME_S
            # Ten to twenty-five characters a second is speech; a recording of another text is hardly ever so long.
            assert len(text) / 25 < seconds < len(text) / 8 + 1, f"{language}/{name}"


def test_a_recording_of_the_companys_own_replaces_the_packaged_one_of_its_language(tmp_path: Path) -> None:
    own = shutil.copy(FOLDER / "es" / "thanks.wav", tmp_path / "own.wav")
    survey = Survey(question=(SurveyQuestion(id="mine", kind="nps", prompt={"es": Path(own)}),))
    prompts = load_prompts(survey)
    assert prompts["es"]["question.mine"] == prompts["es"]["thanks"]
    assert prompts["en"]["question.mine"] == prompts["en"]["nps"]
    with pytest.raises(ConfigError, match=r"gone\.wav"):
        load_prompts(Survey(question=(SurveyQuestion(id="mine", prompt={"en": tmp_path / "gone.wav"}),)))
