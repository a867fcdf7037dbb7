longhaul run continents-async.yaml --set sync.max_staleness=2 -o json --links 4
