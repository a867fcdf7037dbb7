# Many replicas by order statistics.
longhaul run rl-8b-one-site.yaml --set sites[0].gpus=2016 --set rl.generators[0].gpus=2000 --set rl.prompts_per_step=2000 --set rl.samples_per_prompt=2 --set rl.steps=3 | sed -n 5,16p
