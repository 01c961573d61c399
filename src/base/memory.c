/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/memory.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void memory_exhausted(size_t size)
{
    log_error("allocating %zu bytes: out of memory; the process ends", size);
    abort();
}

void *memory_array(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);
    if (!memory)
        memory_exhausted(count * size);
    return memory;
}

void *memory_alloc(size_t size)
{
    return memory_array(1, size);
}

void *memory_resize(void *memory, size_t count, size_t size)
{
    void *resized = reallocarray(memory, count ? count : 1, size ? size : 1);
    if (!resized)
        memory_exhausted(count * size);
    return resized;
}

char *memory_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(memory_array(1, size), text, size);
}

char *memory_printf(const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        memory_exhausted(strlen(format));
    return text;
}

void *memory_grow(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    size_t larger = *capacity ? *capacity * 2 : 8;
    array = memory_resize(array, larger, size);
    *capacity = larger;
    return array;
}
