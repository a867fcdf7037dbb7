longhaul show topology fat-tree.yaml
