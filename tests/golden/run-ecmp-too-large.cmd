# exit 1
longhaul run ecmp-or-spray.yaml --set plan.tensor=16 --set sites[0].fabric.group='[1, 64, 64]' --set sites[0].gpus=4096 2>&1
