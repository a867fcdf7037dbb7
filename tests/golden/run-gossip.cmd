longhaul run four-campuses-gossip.yaml
