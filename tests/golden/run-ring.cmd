longhaul run four-sites-ring.yaml
