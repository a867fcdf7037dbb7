#include <longhaul/golden.h>
typedef int a;
