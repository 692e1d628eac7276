/* The version of the programs and of the library, in one place; the Makefile reads it here too. */
#ifndef XINYI_BASE_VERSION_H
#define XINYI_BASE_VERSION_H

#define XINYI_VERSION "0.2.0"

#endif
