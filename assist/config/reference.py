"""The generated reference of all settings (docs/configuration.md)."""

from pydantic import BaseModel

from assist.config.settings import Settings
from assist.config.telephony import Agent, Lead, Outbound, Route, SurveyQuestion, Tap, Trunk
from assist.config.values import Section


def reference() -> str:
    """``docs/configuration.md``, made from the settings themselves."""
    lines = [
        "# Configuration",
        "",
        "Made by `apuntador config reference`; do not edit. TOML keys, their defaults and what they do.",
        "`apuntador check` validates a file without starting anything. Unknown keys are errors.",
        "",
    ]
    lines += _table("(top level)", Settings, skip_sections=True)
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            parts = {key: part.annotation for key, part in section.model_fields.items()}
            nested = {key: part for key, part in parts.items() if isinstance(part, type) and issubclass(part, Section)}
            if len(nested) < len(parts):
                lines += _table(f"[{name}]", section)
            for key, part in nested.items():
                lines += _table(f"[{name}.{key}]", part)
    lines += _table("[[trunk]]", Trunk)
    lines += _table("[trunk.outbound]", Outbound)
    lines += _table("[[route]]", Route)
    lines += _table("[[tap]]", Tap)
    lines += _table("[[agent]]", Agent)
    lines += _table("[[lead]]", Lead)
    lines += _table("[[survey.question]]", SurveyQuestion)
    return "\n".join(lines).rstrip() + "\n"


def _table(title: str, model: type[BaseModel], *, skip_sections: bool = False) -> list[str]:
    lines = [f"## {title}", "", "| key | default | what it does |", "| --- | --- | --- |"]
    for name, field in model.model_fields.items():
        section = field.annotation
        is_section = isinstance(section, type) and issubclass(section, Section)
        if is_section or (skip_sections and name in ("trunk", "route", "tap", "agent", "lead")):
            continue
        if field.is_required():
            default = "(required)"
        elif field.default_factory is dict:
            default = "`{}`"
        elif field.default_factory is not None:
            default = "the user's data directory"
        elif isinstance(field.default, tuple) and any(isinstance(item, Section) for item in field.default):
            default = f"one, with the defaults of `[[{title.strip('[]')}.{name}]]`"
        elif isinstance(field.default, tuple):
            default = f"`{list(field.default)}`".replace("'", '"')
        else:
            default = f"`{field.default!r}`".replace("'", '"')
        lines.append(f"| `{name}` | {default} | {field.description or ''} |")
    return [*lines, ""]
