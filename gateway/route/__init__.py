"""Where a call goes, and whether it may: numbers, rules, the fence against toll fraud. Pure but for ``lease``."""
