longhaul run three-continents.yaml
