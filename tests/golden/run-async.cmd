longhaul run continents-async.yaml
