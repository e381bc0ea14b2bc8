"""One peer in its own environment, asked by `bench.judge.sentiment`: texts in on stdin, classes out on stdout.

    .venv-peers/bin/pip install -r bench/judge/sentiment_peers.txt

Usage: python sentiment_peers.py vader|textblob|sentiment-spanish|tfidf DATA < asked.json. Each class is what the peer's
own documentation says its score means; the TF-IDF model learns from the public training sets in DATA.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Classify = Callable[[Sequence[str]], list[str]]


def _sign(score: float, edge: float) -> str:
    return "positive" if score >= edge else "negative" if score <= -edge else "neutral"


def vader() -> Classify:
    """Hutto and Gilbert, VADER (2014); edges as in its README."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyser: Any = SentimentIntensityAnalyzer()
    return lambda texts: [_sign(analyser.polarity_scores(text)["compound"], 0.05) for text in texts]


def textblob() -> Classify:
    """The pattern lexicon's polarity."""
    from textblob import TextBlob

    return lambda texts: [_sign(TextBlob(text).sentiment.polarity, 0.05) for text in texts]


def sentiment_spanish() -> Classify:
    """Naive Bayes on word sequences; it gives the probability of positive alone, the middle third counts as neutral."""
    from sentiment_analysis_spanish import sentiment_analysis

    analyser: Any = sentiment_analysis.SentimentAnalysisSpanish()

    def classify(texts: Sequence[str]) -> list[str]:
        chances = [float(analyser.sentiment(text)) for text in texts]
        return ["positive" if c > 2 / 3 else "negative" if c < 1 / 3 else "neutral" for c in chances]

    return classify


def tfidf(data: str, language: str) -> Classify:
    """Words, pairs and letters, weighted; balanced logistic regression on the language's training set."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import FeatureUnion, make_pipeline

    with (Path(data) / "sentiment" / f"{language}_train.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, max_features=40000, sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=4, max_features=80000, sublinear_tf=True)
    both = FeatureUnion([("words", words), ("letters", letters)])
    model = make_pipeline(both, LogisticRegression(C=4, max_iter=80, class_weight="balanced"))
    model.fit([row["text"] for row in rows], [row["label"] for row in rows])
    return lambda texts: [str(found) for found in model.predict(list(texts))]


def main() -> None:
    peer, data = sys.argv[1:3]
    asked = json.load(sys.stdin)
    if peer == "tfidf" and not data:
        sys.exit("no training data; name its folder with --data")
    makers: dict[str, Callable[[], Classify]] = {
        "vader": vader,
        "textblob": textblob,
        "sentiment-spanish": sentiment_spanish,
        "tfidf": lambda: tfidf(data, asked["language"]),
    }
    classify = makers[peer]()
    print(json.dumps({name: classify(texts) for name, texts in asked["sets"].items()}))


if __name__ == "__main__":
    main()
