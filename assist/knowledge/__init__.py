"""The company's own articles: split into passages, found by words and by meaning, quoted, never rewritten."""
