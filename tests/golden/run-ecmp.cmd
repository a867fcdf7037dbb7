longhaul run ecmp-or-spray.yaml
