/* SPDX-License-Identifier: BSD-2-Clause */
#include "proto/iperf2_server.h"

#include <errno.h>
#include <stdlib.h>

static void on_deadline(void *ctx)
{
    rig_iperf2_server_stop(ctx);
}

static void report_listening(struct rig_iperf2_server *server)
{
    struct rig_iperf2_report report = {
        .event = RIG_IPERF2_LISTENING,
        .is_server = true,
        .udp = server->run.config.udp,
        .local = server->udp ? rig_udp_local(server->udp) : rig_listener_local(server->listener),
        .window_bytes = server->udp ? rig_udp_window(server->udp, false) : 0,
    };
    rig_iperf2_run_report(&server->run, &report);
}

int rig_iperf2_server_new_with_ids(struct rig_iperf2_server **server, struct rig_net *net,
                                   const struct rig_iperf2_config *config,
                                   const struct rig_iperf2_hooks *hooks, uint32_t *ids,
                                   struct rig_err *err)
{
    struct rig_iperf2_server *new = calloc(1, sizeof(*new));
    if (!new)
        return rig_err_set(err, -ENOMEM, "no memory for a server");
    int rc = rig_iperf2_run_init(&new->run, net, config, hooks, err);
    if (rc < 0) {
        free(new);
        return rc;
    }
    new->run.is_server = true;
    new->in_client = ids != NULL;
    if (ids)
        new->run.next_id = ids;
    rig_timer_init(&new->deadline, on_deadline, new);
    for (uint32_t i = 0; i < RIG_IPERF2_GROUPS_MAX; i++)
        rig_iperf2_group_init(&new->groups[i].group, &new->run, false);
    rc = config->udp ? rig_iperf2_server_udp_open(new, err) : rig_iperf2_server_tcp_open(new, err);
    if (rc < 0) {
        rig_iperf2_server_free(new);
        return rc;
    }
    if (config->duration_ns)
        rig_loop_timer_set(new->run.loop, &new->deadline,
                           rig_loop_now(new->run.loop) + config->duration_ns);
    *server = new;
    if (!ids)
        report_listening(new);
    return 0;
}

int rig_iperf2_server_new(struct rig_iperf2_server **server, struct rig_net *net,
                          const struct rig_iperf2_config *config,
                          const struct rig_iperf2_hooks *hooks, struct rig_err *err)
{
    return rig_iperf2_server_new_with_ids(server, net, config, hooks, NULL, err);
}

void rig_iperf2_server_stop(struct rig_iperf2_server *server)
{
    if (server->stopping)
        return;
    server->stopping = true;
    rig_loop_timer_stop(server->run.loop, &server->deadline);
    rig_iperf2_server_tcp_stop(server);
    rig_iperf2_server_udp_stop(server);
    rig_iperf2_run_done(&server->run);
}

void rig_iperf2_server_free(struct rig_iperf2_server *server)
{
    if (!server)
        return;
    rig_loop_timer_stop(server->run.loop, &server->deadline);
    rig_iperf2_server_tcp_close(server);
    rig_iperf2_server_udp_close(server);
    rig_iperf2_run_fini(&server->run);
    free(server);
}

struct rig_iperf2_group *rig_iperf2_server_group(struct rig_iperf2_server *server,
                                                 const struct rig_addr *host, bool is_sender)
{
    struct rig_iperf2_host_group *idle = NULL;
    for (uint32_t i = 0; i < RIG_IPERF2_GROUPS_MAX; i++) {
        struct rig_iperf2_host_group *entry = &server->groups[i];
        if (!entry->group.members) {
            if (!idle)
                idle = entry;
        } else if (entry->group.is_sender == is_sender && rig_addr_equal(&entry->host, host)) {
            return &entry->group;
        }
    }
    if (!idle)
        return NULL;
    idle->host = *host;
    rig_iperf2_group_init(&idle->group, &server->run, is_sender);
    return &idle->group;
}

bool rig_iperf2_server_may_begin(const struct rig_iperf2_server *server,
                                 const struct rig_addr *host)
{
    return !server->run.config.one_at_a_time || !server->active ||
           rig_addr_equal(&server->only_host, host);
}

void rig_iperf2_server_began(struct rig_iperf2_server *server, const struct rig_addr *host)
{
    server->active++;
    server->only_host = *host;
}

void rig_iperf2_server_ended(struct rig_iperf2_server *server)
{
    server->active--;
    server->served++;
    uint32_t limit = server->run.config.parallel;
    if (limit && server->served >= limit && !server->active)
        rig_iperf2_server_stop(server);
    else if (!server->active && !server->stopping)
        rig_iperf2_server_tcp_next(server);
}

double rig_iperf2_server_rate_pps(const struct rig_iperf2_request *request, uint32_t len_bytes)
{
    struct rig_rate rate = {.value = request->rate_bps, .is_pps = request->rate_is_pps};
    return rig_iperf2_rate_pps(&rate, len_bytes);
}

struct rig_iperf2_amount rig_iperf2_server_amount(const struct rig_iperf2_request *request,
                                                  uint32_t len_bytes)
{
    return (struct rig_iperf2_amount){
        .duration_ns = request->duration_ns,
        .bytes = request->amount_bytes,
        .rate_pps = rig_iperf2_server_rate_pps(request, len_bytes),
        .len_bytes = len_bytes,
        .bursts = request->trip_times,
    };
}
