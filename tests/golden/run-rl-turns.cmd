# In turns on the trainer's accelerators: a 32B, a 70B and a 671B model.
for f in 32b 70b 671b ; do longhaul run rl-$f-co-located.yaml | grep -E '^RL loop|^  (trainer|generators|tail)|^weights|^generators' ; done
