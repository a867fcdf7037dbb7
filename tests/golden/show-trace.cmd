# One class of each site: all 16 would be alike.
longhaul show trace ../tests/golden/tiny.yaml --set sites[0].gpus=4 --set sites[1].gpus=4 --set training.global_batch=4
