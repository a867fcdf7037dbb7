longhaul show topology dragonfly.yaml --set 'sites[0].gpus=24' --set 'sites[0].fabric.group=[2]'
