longhaul run fat-tree.yaml
