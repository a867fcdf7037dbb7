# The same machine at three lengths of its fibre, and another machine.
longhaul compare llama-8b-two-sites.yaml --vary 'fibres[0].length=80,1000,5000 km' && longhaul compare llama-8b-two-sites.yaml llama-8b-one-site.yaml --set training.sequence_length=4096
