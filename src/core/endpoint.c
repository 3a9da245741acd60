/* Regions and their hosts: see endpoint.h. The table is generated. This file must never compose a host. */
#include "core/endpoint.h"
#include "base/must.h"

struct endpoint {
    struct slice region, host;
};

static const struct endpoint endpoints[] = {
#include "core/endpoint.def"
};

#define ENDPOINT_COUNT (sizeof endpoints / sizeof endpoints[0])

struct slice endpoint_of_region(struct slice region)
{
    for (size_t i = 0; i < ENDPOINT_COUNT; i++)
        if (slice_eq(endpoints[i].region, region))
            return endpoints[i].host;
    return SLICE_NONE;
}

size_t endpoint_count(void)
{
    return ENDPOINT_COUNT;
}

struct slice endpoint_region_at(size_t i)
{
    MUST(i < ENDPOINT_COUNT);
    return endpoints[i].region;
}
