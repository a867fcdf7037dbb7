# The same without waiting, as JSON: rl alone.
longhaul run rl-8b-one-site.yaml --set rl.mode=async -o json | sed -n "/^  .rl.: /,/^  }/p"
