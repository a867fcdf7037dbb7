/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The topologies, one line each; `longhaul list topologies` prints them.
 *
 * LH_FABRIC(ID, name, shape function, help): networks inside a site.  To add
 * one: a value in enum lh_fabric_kind, a file with its shape function, a line
 * here, a case in tests/test_topology.c, a paragraph in docs/model.md.
 *
 * LH_LAYOUT(ID, name, function, help): fibres between sites.
 *
 * No include guard on purpose: the includer defines the macros it needs.
 */
#ifndef LH_FABRIC
#define LH_FABRIC(id, name, shape, help)
#endif
#ifndef LH_LAYOUT
#define LH_LAYOUT(id, name, add, help)
#endif

LH_FABRIC(SWITCH, "switch", lh__switch_shape,
          "every NIC on one non-blocking switch, no scale-up domain")
LH_FABRIC(RAILS, "rails", lh__rails_shape,
          "NIC i of a node on leaf i of its pod, one spine layer over the pods")
LH_FABRIC(FAT_TREE, "fat-tree", lh__fat_tree_shape,
          "k levels of switches, oversubscription per level")
LH_FABRIC(TORUS, "torus", lh__torus_shape,
          "slices, each a torus of accelerators; over the slices a fat-tree")
LH_FABRIC(DRAGONFLY, "dragonfly", lh__dragonfly_shape,
          "groups of nodes, and between every two groups a bundle of cables")

LH_LAYOUT(MESH, "mesh", mesh_add, "a fibre between every two sites")
LH_LAYOUT(RING, "ring", ring_add,
          "each site to the next one, the last to the first")
LH_LAYOUT(HUB, "hub", hub_add, "every site to the first one")
LH_LAYOUT(TREE, "tree", tree_add, "site i to site (i - 1) / 2")
LH_LAYOUT(GRAPHML, "graphml", lh__map_add,
          "a map in a GraphML or GML file, sites attached to its nodes")

#undef LH_FABRIC
#undef LH_LAYOUT
