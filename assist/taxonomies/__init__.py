"""Contact reasons by trade, in both languages: what `[tags] taxonomy` names."""
