# A trace does not tell its tokens.
longhaul compare interchange/simai.yaml --vary 'sites[0].fabric.nic_bandwidth=100,400 Gbit/s'
