"""Settings: what is wrong is named with its file, key and remedy."""

from pathlib import Path

import pytest

from assist import config
from assist.errors import ConfigError


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APUNTADOR_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("APUNTADOR_CONFIG", raising=False)


def written(folder: Path, text: str) -> Path:
    path = folder / "a.toml"
    path.write_text(text)
    return path


def test_defaults_are_on_loopback_and_in_the_data_directory(tmp_path: Path) -> None:
    settings = config.load()
    assert settings.gateway.bind == settings.hub.bind == "127.0.0.1"
    assert settings.store_url == f"sqlite:///{tmp_path / 'data' / 'cases.db'}"
    assert settings.models_path == tmp_path / "data" / "models"
    assert settings.trunk[0].allow == ("127.0.0.0/8",)


def test_a_file_and_the_environment_which_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "[hub]\nport = 9000\n[gateway]\nworkers = 4\n")
    monkeypatch.setenv("APUNTADOR_HUB__PORT", "9100")
    settings = config.load(path)
    assert settings.hub.port == 9100
    assert settings.gateway.workers == 4


def test_the_file_in_the_working_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "apuntador.toml").write_text('language = "en"\n')
    assert config.load().language == "en"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colour = 1", "unknown key colour"),
        ("[hub]\nprot = 1", r"unknown key hub\.prot"),
        ("[hub]\nport = 99999", r"hub\.port"),
        ("[hub\n", "not TOML"),
        ('[[trunk]]\nname = "t"\nagent = "nobody"', "routes to agent 'nobody'"),
        ('[[trunk]]\nname = "t"\nagent = "agent"\nallow = ["x"]', r"trunk\.0\.allow"),
        ('[[agent]]\nid = "a"\nsip = "ana@host"', "SIP URI"),
        ('[[trunk]]\nname = "t"\nagent = "agent"\nchallenge = true', "needs user and secret"),
        ('[[trunk]]\nname = "t"\nagent = "agent"\nuser = "a b"', r"trunk\.0\.user"),
        ('[edge]\nkey = "x.pem"', "give both or neither"),
        ("[edge]\ninner_port = 5059", "gateway.port is among the workers' ports"),
        ("[edge]\ninner_port = 65534", "leaves no ports"),
        ('[[agent]]\nid = "agent"\nsip = "sip:a@h"\n[[agent]]\nid = "agent"\nsip = "sip:b@h"', "same id"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=says) as caught:
        config.load(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        config.load(tmp_path / "none.toml")


def test_the_reference_names_every_key() -> None:
    text = config.reference()
    for section in ("nats", "gateway", "asr", "hub", "store", "log"):
        for key, field in config.Settings.model_fields[section].annotation.model_fields.items():  # type: ignore[union-attr]
            assert f"| `{key}` |" in text or f"## [{section}.{key}]" in text
            assert field.description, f"{section}.{key} has no docstring"


TAP = '[[agent]]\nid = "ana"\nsip = "sip:ana@127.0.0.1"\n[[tap]]\nname = "pbx"\nagent = "ana"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TAP + 'protocol = "audiosocket"', "port of its own"),
        (TAP + 'protocol = "freeswitch"', 'needs a secret, such as secret = "file:/etc/apuntador/pbx.secret"'),
        (TAP + 'protocol = "freeswitch"\nsecret = "hunter2"', "not the secret itself"),
        (TAP + 'protocol = "audiohook"\nsecret = "env:X"', "api_key"),
        (TAP + 'protocol = "twilio"\nsecret = "env:X"', "the url that Twilio connects to"),
        (TAP + 'protocol = "audiosocket"\nport = 1\n' + TAP.partition("\n[[tap]]")[0], "two [[agent]]"),
        (TAP.replace('agent = "ana"', 'agent = "eva"') + 'protocol = "audiosocket"\nport = 1', "'eva'"),
        ('[taps]\nkey = "x.pem"\n', "give both or neither"),
    ],
)
def test_a_wrong_tap_is_named_with_its_remedy(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "apuntador.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as wrong:
        config.load(path)
    assert message in str(wrong.value)
    assert "hunter2" not in str(wrong.value)


def test_agents_without_a_trunk_take_no_sip_calls(tmp_path: Path) -> None:
    path = tmp_path / "apuntador.toml"
    path.write_text(TAP + 'protocol = "audiosocket"\nport = 9092')
    assert config.load(path).trunk == ()


def test_a_secret_comes_from_a_file_or_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret"
    path.write_text("  of a file\n")
    assert config.read_secret(f"file:{path}") == "of a file"
    monkeypatch.setenv("TAP_SECRET", "of a variable")
    assert config.read_secret("env:TAP_SECRET") == "of a variable"
    path.write_text("\n")
    for reference in (f"file:{path}", "env:NOT_SET_ANYWHERE", f"file:{tmp_path}"):
        with pytest.raises(ConfigError, match="secret"):
            config.read_secret(reference)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[lead]]\nid = "luz"\nsip = "sip:luz@h"\n', "lead.0.queues"),
        ('[[lead]]\nid = "luz"\nsip = "luz@h"\nqueues = ["*"]\n', "SIP URI"),
        ('[[lead]]\nid = "a b"\nsip = "sip:luz@h"\nqueues = ["*"]\n', "lead.0.id"),
        ('[[lead]]\nid = "luz"\nsip = "sip:luz@h"\nqueues = ["*"]\nmay = ["spy"]\n', "lead.0.may"),
        (2 * '[[lead]]\nid = "luz"\nsip = "sip:luz@h"\nqueues = ["*"]\n', "two [[lead]]"),
        (2 * '[[survey.question]]\nid = "a"\n', "two [[survey.question]]"),
        ('[[survey.question]]\nid = "a"\nhigh = 3\n', "needs a prompt"),
        ('[[survey.question]]\nid = "a"\nlow = 9\nprompt = { es = "x.wav" }\n', "low must be less"),
    ],
    ids=["no-queues", "sip", "id", "may", "twice", "question-twice", "scale", "order"],
)
def test_a_wrong_lead_or_survey_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "apuntador.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as wrong:
        config.load(path)
    assert message in str(wrong.value)


def test_whose_calls_a_lead_hears_and_who_serves_whom() -> None:
    leads = tuple(config.Lead(id=f"l{n}", sip="sip:x@h", queues=("*",) if n == 0 else ("soporte",)) for n in range(5))
    assert leads[0].hears("ventas")
    assert leads[1].hears("soporte")
    assert not leads[1].hears("ventas")
    settings = config.Settings(lead=leads)
    assert config.booths(settings) == 2
    assert [lead.id for lead in config.leads_of(settings, 1)] == ["l4"]
    assert config.booths(config.Settings()) == 0
