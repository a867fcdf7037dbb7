longhaul run map.yaml
