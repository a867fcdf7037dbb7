longhaul show topology map.yaml
