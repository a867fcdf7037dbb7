/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LONGHAUL_GOLDEN_H
#define LONGHAUL_GOLDEN_H
#include <longhaul/result.h>
#endif
