longhaul run config-json.yaml
