/* SPDX-License-Identifier: BSD-2-Clause */
#include "draft.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A link stays a link: what it points to is replaced. */
static char *real_place(const char *path)
{
    char *real = realpath(path, NULL);
    return real ? real : memory_strdup(path); /* there is nothing yet */
}

static bool is_special(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

/* With the rights of a file made by open(), which mkstemp() does not give. */
static int open_beside(char *beside)
{
    int descriptor = mkostemp(beside, O_CLOEXEC);
    mode_t mask = umask(0);
    umask(mask);
    if (descriptor >= 0 && fchmod(descriptor, 0666 & ~mask) < 0) {
        unlink(beside);
        close(descriptor);
        return -1;
    }
    return descriptor;
}

static int open_draft(struct draft *draft)
{
    if (strcmp(draft->path, "-") == 0)
        return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (is_special(draft->path))
        return open(draft->path, O_WRONLY | O_CLOEXEC);
    draft->beside = memory_printf("%s.XXXXXX", draft->path);
    return open_beside(draft->beside);
}

static void draft_free(struct draft *draft)
{
    free(draft->path);
    free(draft->beside);
    *draft = (struct draft){0};
}

bool draft_begin(struct draft *draft, const char *path, struct error *error)
{
    *draft = (struct draft){.path = real_place(path)};
    if (strcmp(path, "-") == 0)
        fflush(stdout); /* what was said before stands before it */
    int descriptor = open_draft(draft);
    draft->file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (draft->file)
        return true;
    error_set(error, "writing %s: %s", path, strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    if (descriptor >= 0 && draft->beside)
        unlink(draft->beside);
    draft_free(draft);
    return false;
}

bool draft_end(struct draft *draft, bool good, struct error *error)
{
    bool written = fflush(draft->file) == 0 && !ferror(draft->file);
    if (written && draft->beside)
        written = fsync(fileno(draft->file)) == 0;
    written = fclose(draft->file) == 0 && written;
    if (written && good && draft->beside)
        written = rename(draft->beside, draft->path) == 0;
    if (!written)
        error_set(error, "writing %s: %s", draft->path, strerror(errno));
    if (!(written && good) && draft->beside)
        unlink(draft->beside);
    draft_free(draft);
    return written && good;
}
