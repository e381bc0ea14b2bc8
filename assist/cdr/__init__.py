"""Call detail records: one line for each call that has ended, for billing, reports and whoever asks what happened."""
