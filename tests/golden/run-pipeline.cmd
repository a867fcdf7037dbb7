longhaul run pipeline-across-sites.yaml
