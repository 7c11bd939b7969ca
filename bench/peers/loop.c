// The limit that a replay is measured against: the least that a program must do with a trace on one core.
//
//   gcc -O3 -DPLAIN -o loop-plain loop.c           plain loops over 4-byte counts, as gcc makes them for any x86-64
//   gcc -O3 -march=native -o loop loop.c           the fastest loop found, for this very processor
//   loop csv page|page8|folio|scan FILE.csv          the native trace, columns ts,op,offset,segs, over mmap
//   loop bin page|page8|folio|scan|qd|qd8 FILE.bin [IN_FLIGHT]   records of 32 bytes; IN_FLIGHT is 64, or a lower power of two
//
// page    for each request, adds one to a 4-byte count of each page it spans, then takes one off
// page8   the same with 1-byte counts, eight to a step
// folio   one count of a request, that of the huge page it begins in
// scan    reads only
// qd      as page, but a request lets go when IN_FLIGHT further ones have begun; qd8 with 1-byte counts
//
// Prints requests, pages, and bytes: the harness compares them with the report of pinscope. No iterator, no ledger, no consumer:
// a limit, not a peer. A line that is not of this form ends the program.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop-text.h"

#define POOL_ADDRESS 0x7f0000000000ull
#define POOL_PAGES (1u << 20)
#define REQUEST_BYTES_MAX (1u << 20)
#define SPARE_PAGES (REQUEST_BYTES_MAX / 4096 + 8)
#define IN_FLIGHT_MAX 64
#define CHUNK_BYTES (256 * 1024)
// Between taking and letting go: else a compiler may see that nothing changes.
#define KEPT() __asm__ volatile("" ::: "memory")

enum mode { PAGE, PAGE8, FOLIO, SCAN, QD, QD8, MODES };
static const char *const MODE_NAMES[MODES] = {"page", "page8", "folio", "scan", "qd", "qd8"};

struct record {
	uint64_t ts, offset, address;
	uint32_t length, op;
};

struct sums {
	uint64_t requests, pages, bytes, rest;
};

static uint32_t counts32[POOL_PAGES + SPARE_PAGES];
static uint8_t counts8[POOL_PAGES + SPARE_PAGES];

#ifdef PLAIN
ALWAYS void add32(uint32_t first, uint32_t count, uint32_t step)
{
	for (uint32_t i = 0; i < count; i++)
		counts32[first + i] += step;
}
#else
// Eight pages a step, then what is left by its bits: up to twice as fast as what gcc makes of a plain loop.
ALWAYS void add32(uint32_t first, uint32_t count, uint32_t step)
{
	typedef uint32_t eight __attribute__((vector_size(32), aligned(4)));
	typedef uint32_t four __attribute__((vector_size(16), aligned(4)));
	uint32_t *at = counts32 + first;
	for (; count >= 8; count -= 8, at += 8)
		*(eight *)at += step;
	if (count & 4) {
		*(four *)at += step;
		at += 4;
	}
	if (count & 2) {
		at[0] += step;
		at[1] += step;
		at += 2;
	}
	if (count & 1)
		at[0] += step;
}
#endif

// Eight pages a step, the last step masked; no count comes near 256.
ALWAYS void add8(uint32_t first, uint32_t count, int sign)
{
	const uint64_t ones = 0x0101010101010101ull;
	uint8_t *at = counts8 + first;
	uint64_t word;
	for (; count >= 8; count -= 8, at += 8) {
		memcpy(&word, at, 8);
		word = sign > 0 ? word + ones : word - ones;
		memcpy(at, &word, 8);
	}
	if (count == 0)
		return;
	memcpy(&word, at, 8);
	const uint64_t part = ones & ((1ull << (8 * count)) - 1);
	word = sign > 0 ? word + part : word - part;
	memcpy(at, &word, 8);
}

struct ring {
	uint32_t mask, at;
	struct {
		uint32_t first, count;
	} runs[IN_FLIGHT_MAX];
};

ALWAYS void take(enum mode mode, uint64_t address, uint64_t length, struct sums *sums, struct ring *ring)
{
	const uint64_t in_pool = address - POOL_ADDRESS;
	if (__builtin_expect(in_pool >= (uint64_t)POOL_PAGES * 4096 || length - 1 >= REQUEST_BYTES_MAX, 0))
		fail("a buffer outside the pool");
	const uint32_t first = in_pool >> 12;
	const uint32_t count = ((in_pool + length - 1) >> 12) - first + 1;
	sums->requests++;
	sums->bytes += length;
	sums->pages += count;
	switch (mode) {
	case PAGE:
		add32(first, count, 1);
		KEPT();
		add32(first, count, -1u);
		break;
	case PAGE8:
		add8(first, count, 1);
		KEPT();
		add8(first, count, -1);
		break;
	case FOLIO:
		counts32[first >> 9]++;
		KEPT();
		counts32[first >> 9]--;
		break;
	case QD:
	case QD8: {
		const uint32_t at = ring->at++ & ring->mask;
		if (mode == QD)
			add32(ring->runs[at].first, ring->runs[at].count, -1u);
		else
			add8(ring->runs[at].first, ring->runs[at].count, -1);
		ring->runs[at].first = first;
		ring->runs[at].count = count;
		if (mode == QD)
			add32(first, count, 1);
		else
			add8(first, count, 1);
		break;
	}
	default:
		break;
	}
}

ALWAYS void expect(const char **at, char byte)
{
	if (__builtin_expect(*(*at)++ != byte, 0))
		fail("a line is not of the form ts,op,offset,0xADDR+LEN");
}

// Rows are decoded some at a time and counted then: a mispredicted digit does not wait for a count that is not in the cache.
ALWAYS void read_csv(enum mode mode, const char *at, const char *end, struct sums *sums)
{
	struct {
		uint64_t address, length;
	} rows[256];
	const unsigned rows_max = sizeof rows / sizeof rows[0];
	while (at < end) {
		unsigned count = 0;
		for (; count < rows_max && at < end; count++) {
			const uint64_t ts = decimal(&at);
			expect(&at, ',');
			const unsigned is_write = *at == 'w';
			at += 4 + is_write;
			expect(&at, ',');
			const uint64_t offset = decimal(&at);
			expect(&at, ',');
			at += 2;
			rows[count].address = hexadecimal(&at);
			expect(&at, '+');
			rows[count].length = decimal(&at);
			expect(&at, '\n');
			sums->rest += ts + offset + is_write;
		}
		for (unsigned i = 0; i < count; i++)
			take(mode, rows[i].address, rows[i].length, sums, NULL);
	}
}

ALWAYS void read_bin(enum mode mode, int fd, uint32_t in_flight, struct sums *sums)
{
	static struct record records[CHUNK_BYTES / sizeof(struct record)];
	struct ring ring = {.mask = in_flight - 1};
	ssize_t got;
	while ((got = read(fd, records, sizeof records)) > 0) {
		const size_t count = (size_t)got / sizeof records[0];
		for (size_t i = 0; i < count; i++) {
			sums->rest += records[i].ts + records[i].offset + records[i].op;
			take(mode, records[i].address, records[i].length, sums, &ring);
		}
	}
	if (got < 0)
		fail("cannot read");
}

// The file with a page of zeros behind it, so that eight bytes can be loaded anywhere in it.
static const char *map_padded(int fd, size_t bytes)
{
	char *at = mmap(NULL, bytes + 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED || (bytes > 0 && mmap(at, bytes, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED))
		fail("cannot map the trace");
	madvise(at, bytes, MADV_SEQUENTIAL);
	return at;
}

static const char *below_header(const char *at, const char *end)
{
	static const char COLUMNS[] = "ts,op,offset,segs\n";
	while (at < end && *at == '#') {
		at = memchr(at, '\n', end - at);
		if (at++ == NULL)
			fail("no line ends");
	}
	if ((size_t)(end - at) < sizeof COLUMNS || memcmp(at, COLUMNS, sizeof COLUMNS - 1) != 0)
		fail("columns are not ts,op,offset,segs");
	return at + sizeof COLUMNS - 1;
}

static void run_csv(enum mode mode, int fd, struct sums *sums)
{
	struct stat stat;
	if (fstat(fd, &stat) != 0)
		fail("cannot stat");
	const char *begin = map_padded(fd, stat.st_size);
	const char *end = begin + stat.st_size;
	const char *at = below_header(begin, end);
	switch (mode) {
	case PAGE:
		return read_csv(PAGE, at, end, sums);
	case PAGE8:
		return read_csv(PAGE8, at, end, sums);
	case FOLIO:
		return read_csv(FOLIO, at, end, sums);
	case SCAN:
		return read_csv(SCAN, at, end, sums);
	default:
		fail("a held trace is read as bin");
	}
}

static void run_bin(enum mode mode, int fd, uint32_t in_flight, struct sums *sums)
{
	switch (mode) {
	case PAGE:
		return read_bin(PAGE, fd, in_flight, sums);
	case PAGE8:
		return read_bin(PAGE8, fd, in_flight, sums);
	case FOLIO:
		return read_bin(FOLIO, fd, in_flight, sums);
	case SCAN:
		return read_bin(SCAN, fd, in_flight, sums);
	case QD:
		return read_bin(QD, fd, in_flight, sums);
	default:
		return read_bin(QD8, fd, in_flight, sums);
	}
}

int main(int argc, char **argv)
{
	if (argc < 4)
		fail("usage: loop csv|bin MODE FILE [IN_FLIGHT]");
	enum mode mode = 0;
	while (mode < MODES && strcmp(argv[2], MODE_NAMES[mode]) != 0)
		mode++;
	const int in_flight = argc > 4 ? atoi(argv[4]) : IN_FLIGHT_MAX;
	if (mode == MODES || in_flight < 1 || in_flight > IN_FLIGHT_MAX || (in_flight & (in_flight - 1)) != 0)
		fail("no such mode, or operations in flight are no power of two up to 64");
	const int fd = open(argv[3], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail("cannot open the trace");
	struct sums sums = {0};
	if (strcmp(argv[1], "csv") == 0)
		run_csv(mode, fd, &sums);
	else
		run_bin(mode, fd, in_flight, &sums);
	printf("{\"requests\":%lu,\"pages\":%lu,\"bytes\":%lu,\"rest\":%lu}\n", sums.requests, sums.pages, sums.bytes, sums.rest);
	return 0;
}
