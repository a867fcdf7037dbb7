# No result on an error.
# exit 2
longhaul run llama-8b-two-sites.yaml --set 'fibres[0].bandwidth=400 Gb'
