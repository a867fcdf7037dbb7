# SPDX-License-Identifier: GPL-2.0-or-later
#
# Configure checks of longhaul.  Every failure names the Debian package that
# cures it, because that is the whole next step of who reads it.

# LH_REQUIRE_PKG_CONFIG
AC_DEFUN([LH_REQUIRE_PKG_CONFIG],
[m4_ifndef([PKG_PROG_PKG_CONFIG],
   [m4_fatal([pkg.m4 not found: install pkg-config])])
PKG_PROG_PKG_CONFIG
AS_IF([test -z "$PKG_CONFIG"],
  [AC_MSG_ERROR([pkg-config not found: install pkg-config])])])

# LH_PKG(PREFIX, MODULES, NAME, DEBIAN-PACKAGE)
# Sets PREFIX_CFLAGS and PREFIX_LIBS or stops.
AC_DEFUN([LH_PKG],
[PKG_CHECK_MODULES([$1], [$2], [],
  [AC_MSG_ERROR([$3 not found: install $4])])])

# LH_LIB(PREFIX, HEADER, LIBRARY, FUNCTION, NAME, DEBIAN-PACKAGE)
# For libraries without a .pc file.
AC_DEFUN([LH_LIB],
[lh_found=yes
AC_CHECK_HEADER([$2], [], [lh_found=no])
AC_CHECK_LIB([$3], [$4], [AC_SUBST([$1_LIBS], [-l$3])], [lh_found=no])
AS_IF([test "$lh_found" = no],
  [AC_MSG_ERROR([$5 not found: install $6])])])

# LH_TOOL(VARIABLE, PROGRAM, DEBIAN-PACKAGE)
AC_DEFUN([LH_TOOL],
[AC_PATH_PROG([$1], [$2])
AS_IF([test -z "$$1"], [AC_MSG_ERROR([$2 not found: install $3])])])

# LH_ENABLE_FLAGS
# The four switches; sets LH_CFLAGS and LH_CXXFLAGS.
# -std=c11 and not gnu11: it also forbids contracting a * b + c into one
# rounding, so that results do not depend on the processor.
AC_DEFUN([LH_ENABLE_FLAGS],
[AC_ARG_ENABLE([werror],
  [AS_HELP_STRING([--enable-werror], [turn compiler warnings into errors])])
AC_ARG_ENABLE([asan],
  [AS_HELP_STRING([--enable-asan], [build with AddressSanitizer])])
AC_ARG_ENABLE([ubsan],
  [AS_HELP_STRING([--enable-ubsan],
    [build with UndefinedBehaviorSanitizer, stopping at the first finding])])
AC_ARG_ENABLE([gcov],
  [AS_HELP_STRING([--enable-gcov], [build for coverage by gcov or gcovr])])
lh_common="-Wall -Wextra -Wshadow"
AS_IF([test "x$enable_werror" = xyes], [lh_common="$lh_common -Werror"])
AS_IF([test "x$enable_asan" = xyes],
  [lh_common="$lh_common -fsanitize=address -fno-omit-frame-pointer"])
AS_IF([test "x$enable_ubsan" = xyes],
  [lh_common="$lh_common -fsanitize=undefined -fno-sanitize-recover=undefined"])
AS_IF([test "x$enable_gcov" = xyes], [lh_common="$lh_common --coverage -O0"])
lh_c="-Wstrict-prototypes -Wmissing-prototypes -Wconversion"
LH_CFLAGS="-std=c11 $lh_common $lh_c -Wno-sign-conversion"
LH_CXXFLAGS="-std=c++17 $lh_common -ffp-contract=off"
AC_SUBST([LH_CFLAGS])
AC_SUBST([LH_CXXFLAGS])])
