# The loop of reinforcement learning, and the trainer's step in it.
longhaul run rl-8b-one-site.yaml
