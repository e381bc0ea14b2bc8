"""Text people can use: numbers, dates, money, names, case and punctuation of what the recogniser wrote. Pure."""
