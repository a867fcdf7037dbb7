# The protocol goes by size, and the busbw is that of nccl-tests.
longhaul collective all-reduce llama-8b-one-site.yaml -n 8 --sizes 1KiB..1GiB:x32
longhaul collective send llama-8b-one-site.yaml --sizes 1MB --ranks 16
longhaul collective all-gather llama-8b-one-site.yaml --sizes 64MiB -o csv
longhaul collective all-to-all llama-8b-one-site.yaml -n 16 --sizes 16MiB,1GB -o json
