"""Fits the linear n-gram model; scikit-learn does the optimising."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from models.text.ngrams import BUCKETS, NgramScorer, features, weigh
from models.train.corpora import SENTIMENTS, Row, as_recognised

_STRENGTH = 4.0
"""Inverse of the regularisation; the prototype's value, and flat between 2 and 8 on the development sets."""


def fit(rows: Sequence[Row]) -> NgramScorer:
    """Learns from rows with a sentiment, every other one as a recogniser writes it.

    Rows weigh so that within a source every class counts the same.
    """
    known = [
        (as_recognised(row.text) if number % 2 else row.text, row.source, row.sentiment)
        for number, row in enumerate(rows)
        if row.sentiment is not None
    ]
    counted = [features(text) for text, _, _ in known]
    documents = np.zeros(BUCKETS, np.int64)
    for counts in counted:
        documents[list(counts)] += 1
    # A bucket met once says nothing that could be generalised.
    rarity = np.where(documents >= 4, np.log((1 + len(known)) / (1 + documents)) + 1, 0.0)
    rarity_scale = float(rarity.max() / 255)
    whole = np.rint(rarity / rarity_scale).astype(np.uint8)

    places: list[int] = []
    values: list[float] = []
    starts = [0]
    for counts in counted:
        buckets = sorted(n for n in counts if whole[n])
        weighed = weigh(np.array([counts[n] for n in buckets], np.float32), whole[buckets] * rarity_scale)
        places += buckets
        values += weighed.tolist()
        starts.append(len(places))
    matrix = csr_matrix((np.array(values, np.float32), places, starts), (len(known), BUCKETS))
    sizes = Counter((source, label) for _, source, label in known)
    totals = Counter(source for _, source, _ in known)
    weight = [totals[source] / (len(SENTIMENTS) * sizes[source, label]) for _, source, label in known]
    model = LogisticRegression(C=_STRENGTH, max_iter=60, tol=1e-3)
    model.fit(matrix, [label for _, _, label in known], sample_weight=weight)
    coefficients = model.coef_.T.astype(np.float32)
    scale = np.abs(coefficients).max(0) / 127
    return NgramScorer(
        np.rint(coefficients / scale).astype(np.int8),
        scale.astype(np.float32),
        model.intercept_.astype(np.float32),
        whole,
        rarity_scale,
    )
