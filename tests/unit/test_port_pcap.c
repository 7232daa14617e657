/* SPDX-License-Identifier: BSD-2-Clause */
#include "port/port.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

/* A file of the test's own, gone after it. */
struct file {
    char path[64];
    char reads[80];
    char writes[80];
};

static int set_up(void **state)
{
    struct file *file = calloc(1, sizeof(*file));
    if (!file)
        return -1;
    snprintf(file->path, sizeof(file->path), "test_port_pcap.%d.pcap", (int)getpid());
    snprintf(file->reads, sizeof(file->reads), "pcap:%s", file->path);
    snprintf(file->writes, sizeof(file->writes), "pcap:%s@write", file->path);
    *state = file;
    return 0;
}

static int tear_down(void **state)
{
    struct file *file = *state;
    unlink(file->path);
    free(file);
    return 0;
}

static struct rig_port *open_port(const char *name)
{
    struct rig_port *port = NULL;
    struct rig_err err = {.text = ""};
    if (rig_port_open(&port, name, &err) != 0)
        fail_msg("%s", err.text);
    return port;
}

static uint32_t send_frame(struct rig_port *port, uint32_t len_bytes, uint8_t fill)
{
    struct rig_frame *frame;
    if (rig_port_tx_reserve(port, &frame, 1) == 0)
        return 0;
    memset(frame->seg[0].base, fill, len_bytes);
    frame->seg[0].len_bytes = len_bytes;
    frame->len_bytes = len_bytes;
    return rig_port_tx_commit(port, 1);
}

static long size_of(const struct file *file)
{
    struct stat st;
    assert_int_equal(stat(file->path, &st), 0);
    return (long)st.st_size;
}

static void write_file(const struct file *file, const void *bytes, size_t len)
{
    FILE *f = fopen(file->path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

static void what_is_written_reads_back_with_its_time(void **state)
{
    struct file *file = *state;
    rig_ns_t before_ns = rig_clock_wall_ns();
    struct rig_port *port = open_port(file->writes);
    assert_int_equal(send_frame(port, 60, 1), 1);
    assert_int_equal(send_frame(port, 1514, 2), 1);
    assert_int_equal(port->counters.tx_frames, 2);
    assert_int_equal(port->counters.tx_bytes, 1574);
    rig_port_close(port);
    assert_int_equal(size_of(file), 24 + 2 * 16 + 1574);

    struct rig_frame *frames[4];
    port = open_port(file->reads);
    assert_int_equal(rig_port_rx_peek(port, frames, 4), 2);
    assert_int_equal(frames[0]->len_bytes, 60);
    assert_int_equal(frames[0]->seg[0].base[59], 1);
    assert_int_equal(frames[1]->len_bytes, 1514);
    assert_int_equal(frames[1]->seg[0].base[1513], 2);
    assert_true(frames[0]->rx_wall_ns >= before_ns);
    assert_true(frames[1]->rx_wall_ns >= frames[0]->rx_wall_ns);
    assert_true(frames[1]->rx_wall_ns <= rig_clock_wall_ns());
    assert_int_equal(port->counters.rx_frames, 2);
    assert_int_equal(port->counters.rx_bytes, 1574);
    rig_port_rx_release(port, frames, 2);
    rig_port_close(port);
}

static void the_end_of_a_capture_is_no_error(void **state)
{
    struct file *file = *state;
    struct rig_frame *frames[4];
    struct rig_port *port = open_port(file->writes);
    send_frame(port, 60, 1);
    rig_port_close(port);
    port = open_port(file->reads);
    assert_false(port->eof);
    assert_true(port->ops->rx_ready(port));
    assert_int_equal(rig_port_rx_peek(port, frames, 1), 1);
    assert_int_equal(rig_port_rx_peek(port, frames + 1, 1), 0);
    assert_true(port->eof);
    assert_false(port->ops->rx_ready(port));
    assert_int_equal(port->error, 0);
    assert_int_equal(frames[0]->seg[0].base[0], 1);
    rig_port_rx_release(port, frames, 1);
    rig_port_close(port);
}

static void held_frames_keep_their_bytes(void **state)
{
    struct file *file = *state;
    struct rig_frame *frames[300];
    struct rig_port *port = open_port(file->writes);
    for (int i = 0; i < 300; i++)
        send_frame(port, 60, (uint8_t)i);
    rig_port_close(port);
    port = open_port(file->reads);
    uint32_t got = rig_port_rx_peek(port, frames, 300);
    assert_int_equal(got, 256);
    assert_false(port->ops->rx_ready(port)); /* no buffer left: nothing to show */
    for (uint32_t i = 0; i < got; i++)
        assert_int_equal(frames[i]->seg[0].base[0], (uint8_t)i);
    rig_port_rx_release(port, &frames[10], 246);
    assert_int_equal(rig_port_rx_peek(port, &frames[10], 290), 44);
    assert_int_equal(frames[9]->seg[0].base[0], 9);
    assert_int_equal(frames[10]->seg[0].base[0], (uint8_t)256);
    rig_port_close(port);
}

static void a_reader_takes_no_frames(void **state)
{
    struct file *file = *state;
    struct rig_port *port = open_port(file->writes);
    struct rig_frame *frame;
    assert_int_equal(rig_port_rx_peek(port, &frame, 1), 0);
    assert_false(port->ops->rx_ready(port));
    rig_port_close(port);
    assert_int_equal(size_of(file), 24); /* a capture of nothing is one, too */
    port = open_port(file->reads);
    assert_int_equal(send_frame(port, 60, 1), 0);
    assert_int_equal(port->counters.tx_drop_error, 1);
    assert_int_equal(port->error, 0);
    rig_port_close(port);
}

/* A UDPv4 super-frame of three datagrams: 100, 100 and 50 bytes. */
static void fill_uso(struct rig_frame *frame)
{
    static const uint8_t head[42] = {
        0x02, 0, 0,  0,    0, 0x0a, 0x02, 0,    0,    0,    0, 0x0b, 0x08, 0x00, /* Ethernet */
        0x45, 0, 1,  0x16, 0, 1,    0x40, 0,    64,   17,   0, 0,    10,   0,
        0,    1, 10, 0,    0, 2,    0x30, 0x39, 0x13, 0x89, 1, 2,    0,    0};
    memcpy(frame->seg[0].base, head, sizeof(head));
    memset(frame->seg[0].base + 42, 'x', 250);
    frame->seg[0].len_bytes = frame->len_bytes = 292;
    frame->offload = (struct rig_offload){.gso_type = RIG_GSO_UDP_L4,
                                          .needs_csum = true,
                                          .gso_size_bytes = 100,
                                          .hdr_len_bytes = 42,
                                          .csum_start_bytes = 34,
                                          .csum_offset_bytes = 6};
}

static void super_frames_are_cut_and_checksums_filled_in(void **state)
{
    struct file *file = *state;
    struct rig_port *port = open_port(file->writes);
    struct rig_frame *frames[8];
    rig_port_tx_reserve(port, frames, 1);
    fill_uso(frames[0]);
    assert_int_equal(rig_port_tx_commit(port, 1), 1);
    assert_int_equal(port->counters.tx_frames, 1);
    rig_port_close(port);

    static const uint32_t want[] = {142, 142, 92};
    port = open_port(file->reads);
    assert_int_equal(rig_port_rx_peek(port, frames, 8), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(frames[i]->len_bytes, want[i]);
        const uint8_t *udp = frames[i]->seg[0].base + 34;
        assert_int_equal(udp[4] << 8 | udp[5], want[i] - 34);
        assert_true(udp[6] || udp[7]);
    }
    rig_port_close(port);
}

static void a_super_frame_of_many_pieces_is_written_whole(void **state)
{
    struct file *file = *state;
    struct rig_port *port = open_port(file->writes);
    struct rig_frame *frame;
    for (int i = 0; i < 4; i++) {
        rig_port_tx_reserve(port, &frame, 1);
        fill_uso(frame);
        memset(frame->seg[0].base + 42, 'x', 60000);
        frame->seg[0].base[16] = (60028 >> 8) & 0xff;
        frame->seg[0].base[17] = 60028 & 0xff;
        frame->seg[0].base[38] = (60008 >> 8) & 0xff;
        frame->seg[0].base[39] = 60008 & 0xff;
        frame->seg[0].len_bytes = frame->len_bytes = 42 + 60000;
        frame->offload.gso_size_bytes = 1;
        rig_port_tx_commit(port, 1);
    }
    assert_int_equal(port->counters.tx_frames, 4);
    assert_int_equal(port->counters.tx_drop_error, 0);
    rig_port_close(port);
    assert_int_equal(size_of(file), 24 + 4l * 60000 * (16 + 43));
}

static void malformed_offloads_are_dropped(void **state)
{
    struct file *file = *state;
    struct rig_port *port = open_port(file->writes);
    struct rig_frame *frame;
    rig_port_tx_reserve(port, &frame, 1);
    fill_uso(frame);
    frame->offload.gso_size_bytes = 0;
    assert_int_equal(rig_port_tx_commit(port, 1), 0);
    assert_int_equal(port->counters.tx_drop_error, 1);
    rig_port_close(port);
    assert_int_equal(size_of(file), 24);
}

static void a_frame_above_the_mtu_is_too_long(void **state)
{
    struct file *file = *state;
    char name[100];
    snprintf(name, sizeof(name), "%s,mtu=9000", file->writes);
    struct rig_port *port = open_port(name);
    assert_int_equal(send_frame(port, 9014, 0), 1);
    assert_int_equal(send_frame(port, 9015, 0), 0);
    assert_int_equal(port->counters.tx_drop_too_long, 1);
    rig_port_close(port);
}

static void a_full_file_system_leaves_whole_records(void **state)
{
    struct file *file = *state;
    struct rlimit limit, before;
    struct rig_port *port = open_port(file->writes);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 1000000;
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);
    uint32_t sent = 0;
    while (sent < 10000 && send_frame(port, 1500, 1) == 1)
        sent++;
    assert_int_equal(port->error, -EFBIG);
    assert_true(port->counters.tx_drop_error >= 1);
    rig_port_close(port);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_true(size_of(file) > 24);
    assert_int_equal((size_of(file) - 24) % (1500 + 16), 0);
}

/* ---- files that others made ---- */

static const uint8_t pcap_header[24] = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0,
                                        0,    0,    0,    0,    0, 0, 4, 0, 1, 0, 0, 0};

static void a_record_that_was_cut_short_is_counted_and_passed_over(void **state)
{
    struct file *file = *state;
    uint8_t bytes[24 + 2 * (16 + 20)];
    memset(bytes, 7, sizeof(bytes));
    memcpy(bytes, pcap_header, 24);
    const uint8_t cut[16] = {1, 0, 0, 0, 2, 0, 0, 0, 20, 0, 0, 0, 60};
    const uint8_t whole[16] = {1, 0, 0, 0, 2, 0, 0, 0, 20, 0, 0, 0, 20};
    memcpy(bytes + 24, cut, 16);
    memcpy(bytes + 24 + 36, whole, 16);
    write_file(file, bytes, sizeof(bytes));
    struct rig_frame *frames[4];
    struct rig_port *port = open_port(file->reads);
    assert_int_equal(rig_port_rx_peek(port, frames, 4), 1);
    assert_int_equal(frames[0]->len_bytes, 20);
    assert_true(frames[0]->rx_wall_ns == RIG_NS_PER_S + 2 * RIG_NS_PER_US);
    assert_int_equal(port->counters.rx_drop_truncated, 1);
    rig_port_close(port);
}

static void a_file_that_breaks_off_is_an_error(void **state)
{
    struct file *file = *state;
    uint8_t bytes[24 + 16 + 5] = {0};
    memcpy(bytes, pcap_header, 24);
    bytes[24 + 8] = bytes[24 + 12] = 60;
    write_file(file, bytes, sizeof(bytes));
    struct rig_frame *frame;
    struct rig_port *port = open_port(file->reads);
    assert_int_equal(rig_port_rx_peek(port, &frame, 1), 0);
    assert_int_equal(port->error, -EIO);
    assert_false(port->eof);
    assert_false(port->ops->rx_ready(port));
    rig_port_close(port);
}

static void refused(const char *name, int code, const char *sentence)
{
    struct rig_port *port = NULL;
    struct rig_err err = {.text = ""};
    assert_int_equal(rig_port_open(&port, name, &err), code);
    assert_null(port);
    if (!strstr(err.text, sentence))
        fail_msg("'%s' is refused with '%s'", name, err.text);
}

static void what_is_no_capture_of_ethernet_is_refused(void **state)
{
    struct file *file = *state;
    uint8_t raw_ip[24];
    write_file(file, "hello, this is no capture file at all", 37);
    refused(file->reads, -EINVAL, "is no capture");
    write_file(file, "", 0);
    refused(file->reads, -EINVAL, "is no capture");
    memcpy(raw_ip, pcap_header, sizeof(raw_ip));
    raw_ip[20] = 101;
    write_file(file, raw_ip, sizeof(raw_ip));
    refused(file->reads, -EINVAL, "only Ethernet");
}

static void files_that_cannot_be_opened_are_refused(void **state)
{
    struct file *file = *state;
    refused(file->reads, -ENOENT, "cannot read");
    refused("pcap:/nowhere/x.pcap@write", -ENOENT, "port 'pcap:/nowhere/x.pcap': cannot write");
    refused("pcap:/proc@write", -EISDIR, "cannot write");
    refused("pcap:x@offload=off", -EINVAL, "no option 'offload'");
}

#define PCAP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PCAP_TEST(what_is_written_reads_back_with_its_time),
        PCAP_TEST(the_end_of_a_capture_is_no_error),
        PCAP_TEST(held_frames_keep_their_bytes),
        PCAP_TEST(a_reader_takes_no_frames),
        PCAP_TEST(super_frames_are_cut_and_checksums_filled_in),
        PCAP_TEST(a_super_frame_of_many_pieces_is_written_whole),
        PCAP_TEST(malformed_offloads_are_dropped),
        PCAP_TEST(a_frame_above_the_mtu_is_too_long),
        PCAP_TEST(a_full_file_system_leaves_whole_records),
        PCAP_TEST(a_record_that_was_cut_short_is_counted_and_passed_over),
        PCAP_TEST(a_file_that_breaks_off_is_an_error),
        PCAP_TEST(what_is_no_capture_of_ethernet_is_refused),
        PCAP_TEST(files_that_cannot_be_opened_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
