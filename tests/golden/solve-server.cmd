# exit 1
# One server for all replicas: no fibre helps where the server's own links are
# full.
longhaul solve llama-8b-two-sites.yaml --set sync.algorithm=server --vary 'fibres[0].bandwidth=100 Gbit/s,1000 Tbit/s' --target 'efficiency >= 0.95'
