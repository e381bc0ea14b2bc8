"""How right, quick and quiet the assist core's judgement is: a section a module, `python -m bench.judge` runs them."""
