"""The transcriber: takes calls from the gateway, runs the recogniser over their legs, publishes what it heard."""
