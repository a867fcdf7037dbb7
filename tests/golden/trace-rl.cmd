# The loop as a trace: a process a role and site.
longhaul run rl-8b-one-site.yaml --set rl.steps=3 --set rl.verifiers[0].workers=2048 --trace /dev/stdout | sed -n '/loop: trainer/,/^]/p'
