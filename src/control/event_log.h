/* SPDX-License-Identifier: BSD-2-Clause */
/* What libevent and its resolver have to say goes where our own words go. */
#ifndef EVERMX_CONTROL_EVENT_LOG_H
#define EVERMX_CONTROL_EVENT_LOG_H

/* For the whole process, before its first event base. An error that libevent cannot go on after
 * ends the process. */
void event_log_take_over(void);

#endif
