# Generators 1,000 km away.
longhaul run rl-70b-two-sites.yaml --set rl.steps=6 -o csv
