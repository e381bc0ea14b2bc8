"""The screens: agent and lead apps in the terminal. They talk to the hub and to nothing else."""
