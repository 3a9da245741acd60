/* Functions that this program does not call, made unusable. Force-included into every file by the build. */
#ifndef EG_BANNED_H
#define EG_BANNED_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#define EG_BANNED(f) sorry_##f##_is_banned_see_base_banned_h
#undef strcpy
#define strcpy(x, y) EG_BANNED(strcpy)
#undef strcat
#define strcat(x, y) EG_BANNED(strcat)
#undef strncpy
#define strncpy(x, y, n) EG_BANNED(strncpy)
#undef strncat
#define strncat(x, y, n) EG_BANNED(strncat)
#undef sprintf
#define sprintf(...) EG_BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) EG_BANNED(vsprintf)
#undef strtok
#define strtok(x, y) EG_BANNED(strtok)
#undef atoi
#define atoi(x) EG_BANNED(atoi)
#undef atol
#define atol(x) EG_BANNED(atol)
#undef atoll
#define atoll(x) EG_BANNED(atoll)
#undef atof
#define atof(x) EG_BANNED(atof)
#undef strtol
#define strtol(...) EG_BANNED(strtol)
#undef strtoul
#define strtoul(...) EG_BANNED(strtoul)
#undef strtoll
#define strtoll(...) EG_BANNED(strtoll)
#undef strtoull
#define strtoull(...) EG_BANNED(strtoull)
#undef gmtime
#define gmtime(x) EG_BANNED(gmtime)
#undef localtime
#define localtime(x) EG_BANNED(localtime)
#undef ctime
#define ctime(x) EG_BANNED(ctime)
#undef asctime
#define asctime(x) EG_BANNED(asctime)
#undef rand
#define rand() EG_BANNED(rand)
#undef srand
#define srand(x) EG_BANNED(srand)
#undef strcasecmp
#define strcasecmp(x, y) EG_BANNED(strcasecmp)
#undef strncasecmp
#define strncasecmp(x, y, n) EG_BANNED(strncasecmp)
#undef alloca
#define alloca(x) EG_BANNED(alloca)
#endif
