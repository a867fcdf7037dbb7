# Many replicas by order statistics.
longhaul run rl-8b-one-site.yaml --set sites[0].gpus=272 --set rl.generators[0].gpus=256 --set rl.prompts_per_step=256 --set rl.samples_per_prompt=2 --set rl.engine=order-statistics | sed -n 5,16p
