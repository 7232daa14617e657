/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything of iperf's wire format that a peer can send: requests and bursts of a stream,
 * datagrams, reports. What is read as a request must be writable again and then mean the same. */
#include "proto/iperf2_wire.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_stream(const uint8_t *data, uint32_t len)
{
    int32_t need = rig_iperf2_tcp_request_len(data, len);
    if (need < -1 || need > (int32_t)RIG_IPERF2_TCP_HDR_MAX_BYTES)
        abort();
    struct rig_iperf2_request request;
    struct rig_iperf2_request again;
    uint8_t out[RIG_IPERF2_TCP_HDR_MAX_BYTES];
    if (need <= 0 || (uint32_t)need > len ||
        !rig_iperf2_tcp_request_read(&request, data, (uint32_t)need))
        return;
    uint32_t written = rig_iperf2_tcp_request_write(out, &request);
    if (!rig_iperf2_tcp_request_read(&again, out, written) || again.test != request.test ||
        again.port != request.port || again.tos != request.tos)
        abort();
    struct rig_iperf2_burst burst;
    if (len >= RIG_IPERF2_BURST_HDR_BYTES && rig_iperf2_burst_read(&burst, data) &&
        burst.size_bytes < RIG_IPERF2_BURST_HDR_BYTES)
        abort();
}

static void check_datagram(const uint8_t *data, uint32_t len)
{
    struct rig_iperf2_datagram datagram;
    struct rig_iperf2_request request;
    struct rig_iperf2_server_report report;
    bool is_64bit = rig_iperf2_udp_is_64bit(data, len);
    if (rig_iperf2_udp_read(&datagram, data, len, is_64bit) && datagram.id == INT64_MIN)
        abort();
    rig_iperf2_udp_request_read(&request, data, len);
    rig_iperf2_report_read(&report, data, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of just this size, so that the sanitizer sees a read behind its end. */
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    check_stream(copy, (uint32_t)size);
    check_datagram(copy, (uint32_t)size);
    free(copy);
    return 0;
}
