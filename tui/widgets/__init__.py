"""The parts of the screens. Each is given a state and draws it; none knows the hub."""
