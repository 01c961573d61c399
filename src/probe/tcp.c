/* SPDX-License-Identifier: BSD-2-Clause */
/* Any service of which nothing is known but its port: it accepts connections. */
#include "probe/session.h"

static void tcp_opened(struct session *session)
{
    session_greeted(session);
}

const struct protocol tcp_protocol = {.opened = tcp_opened};
