# Loops side by side: their steps, the figures of rl in JSON.
longhaul compare rl-32b-two-sites.yaml --set rl.steps=4 --set rl.warmup_steps=1 --vary 'rl.max_staleness=2,8' ; longhaul compare rl-32b-two-sites.yaml --set rl.steps=4 --set rl.warmup_steps=1 --vary 'rl.max_staleness=2,8' -o json | grep -o '"rl_.*' | head -1
