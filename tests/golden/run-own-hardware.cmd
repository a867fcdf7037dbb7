longhaul run own-hardware/own.yaml --data own-hardware && longhaul list fabrics --data own-hardware | grep -c "^our-racks \|^dgx-h100-rails "
