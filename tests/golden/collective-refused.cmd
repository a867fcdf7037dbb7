# What the command does not take.
# exit 2
for sizes in 8 0B 1GiB..1MiB 1MiB..1GiB:x1 1KiB..1TB:x1.01; do
    longhaul collective all-reduce llama-8b-one-site.yaml --sizes "$sizes" 2>&1 | head -1
done
longhaul collective all-reduc llama-8b-one-site.yaml 2>&1 | head -1
longhaul collective all-reduce llama-8b-one-site.yaml -n 1 2>&1 | head -1
longhaul collective all-reduce llama-8b-one-site.yaml -n 65 2>&1
longhaul collective all-reduce llama-8b-one-site.yaml --algorithm rings 2>&1 | head -1
longhaul collective all-to-all llama-8b-one-site.yaml --algorithm nvls 2>&1
longhaul collective 2>&1 | head -1
