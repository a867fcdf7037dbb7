longhaul run csv-tables/three-sites.yaml
