longhaul run continents-async.yaml --set sync.quorum=3 -o csv
