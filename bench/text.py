"""Fair comparison of transcripts: numbers spelled out, case, punctuation and Spanish accents ignored."""

import re
import unicodedata
from collections.abc import Sequence

import jiwer
from num2words import num2words

from assist.events import Language

_LONGEST_NUMBER = 7
_SIGNS = {
    "en": {"%": "percent", "#": "pound", "*": "star"},
    "es": {"%": "por ciento", "#": "numeral", "*": "asterisco"},
}
_SPELLED = re.compile(r"\b[A-ZÑ](?:[ .-]+[A-ZÑ]\b){2,}")


def normalise(text: str, language: Language) -> list[str]:
    """Words of ``text`` as they would be spoken. Digit strings of seven and more are read digit by digit; letters that
    are spelled out ("U S B") are one word."""
    text = _SPELLED.sub(lambda match: re.sub(r"[ .-]", "", match[0]), text).lower()
    for sign, word in _SIGNS[language].items():
        text = text.replace(sign, f" {word} ")
    text = re.sub(r"\$\s*(\d[\d,.]*)", r"\1 dollars " if language == "en" else r"\1 pesos ", text)
    # A comma in English and a full stop in Spanish group thousands.
    text = re.sub(r"(\d)[,.](\d{3})\b", r"\1\2", text)
    text = re.sub(r"\d+", lambda match: f" {_spoken(match[0], language)} ", text)
    if language == "es":
        text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    text = re.sub(r"[’']", "", text)
    return re.sub(r"[\W_]+", " ", text).split()


def _spoken(digits: str, language: Language) -> str:
    if len(digits) >= _LONGEST_NUMBER or digits.startswith("0"):
        return " ".join(num2words(int(digit), lang=language) for digit in digits)
    return str(num2words(int(digits), lang=language)).replace("-", " ")


def word_errors(references: Sequence[str], hypotheses: Sequence[str], language: Language) -> tuple[int, int]:
    """Errors (substituted, left out, put in) and reference words over all pairs together."""
    errors = words = 0
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        wanted, got = normalise(reference, language), normalise(hypothesis, language)
        words += len(wanted)
        if not wanted:
            errors += len(got)
            continue
        measured = jiwer.process_words(" ".join(wanted), " ".join(got))
        errors += measured.substitutions + measured.deletions + measured.insertions
    return errors, words


def says_digits(text: str, language: Language) -> bool:
    """Whether three digits or more are read one by one: engines group such strings, rightly or not, so they are also
    scored apart."""
    digits = {str(num2words(digit, lang=language)) for digit in range(10)}
    run = 0
    for word in normalise(text, language):
        run = run + 1 if word in digits else 0
        if run == 3:
            return True
    return False
