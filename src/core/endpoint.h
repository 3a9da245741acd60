/*
 * endpoint: from an Alibaba Cloud region to the public host of EAS there (generated core/endpoint.def, from
 * docs/eas/endpoints.json). An unknown region has no host: none is ever guessed.
 */
#ifndef EG_ENDPOINT_H
#define EG_ENDPOINT_H
#include "base/slice.h"

/* "cn-shanghai" -> "pai-eas.cn-shanghai.aliyuncs.com"; exact case; SLICE_NONE for every other text. Lives for
 * ever. */
struct slice endpoint_of_region(struct slice region);
/* All known regions, in order of name. */
size_t endpoint_count(void);
struct slice endpoint_region_at(size_t i);
#endif
