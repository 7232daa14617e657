/* SPDX-License-Identifier: BSD-2-Clause */
#include "virtio/net_hdr.h"

#include "frame/packet.h"
#include "frame/wire.h"

#include <string.h>

/* virtio 1.2 section 5.1.6 */
enum {
    FLAG_NEEDS_CSUM = 1,
    FLAG_DATA_VALID = 2,
    GSO_NONE = 0,
    GSO_TCPV4 = 1,
    GSO_TCPV6 = 4,
    GSO_UDP_L4 = 5,
    GSO_ECN = 0x80,
    AT_FLAGS = 0,
    AT_GSO_TYPE = 1,
    AT_HDR_LEN = 2,
    AT_GSO_SIZE = 4,
    AT_CSUM_START = 6,
    AT_CSUM_OFFSET = 8,
};

static void put_le16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static uint16_t get_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint8_t gso_to_wire(enum rig_gso type)
{
    switch (type) {
    case RIG_GSO_TCPV4:
        return GSO_TCPV4;
    case RIG_GSO_TCPV6:
        return GSO_TCPV6;
    case RIG_GSO_UDP_L4:
        return GSO_UDP_L4;
    case RIG_GSO_NONE:
        break;
    }
    return GSO_NONE;
}

void rig_virtio_net_hdr_write(uint8_t out[static RIG_VIRTIO_NET_HDR_BYTES],
                              const struct rig_offload *offload)
{
    memset(out, 0, RIG_VIRTIO_NET_HDR_BYTES);
    if (offload->needs_csum) {
        out[AT_FLAGS] = FLAG_NEEDS_CSUM;
        put_le16(out + AT_CSUM_START, offload->csum_start_bytes);
        put_le16(out + AT_CSUM_OFFSET, offload->csum_offset_bytes);
    } else if (offload->data_valid) {
        out[AT_FLAGS] = FLAG_DATA_VALID;
    }
    if (offload->gso_type == RIG_GSO_NONE)
        return;
    out[AT_GSO_TYPE] = gso_to_wire(offload->gso_type) | (offload->gso_ecn ? GSO_ECN : 0);
    put_le16(out + AT_HDR_LEN, offload->hdr_len_bytes);
    put_le16(out + AT_GSO_SIZE, offload->gso_size_bytes);
}

static bool gso_from_wire(enum rig_gso *type, uint8_t wire)
{
    switch (wire & ~GSO_ECN) {
    case GSO_NONE:
        *type = RIG_GSO_NONE;
        return true;
    case GSO_TCPV4:
        *type = RIG_GSO_TCPV4;
        return true;
    case GSO_TCPV6:
        *type = RIG_GSO_TCPV6;
        return true;
    case GSO_UDP_L4:
        *type = RIG_GSO_UDP_L4;
        return true;
    default:
        return false;
    }
}

/* The header's own hdr_len is a hint that Linux fills with whatever was linear, so the length is
 * taken from the L4 header, which starts where the checksum does. */
static uint16_t header_len(const struct rig_frame *frame)
{
    uint32_t start = frame->offload.csum_start_bytes;
    if (frame->offload.gso_type == RIG_GSO_UDP_L4)
        return (uint16_t)(start + RIG_UDP_HDR_BYTES);
    const uint8_t *offset = rig_frame_at(frame, start + RIG_TCP_OFFSET, 1);
    uint32_t tcp = offset ? (uint32_t)(*offset >> 4) * 4 : 0;
    return (uint16_t)(start + tcp); /* too little is for rig_frame_offload_valid to refuse */
}

bool rig_virtio_net_hdr_read(struct rig_frame *frame,
                             const uint8_t in[static RIG_VIRTIO_NET_HDR_BYTES])
{
    struct rig_offload *offload = &frame->offload;
    memset(offload, 0, sizeof(*offload));
    offload->needs_csum = (in[AT_FLAGS] & FLAG_NEEDS_CSUM) != 0;
    offload->data_valid = (in[AT_FLAGS] & FLAG_DATA_VALID) != 0;
    if (offload->needs_csum) {
        offload->csum_start_bytes = get_le16(in + AT_CSUM_START);
        offload->csum_offset_bytes = get_le16(in + AT_CSUM_OFFSET);
    }
    bool known = gso_from_wire(&offload->gso_type, in[AT_GSO_TYPE]);
    offload->gso_ecn = (in[AT_GSO_TYPE] & GSO_ECN) != 0;
    if (known && offload->gso_type != RIG_GSO_NONE) {
        offload->gso_size_bytes = get_le16(in + AT_GSO_SIZE);
        offload->hdr_len_bytes = header_len(frame);
    }
    if (known && rig_frame_offload_valid(frame))
        return true;
    memset(offload, 0, sizeof(*offload));
    return false;
}
