// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CRC-32 (the polynomial of Ethernet and zip) over n buffers of 64 KiB, four bytes a step through four tables: loads
// whose addresses come from the data.

#include "kernel.h"

#define BUFFER_LEN (64 * 1024)
#define POLYNOMIAL 0xedb88320u

static uint32_t tables[4][256];
static uint8_t buffer[BUFFER_LEN];

// tables[k][b] is the remainder of byte b followed by k zero bytes.
static void fill_tables(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        tables[0][byte] = crc;
    }
    for (int k = 1; k < 4; k++)
        for (uint32_t byte = 0; byte < 256; byte++)
            tables[k][byte] = tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 255];
}

static uint32_t update(uint32_t crc, const uint8_t *data, uint32_t len) {
    for (; len >= 4; data += 4, len -= 4) {
        uint32_t word;
        __builtin_memcpy(&word, data, 4); // little-endian on every machine that the benchmark runs on
        crc ^= word;
        crc = tables[3][crc & 255] ^ tables[2][crc >> 8 & 255] ^ tables[1][crc >> 16 & 255] ^ tables[0][crc >> 24];
    }
    for (; len > 0; data++, len--)
        crc = crc >> 8 ^ tables[0][(crc ^ *data) & 255];
    return crc;
}

KERNEL uint32_t run(uint32_t n) {
    fill_tables();
    uint32_t random = 11;
    for (uint32_t i = 0; i < BUFFER_LEN; i++)
        buffer[i] = (uint8_t)(next_random(&random) >> 9);
    uint32_t crc = ~n;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t start = i & 7; // lengths and alignments differ from turn to turn
        crc = update(crc, buffer + start, BUFFER_LEN - start);
    }
    return ~crc;
}
