"""Inference: audio in, words out; text in, scores out. Knows no call, no agent, no database."""
