/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

bool privileges_user_exists(const char *user)
{
    return getpwnam(user);
}

static bool is_among(gid_t group, const gid_t *groups, int count)
{
    for (int i = 0; i < count; i++)
        if (groups[i] == group)
            return true;
    return false;
}

enum { GROUPS_MAX = 256 }; /* of who is in more, the first ones */

static bool user_has_group(const struct passwd *entry, gid_t group)
{
    gid_t groups[GROUPS_MAX];
    int count = GROUPS_MAX;
    getgrouplist(entry->pw_name, entry->pw_gid, groups, &count); /* count: of all of them */
    return is_among(group, groups, count < GROUPS_MAX ? count : GROUPS_MAX);
}

bool privileges_has_group(gid_t group, const char *user)
{
    gid_t groups[GROUPS_MAX];
    const struct passwd *entry = user ? getpwnam(user) : NULL;
    return group == 0 || group == getegid() ||
           is_among(group, groups, getgroups(GROUPS_MAX, groups)) ||
           (entry && user_has_group(entry, group));
}

bool privileges_user_may_read(const char *user, const char *path)
{
    const struct passwd *entry = getpwnam(user);
    struct stat status;
    if (!entry || stat(path, &status) < 0 || entry->pw_uid == 0)
        return true;
    if (entry->pw_uid == status.st_uid)
        return status.st_mode & S_IRUSR;
    if (user_has_group(entry, status.st_gid))
        return status.st_mode & S_IRGRP;
    return status.st_mode & S_IROTH;
}

bool privileges_forbid_dumps(struct error *error)
{
    return prctl(PR_SET_DUMPABLE, 0) == 0 ||
           error_set(error, "forbidding core dumps: %s", strerror(errno));
}

bool privileges_drop(const char *user, struct error *error)
{
    const struct passwd *entry = getpwnam(user);
    if (!entry)
        return error_set(error, "becoming user '%s': no such user", user);
    uid_t uid = entry->pw_uid;
    gid_t gid = entry->pw_gid;
    if (initgroups(user, gid) < 0 || setgid(gid) < 0 || setuid(uid) < 0)
        return error_set(error, "becoming user '%s': %s", user, strerror(errno));
    if (uid != 0 && setuid(0) == 0)
        return error_set(error, "becoming user '%s': root could be had back", user);
    return true;
}

bool privileges_give(const char *path, const char *user, struct error *error)
{
    const struct passwd *entry = getpwnam(user);
    if (!entry)
        return error_set(error, "giving %s to user '%s': no such user", path, user);
    if (lchown(path, entry->pw_uid, entry->pw_gid) < 0)
        return error_set(error, "giving %s to user '%s': %s", path, user, strerror(errno));
    return true;
}

bool privileges_raise_descriptors(struct error *error)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) == 0)
            return true;
    }
    return error_set(error, "raising the limit of descriptors: %s", strerror(errno));
}
