# docs/folding.svg is what is drawn now.
longhaul show fold llama-8b-two-sites.yaml -o svg | cmp - ../docs/folding.svg && echo the same
