"""Charts of what bench.asr measured, as SVG: python -m bench.charts JSON... [--out docs/img]

Several results are put together, later ones over earlier ones. Bars differ by hatching and lines by dashes, so that
they can be told apart in print; text stays text; the same figures give the same files.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.corpus import CONDITIONS

OUT = Path(__file__).parents[1] / "docs" / "img"
_LANGUAGES = {"es": "Spanish", "en": "English"}
_GREYS = ("0.15", "0.85", "0.45", "0.95", "0.65", "0.75")
_HATCHES = ("", "///", "", "...", "xx", "\\\\")
_DASHES = {"p50": "-", "p95": "--"}
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "apuntador",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.6,
}


def word_error_rates(rows: Sequence[dict[str, Any]]) -> Figure | None:
    """Bars: error rate by condition, one per system, a panel per language."""
    rows = [row for row in rows if row["wer"] is not None]
    if not rows:
        return None
    systems = _in_order(row["system"] for row in rows)
    conditions = [name for name in CONDITIONS if any(row["condition"] == name for row in rows)]
    figure, panels = _panels([row["language"] for row in rows], 3.2)
    for language, panel in panels:
        found = {(row["system"], row["condition"]): row["wer"] for row in rows if row["language"] == language}
        # Systems measured in one condition only still stand side by side in it.
        width = 0.84 / len(systems)
        for place, system in enumerate(systems):
            at = [k for k, name in enumerate(conditions) if (system, name) in found]
            values = [found[system, conditions[k]] for k in at]
            left = [k - 0.42 + (place + 0.5) * width for k in at]
            bars = panel.bar(left, values, width * 0.92, label=system, **_fill(place))
            panel.bar_label(bars, fmt="%.1f", fontsize=7, padding=1)
        panel.set_xticks(range(len(conditions)), conditions)
        panel.set_ylabel("word error rate, %")
        panel.set_xlabel("transmission")
    _legend(figure, panels[0][1])
    return figure


def costs(rows: Sequence[dict[str, Any]]) -> Figure | None:
    """Bars: CPU seconds of one core for an hour of speech, by system, a panel per language."""
    # One condition is enough, since the codec changes no cost: the one that most systems went through.
    rows = [row for row in rows if row["wer"] is not None]
    if not rows:
        return None
    condition = max(CONDITIONS, key=lambda name: len({row["system"] for row in rows if row["condition"] == name}))
    rows = [row for row in rows if row["condition"] == condition]
    figure, panels = _panels([row["language"] for row in rows], 2.8)
    for language, panel in panels:
        mine = sorted((row for row in rows if row["language"] == language), key=lambda row: -row["rtf"])
        names = [row["system"] for row in mine]
        bars = panel.barh(names, [3600 * row["rtf"] for row in mine], color="0.6", edgecolor="black", linewidth=0.6)
        panel.bar_label(bars, fmt="%.0f", fontsize=7, padding=2)
        panel.axvline(3600, color="black", linewidth=0.8, linestyle=":")
        panel.set_xlabel(f"CPU seconds per hour of speech ({condition}; dotted: real time)")
    return figure


def growth(rows: Sequence[dict[str, Any]]) -> Figure | None:
    """Lines: latency of partials and finals against calls on one core, a panel per language."""
    rows = [row for row in rows if row["final"]]
    if not rows:
        return None
    figure, panels = _panels([row["language"] for row in rows], 3.2)
    for language, panel in panels:
        mine = sorted((row for row in rows if row["language"] == language), key=lambda row: int(row["calls"]))
        calls = [row["calls"] for row in mine]
        for name, marker, label in (("partial", "o", "word → partial"), ("final", "s", "end of speech → final")):
            for percent, dash in _DASHES.items():
                there = [(n, row[name][percent]) for n, row in zip(calls, mine, strict=True) if row[name]]
                if there:
                    panel.plot(
                        *zip(*there, strict=True),
                        dash,
                        color="black",
                        marker=marker,
                        markersize=5,
                        markerfacecolor="black" if percent == "p50" else "white",
                        linewidth=1,
                        label=f"{label}, {percent}",
                    )
        for budget in (350, 900):
            panel.axhline(budget, color="0.6", linewidth=0.8, linestyle=":")
        panel.set_xticks(sorted(set(calls)))
        panel.set_ylim(bottom=0)
        panel.set_xlabel("two-leg calls on one core (40 % speech per leg)")
        panel.set_ylabel("latency, ms (dotted: budgets)")
    _legend(figure, panels[0][1])
    return figure


def _panels(languages: Iterable[str], height: float) -> tuple[Figure, list[tuple[str, Axes]]]:
    """One under the other, so that a page's width is enough."""
    there = [language for language in _LANGUAGES if language in set(languages)]
    figure = Figure(figsize=(7.2, height * len(there)), layout="constrained")
    panels = []
    for place, language in enumerate(there):
        panel = figure.add_subplot(len(there), 1, place + 1)
        panel.set_title(_LANGUAGES[language], loc="left", fontsize=10)
        panels.append((language, panel))
    return figure, panels


def _fill(place: int) -> dict[str, Any]:
    grey, hatch = _GREYS[place % len(_GREYS)], _HATCHES[place % len(_HATCHES)]
    return {"facecolor": grey, "hatch": hatch, "edgecolor": "black", "linewidth": 0.6}


def _legend(figure: Figure, panel: Axes) -> None:
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=3, frameon=False, fontsize=8)


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def merge(results: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Rows of all results, by kind; one that measures the same thing again replaces the earlier one."""
    keys = {
        "rows": ("system", "language", "condition"),
        "legs": ("system", "language", "condition"),
        "calls": ("source", "language", "condition", "model", "calls"),
    }
    merged: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {kind: {} for kind in keys}
    for result in results:
        for kind, names in keys.items():
            for row in result.get(kind, []):
                merged[kind][tuple(row[name] for name in names)] = row
    return {kind: list(rows.values()) for kind, rows in merged.items()}


def draw(result: dict[str, list[dict[str, Any]]], folder: Path, *, suffix: str = "svg") -> list[Path]:
    """Write the charts that there are figures for."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with mpl.rc_context(_STYLE):
        charts = {
            "asr-wer": word_error_rates(result["rows"]),
            "asr-cpu": costs(result["rows"]),
            "asr-latency": growth(result["calls"]),
        }
        for name, figure in charts.items():
            if figure is not None:
                path = folder / f"{name}.{suffix}"
                figure.savefig(path, dpi=150, metadata={"Date": None} if suffix == "svg" else None)
                written.append(path)
    return written


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("json", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--png", action="store_true", help="pixels, to look at")
    args = parser.parse_args(argv)
    try:
        result = merge(json.loads(path.read_text("utf-8")) for path in args.json)
    except (OSError, ValueError) as error:
        print(f"bench.charts: {error}; give files that bench.asr wrote", file=sys.stderr)
        return 2
    for path in draw(result, args.out, suffix="png" if args.png else "svg"):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
