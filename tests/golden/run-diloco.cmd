longhaul run four-campuses-diloco.yaml
